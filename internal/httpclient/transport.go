package httpclient

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"koppel/engine/connector"
)

// connectTimeout bounds each of finding a way to the server and agreeing on
// TLS.
const connectTimeout = 15 * time.Second

// newTransport makes the transport of one connection. Files of relative paths
// are looked for in dir.
func newTransport(c Config, dir string, certificates []tls.Certificate) (*http.Transport, error) {
	roots, err := authorities(c.CAFile, dir)
	if err != nil {
		return nil, err
	}
	proxy, err := c.proxy()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 proxy,
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		TLSClientConfig:       &tls.Config{RootCAs: roots, Certificates: certificates, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   max(c.MaxConcurrency, 2),
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		// Answers are unpacked by this package, which bounds them.
		DisableCompression: true,
	}, nil
}

// authorities are those of the machine and those in the file; nil: the
// machine's.
func authorities(file, dir string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(at(dir, file))
	if err != nil {
		return nil, &connector.FieldError{Field: "ca_file", Problem: fmt.Sprintf("can't be read: %v", err)}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, &connector.FieldError{Field: "ca_file", Problem: fmt.Sprintf("%s holds no certificate", file), Hint: "it needs the authority's certificate as PEM: -----BEGIN CERTIFICATE-----"}
	}
	return roots, nil
}

// at is the place of a file that a project names.
func at(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

// proxy tells which proxy each request goes through.
func (c *Config) proxy() (func(*http.Request) (*url.URL, error), error) {
	text := string(c.Proxy)
	switch text {
	case "":
		return http.ProxyFromEnvironment, nil
	case "none":
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
		return nil, &connector.FieldError{Field: "proxy", Problem: "is no URL of a proxy", Hint: `write such as http://proxy.example:3128, with special characters of a password as %XX, or "none"`}
	}
	return http.ProxyURL(u), nil
}

// proxySecrets are the parts of the proxy's URL that must not be shown.
func (c *Config) proxySecrets() []string {
	u, err := url.Parse(string(c.Proxy))
	if err != nil || u.User == nil {
		return nil
	}
	password, _ := u.User.Password()
	return []string{password, u.User.String()}
}
