package secret

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"
)

// environ looks variables up in a map.
func environ(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	elsewhere := filepath.Join(t.TempDir(), "token")
	for path, text := range map[string]string{
		filepath.Join(dir, "unix"): "canary\n", filepath.Join(dir, "dos"): "canary\r\n", filepath.Join(dir, "bare"): "canary",
		filepath.Join(dir, "blank"): " canary \n\n", filepath.Join(dir, "empty"): "\n", filepath.Join(dir, "bytes"): "canary\xff", elsewhere: "far\n",
		filepath.Join(dir, "large"): strings.Repeat("canary", mostSize/6+1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := resolver{
		dir:     dir,
		environ: environ(map[string]string{"TOKEN": "canary", "EMPTY": "", "BYTES": "canary\xff"}),
		keyring: func(service, user string) (string, error) {
			switch service + " " + user {
			case "shop anna", "https://shop.example/api anna@shop.example":
				return "canary", nil
			case "shop locked":
				return "canary", errors.New("the keyring is locked")
			}
			return "", keyring.ErrNotFound
		},
	}
	tests := []struct {
		ref, want, problem string
		missing            bool
	}{
		{"env:TOKEN", "canary", "", false},
		{"env:NONE", "", "environment variable NONE: it is not set", true},
		{"env:EMPTY", "", "environment variable EMPTY: it is empty", true},
		{"env:BYTES", "", "not UTF-8", false},
		{"env:", "", `nothing stands behind "env:"`, false},
		{"file:unix", "canary", "", false},
		{"file:dos", "canary", "", false},
		{"file:bare", "canary", "", false},
		{"file:blank", " canary \n", "", false},
		{"file:" + elsewhere, "far", "", false},
		{"file:none", "", "file none: it does not exist", true},
		{"file:empty", "", "file empty: it is empty", true},
		{"file:bytes", "", "not UTF-8", false},
		{"file:large", "", "longer than 1 MiB", false},
		{"file:.", "", "file .:", false},
		{"keyring:shop/anna", "canary", "", false},
		{"keyring:https://shop.example/api/anna@shop.example", "canary", "", false},
		{"keyring:shop/none", "", `service "shop" and user "none"`, true},
		{"keyring:shop/locked", "", "the keyring is locked", false},
		{"keyring:shop", "", "keyring:SERVICE/USER", false},
		{"keyring:shop/", "", "keyring:SERVICE/USER", false},
		{"vault:secret/shop", "", "vault:PATH#FIELD", false},
		{"vault:#token", "", "vault:PATH#FIELD", false},
		{"canary", "", forms, false},
		{"canary:x", "", forms, false},
		{"", "", forms, false},
	}
	for _, tt := range tests {
		got, err := r.resolve(context.Background(), tt.ref)
		if tt.problem == "" && err != nil || got != tt.want {
			t.Errorf("%s = %q, %v; want %q", tt.ref, got, err, tt.want)
			continue
		}
		checkError(t, tt.ref, err, tt.problem, tt.missing)
	}
}

// checkError checks that err says problem ("" for none) and no secret.
func checkError(t *testing.T, ref string, err error, problem string, missing bool) {
	t.Helper()
	if problem == "" {
		return
	}
	if err == nil || !strings.Contains(err.Error(), problem) {
		t.Errorf("%s: error %v, want one with %q", ref, err, problem)
		return
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("%s: the error shows the secret: %v", ref, err)
	}
	if errors.Is(err, ErrNotFound) != missing {
		t.Errorf("%s: error %v is ErrNotFound: %v, want %v", ref, err, !missing, missing)
	}
}

func TestResolveKeyringHangs(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	r := resolver{keyring: func(string, string) (string, error) {
		<-release
		return "", nil
	}}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.resolve(ctx, "keyring:shop/anna"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

func TestResolveIsCheckedFirst(t *testing.T) {
	for ref, ok := range map[string]bool{"env:A": true, "file:a": true, "keyring:a/b": true, "vault:a/b#c": true, "vault:a": false, "aws:a": false, "a": false} {
		if err := Check(ref); (err == nil) != ok {
			t.Errorf("Check(%q) = %v, want ok: %v", ref, err, ok)
		}
	}
	if got, err := Resolve(context.Background(), "env:A", "", environ(map[string]string{"A": "x"})); got != "x" || err != nil {
		t.Errorf("Resolve = %q, %v; want x", got, err)
	}
}
