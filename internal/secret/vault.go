package secret

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// A vault reads the KV secrets engine by Vault's HTTP API
// (https://developer.hashicorp.com/vault/api-docs/secret/kv).
type vault struct {
	client           *http.Client
	address          *url.URL
	token, namespace string
}

func (r resolver) fromVault(ctx context.Context, path, field string) (string, error) {
	v, err := r.vault()
	if err != nil {
		return "", err
	}
	defer v.client.CloseIdleConnections()
	fields, err := v.read(ctx, path)
	if err != nil {
		return "", err
	}
	raw, ok := fields[field]
	if !ok {
		return "", fmt.Errorf("the secret has no such field: %w", ErrNotFound)
	}
	return scalar(raw)
}

func (r resolver) vault() (*vault, error) {
	env := func(name string) string {
		value, _ := r.environ(name)
		return strings.TrimSpace(value)
	}
	address, err := url.Parse(env("VAULT_ADDR"))
	switch {
	case env("VAULT_ADDR") == "":
		return nil, errors.New("VAULT_ADDR is not set")
	case err != nil:
		return nil, errors.New("VAULT_ADDR is not a URL")
	case env("VAULT_TOKEN") == "":
		return nil, errors.New("VAULT_TOKEN is not set")
	}
	if err := checkTransport(address); err != nil {
		return nil, fmt.Errorf("VAULT_ADDR %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if file := env("VAULT_CACERT"); file != "" {
		if transport.TLSClientConfig, err = trust(file); err != nil {
			return nil, err
		}
	}
	return &vault{
		client:  &http.Client{Transport: transport, Timeout: patience, CheckRedirect: checkRedirect},
		address: address, token: env("VAULT_TOKEN"), namespace: env("VAULT_NAMESPACE"),
	}, nil
}

func trust(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read VAULT_CACERT: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("read VAULT_CACERT: it holds no certificate")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// checkTransport refuses what would send the token in the clear.
func checkTransport(u *url.URL) error {
	host := u.Hostname()
	ip := net.ParseIP(host)
	switch {
	case u.Scheme == "https" && host != "":
		return nil
	case u.Scheme == "http" && (host == "localhost" || ip != nil && ip.IsLoopback()):
		return nil
	default:
		return errors.New("must be https; plain http is for loopback only")
	}
}

// checkRedirect lets a standby node point to the active one.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return errors.New("too many redirects")
	}
	return checkTransport(req.URL)
}

// read returns the fields of the secret at path, which is written as for
// `vault kv get`, or as in the API with the data/ of version 2 in it.
func (v *vault) read(ctx context.Context, path string) (map[string]json.RawMessage, error) {
	place, versioned := path, false
	mount, version, err := v.mount(ctx, path)
	if err != nil {
		return nil, err
	}
	if version == "2" {
		versioned = true
		if rest := strings.TrimPrefix(path, mount); !strings.HasPrefix(rest, "data/") {
			place = mount + "data/" + rest
		}
	}
	var answer struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if err := v.get(ctx, place, &answer); err != nil {
		return nil, err
	}
	if !versioned {
		return answer.Data, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(answer.Data["data"], &fields); err != nil {
		return nil, errors.New("the answer is not that of a KV version 2 engine")
	}
	return fields, nil
}

// mount asks where the engine of a path is mounted and which version it has,
// as Vault's own command line does; servers before 0.10 know version 1 only.
func (v *vault) mount(ctx context.Context, path string) (mount, version string, err error) {
	var answer struct {
		Data struct {
			Path    string            `json:"path"`
			Options map[string]string `json:"options"`
		} `json:"data"`
	}
	err = v.get(ctx, "sys/internal/ui/mounts/"+path, &answer)
	if errors.Is(err, ErrNotFound) {
		return "", "1", nil
	}
	if err != nil {
		return "", "", err
	}
	if answer.Data.Path == "" {
		return "", "", errors.New("find the mount: the answer names none")
	}
	return answer.Data.Path, answer.Data.Options["version"], nil
}

// get shows nothing of a body in its errors: it may hold the secret.
func (v *vault) get(ctx context.Context, path string, into any) error {
	u := v.address.JoinPath("v1", path)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return errors.New("the path makes no URL")
	}
	req.Header.Set("X-Vault-Token", v.token)
	req.Header.Set("X-Vault-Request", "true")
	if v.namespace != "" {
		req.Header.Set("X-Vault-Namespace", v.namespace)
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusForbidden:
		return errors.New("permission denied for this VAULT_TOKEN")
	default:
		return fmt.Errorf("the server answers %s", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostSize+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer: %w", err)
	case len(body) > mostSize:
		return errors.New("the answer is longer than 1 MiB")
	case json.Unmarshal(body, into) != nil:
		return errors.New("the answer is not the JSON of Vault")
	}
	return nil
}

// scalar gives a string, number or boolean as text.
func scalar(raw json.RawMessage) (string, error) {
	raw = bytes.TrimSpace(raw)
	var s string
	switch {
	case json.Unmarshal(raw, &s) == nil && len(raw) > 0 && raw[0] == '"':
		return s, nil
	case bytes.Equal(raw, []byte("null")):
		return "", ErrNotFound
	case len(raw) == 0 || raw[0] == '{' || raw[0] == '[':
		return "", errors.New("it is neither text nor a number")
	default:
		return string(raw), nil
	}
}
