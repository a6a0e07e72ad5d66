package secret

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A kvServer answers as Vault does: secret/ is KV version 2, old/ and
// deep/mount/ are version 1 and 2.
func kvServer(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("X-Vault-Token") != "t0ken" || req.Header.Get("X-Vault-Namespace") == "other" {
		http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
		return
	}
	path := strings.TrimPrefix(req.URL.Path, "/v1/")
	if mounted, ok := strings.CutPrefix(path, "sys/internal/ui/mounts/"); ok {
		for mount, version := range map[string]string{"secret/": "2", "old/": "1", "deep/mount/": "2", "broken/": "2"} {
			if strings.HasPrefix(mounted, mount) {
				fmt.Fprintf(w, `{"data":{"path":%q,"type":"kv","options":{"version":%q}}}`, mount, version)
				return
			}
		}
		http.Error(w, `{"errors":[]}`, http.StatusNotFound)
		return
	}
	switch path {
	case "secret/data/shop", "deep/mount/data/shop":
		fmt.Fprint(w, `{"data":{"data":{"token":"canary\n\u00e9","port":5432,"big":12345678901234567890,"on":true,"none":null,"list":["canary"],"":"x"},"metadata":{"version":3}}}`)
	case "old/shop", "ancient/shop":
		fmt.Fprint(w, `{"data":{"token":"canary","data":"odd"}}`)
	case "secret/data/page":
		fmt.Fprint(w, `<html>canary</html>`)
	case "broken/data/shop":
		fmt.Fprint(w, `{"data":{"token":"canary"}}`)
	case "secret/data/sealed":
		http.Error(w, `{"errors":["canary"]}`, http.StatusServiceUnavailable)
	case "secret/data/large":
		fmt.Fprintf(w, `{"data":{"data":{"token":"%s"}}}`, strings.Repeat("canary", mostSize/6+1))
	case "secret/data/standby":
		http.Redirect(w, req, "/v1/secret/data/shop", http.StatusTemporaryRedirect)
	case "secret/data/downgrade":
		http.Redirect(w, req, "http://vault.example/v1/secret/data/shop", http.StatusTemporaryRedirect)
	default:
		http.Error(w, `{"errors":[]}`, http.StatusNotFound)
	}
}

func TestResolveVault(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(kvServer))
	defer server.Close()
	env := environ(map[string]string{"VAULT_ADDR": server.URL + "/", "VAULT_TOKEN": "t0ken\n"})
	tests := []struct {
		ref, want, problem string
		missing            bool
	}{
		{"vault:secret/shop#token", "canary\né", "", false},
		{"vault:/secret/data/shop#token", "canary\né", "", false},
		{"vault:secret/shop#port", "5432", "", false},
		{"vault:secret/shop#big", "12345678901234567890", "", false},
		{"vault:secret/shop#on", "true", "", false},
		{"vault:secret/standby#token", "canary\né", "", false},
		{"vault:deep/mount/shop#port", "5432", "", false},
		{"vault:old/shop#token", "canary", "", false},
		{"vault:old/shop#data", "odd", "", false},
		{"vault:ancient/shop#token", "canary", "", false},
		{"vault:secret/shop#none", "", "no such secret", true},
		{"vault:secret/shop#absent", "", `field "absent" of secret/shop in Vault`, true},
		{"vault:secret/shop#list", "", "neither text nor a number", false},
		{"vault:secret/gone#token", "", "no such secret", true},
		{"vault:secret/page#token", "", "not the JSON of Vault", false},
		{"vault:broken/shop#token", "", "KV version 2", false},
		{"vault:secret/sealed#token", "", "503", false},
		{"vault:secret/large#token", "", "longer than 1 MiB", false},
		{"vault:secret/downgrade#token", "", "must be https", false},
	}
	for _, tt := range tests {
		got, err := Resolve(context.Background(), tt.ref, "", env)
		if tt.problem == "" && err != nil || got != tt.want {
			t.Errorf("%s = %q, %v; want %q", tt.ref, got, err, tt.want)
			continue
		}
		checkError(t, tt.ref, err, tt.problem, tt.missing)
	}
}

func TestResolveVaultSettings(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(kvServer))
	defer server.Close()
	tests := []struct {
		name    string
		env     map[string]string
		problem string
	}{
		{"no address", map[string]string{"VAULT_TOKEN": "canary"}, "VAULT_ADDR is not set"},
		{"no token", map[string]string{"VAULT_ADDR": server.URL}, "VAULT_TOKEN is not set"},
		{"wrong token", map[string]string{"VAULT_ADDR": server.URL, "VAULT_TOKEN": "canary"}, "permission denied"},
		{"odd token", map[string]string{"VAULT_ADDR": server.URL, "VAULT_TOKEN": "canary\nX: y"}, "X-Vault-Token"},
		{"other namespace", map[string]string{"VAULT_ADDR": server.URL, "VAULT_TOKEN": "t0ken", "VAULT_NAMESPACE": "other"}, "permission denied"},
		{"plain http", map[string]string{"VAULT_ADDR": "http://vault.example:8200", "VAULT_TOKEN": "canary"}, "must be https"},
		{"no scheme", map[string]string{"VAULT_ADDR": "vault.example", "VAULT_TOKEN": "canary"}, "must be https"},
		{"no URL", map[string]string{"VAULT_ADDR": "https://canary:canary@[", "VAULT_TOKEN": "canary"}, "not a URL"},
		{"no certificate", map[string]string{"VAULT_ADDR": server.URL, "VAULT_TOKEN": "canary", "VAULT_CACERT": "none.pem"}, "VAULT_CACERT"},
	}
	for _, tt := range tests {
		_, err := Resolve(context.Background(), "vault:secret/shop#token", "", environ(tt.env))
		checkError(t, tt.name, err, tt.problem, false)
	}
}

func TestResolveVaultTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(kvServer))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"VAULT_ADDR": server.URL, "VAULT_TOKEN": "t0ken", "VAULT_CACERT": file}
	if got, err := Resolve(context.Background(), "vault:old/shop#token", "", environ(env)); got != "canary" || err != nil {
		t.Errorf("Resolve = %q, %v; want canary", got, err)
	}
	delete(env, "VAULT_CACERT")
	_, err := Resolve(context.Background(), "vault:old/shop#token", "", environ(env))
	checkError(t, "unknown authority", err, "certificate", false)
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"env:A", "file:a/b", "keyring:a/b", "vault:a/b#c", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		err := Check(ref)
		if r, _ := parse(ref); err == nil && (r.place == "" || (r.scheme == "vault" || r.scheme == "keyring") && r.field == "") {
			t.Errorf("Check(%q) accepts %+v", ref, r)
		}
	})
}
