package webhook_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"koppel/internal/webhook"
)

// The digests are those of RFC 2202 (case 2) and RFC 4231 (case 2).
func TestSignKnown(t *testing.T) {
	for method, want := range map[string]string{
		"sha1":   "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
		"sha256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"sha384": "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
		"sha512": "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
	} {
		got, err := webhook.Sign(method, []byte("Jefe"), []byte("what do ya want for nothing?"))
		if err != nil || got != method+"="+want {
			t.Errorf("%s: %s, %v; want %s", method, got, err, want)
		}
		if err := webhook.Verify(strings.ToUpper(got), []byte("Jefe"), []byte("what do ya want for nothing?")); err != nil {
			t.Errorf("%s in upper case: %v", method, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	secret, body := []byte("s"), []byte("{}")
	good, err := webhook.Sign("sha256", secret, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]string{
		"none":           "",
		"no method":      strings.TrimPrefix(good, "sha256="),
		"other method":   "sha1" + strings.TrimPrefix(good, "sha256"),
		"unknown method": "md5" + strings.TrimPrefix(good, "sha256"),
		"no digest":      "sha256=",
		"cut":            good[:len(good)-2],
		"longer":         good + "00",
		"no hexadecimal": good[:len(good)-1] + "g",
		"two":            good + ", " + good,
	} {
		if err := webhook.Verify(header, secret, body); !errors.Is(err, webhook.ErrSignature) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	if err := webhook.Verify(good, secret, []byte("{} ")); !errors.Is(err, webhook.ErrSignature) {
		t.Errorf("another body: %v", err)
	}
	if err := webhook.Verify(good, nil, body); !errors.Is(err, webhook.ErrSignature) {
		t.Errorf("an empty secret: %v", err)
	}
	if _, err := webhook.Sign("sha256", nil, body); err == nil {
		t.Error("an empty secret signs")
	}
}

func TestVerifySigned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		method := rapid.SampledFrom([]string{"sha1", "sha256", "sha384", "sha512"}).Draw(t, "method")
		secret := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "secret")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		header, err := webhook.Sign(method, secret, body)
		if err != nil {
			t.Fatal(err)
		}
		if err := webhook.Verify(header, secret, body); err != nil {
			t.Fatal(err)
		}
		other := append(bytes.Clone(body), rapid.Byte().Draw(t, "more"))
		if webhook.Verify(header, secret, other) == nil {
			t.Fatal("a longer body passes")
		}
	})
}

// OpenSSL is the implementation that most senders use.
func TestSignLikeOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not on this machine")
	}
	body := []byte("{\"id\": \"1\", \"name\": \"Zoë Proefman\"}\r\n\x00")
	file := t.TempDir() + "/body"
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"sha1", "sha256", "sha384", "sha512"} {
		out, err := exec.Command(openssl, "dgst", "-"+method, "-hmac", "a long secret é", "-r", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		header := fmt.Sprintf("%s=%s", method, strings.Fields(string(out))[0])
		if err := webhook.Verify(header, []byte("a long secret é"), body); err != nil {
			t.Errorf("%s: %v", header, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("sha256=00", []byte("s"), []byte("{}"))
	f.Add("sha1=", []byte("s"), []byte(""))
	f.Fuzz(func(t *testing.T, header string, secret, body []byte) {
		if webhook.Verify(header, secret, body) != nil {
			return
		}
		method, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(header)), "=")
		want, err := webhook.Sign(method, secret, body)
		if err != nil || !strings.EqualFold(want, strings.TrimSpace(header)) {
			t.Fatalf("%q passes and is not %q (%v)", header, want, err)
		}
	})
}
