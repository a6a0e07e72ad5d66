package sql

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/internal/sql/mysqltest"
	"koppel/internal/sql/postgrestest"
)

// selfSigned writes a certificate for a name and its key into dir, which a
// server of another user reads.
func selfSigned(t testing.TB, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if ip := net.ParseIP(name); ip != nil {
		about.IPAddresses = []net.IP{ip}
	} else {
		about.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// tlsDir is a folder that a server of another user can look into.
func tlsDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "koppel-tls")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A tlsCase is an ending of a URL and what becomes of a connection: encrypted,
// plain, or refused with these words.
type tlsCase struct{ options, want string }

func checkTLS(t *testing.T, tests []tlsCase, encrypted string, open func(options string) (*DB, error)) {
	t.Helper()
	for _, test := range tests {
		db, err := open(test.options)
		got := ""
		if err == nil {
			var c Conn
			if c, err = db.Open(t.Context(), Read); err == nil {
				if err = c.Begin(t.Context(), false); err == nil {
					got = "plain"
					err = rows(c, encrypted, nil, func(s Stmt) {
						if v := s.Column(0); v.Int != 0 || len(v.Text) > 0 {
							got = "encrypted"
						}
					})
				}
				c.Close()
			}
		}
		if err != nil {
			got = err.Error()
			if !errors.Is(err, connector.ErrUnreachable) {
				t.Errorf("%s: no exit 4: %v", test.options, err)
			}
		}
		if got != test.want && !(err != nil && strings.Contains(test.want, " ") && strings.Contains(got, test.want)) {
			t.Errorf("%s: %s, want %s", test.options, got, test.want)
		}
	}
}

func TestPostgresTLS(t *testing.T) {
	server := postgrestest.Start(t)
	dir := tlsDir(t)
	use := func(name string) string {
		cert, key := selfSigned(t, dir, name)
		// The server wants a key that nobody else reads.
		server.Exec(t, server.URL, "ALTER SYSTEM SET ssl_cert_file = '"+cert+"'",
			"COPY (SELECT pg_read_file('"+key+"')) TO PROGRAM 'umask 077; cat | sed ''s/\\\\n/\\n/g'' > \"$PGDATA/"+name+".key\"'",
			"ALTER SYSTEM SET ssl_key_file = '"+name+".key'", "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
		for t.Context().Err() == nil && server.Query(t, server.URL, "SHOW ssl_cert_file")[0] != cert {
		} // the server reads its configuration when it comes to it
		return cert
	}
	cert := use("127.0.0.1")
	base, _, _ := strings.Cut(server.URL, "?")
	open := func(options string) (*DB, error) { return NewPostgres(base+options, dir, 0) }
	const encrypted = "SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()"
	checkTLS(t, []tlsCase{
		{"?sslmode=verify-full", "signed by unknown authority; give the certificate of its authority as sslrootcert=FILE"},
		{"?sslmode=verify-full&sslrootcert=" + cert, "encrypted"},
		{"?sslmode=verify-full&sslrootcert=" + filepath.Base(cert), "encrypted"},
		{"?sslmode=require", "encrypted"},
		{"", "encrypted"},
		{"?sslmode=disable", "plain"},
	}, encrypted, open)
	other := use("db.example")
	checkTLS(t, []tlsCase{
		{"?sslmode=verify-ca&sslrootcert=" + cert, "signed by unknown authority; give"},
		{"?sslmode=verify-full&sslrootcert=" + other, "cannot validate certificate for 127.0.0.1"},
		{"?sslmode=verify-ca&sslrootcert=" + other, "encrypted"},
	}, encrypted, open)
}

func TestMySQLTLS(t *testing.T) {
	dir := tlsDir(t)
	cert, key := selfSigned(t, dir, "127.0.0.1")
	other, otherKey := selfSigned(t, dir, "db.example")
	start := func(cert, key string) func(string) (*DB, error) {
		server := mysqltest.Start(t, "--ssl-cert="+cert, "--ssl-key="+key, "--ssl-ca="+cert)
		base := server.Create(t, "there")
		return func(options string) (*DB, error) { return NewMySQL(base+options, dir, time.Second, 0) }
	}
	const encrypted = "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'"
	checkTLS(t, []tlsCase{
		{"?tls=true", "signed by unknown authority; give the certificate of its authority as ca_file=FILE"},
		{"?ca_file=" + cert, "encrypted"},
		{"?ca_file=" + filepath.Base(cert), "encrypted"},
		{"?tls=skip-verify", "encrypted"},
		{"", "plain"},
		{"?tls=false", "plain"},
	}, encrypted, start(cert, key))
	checkTLS(t, []tlsCase{
		{"?ca_file=" + other, "cannot validate certificate for 127.0.0.1"},
	}, encrypted, start(other, otherKey))
}

// TestSilentServer gives up a server that takes connections and says nothing.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().String()
	for url, open := range map[string]func(string) (*DB, error){
		"postgres://u:p@" + at + "/hr?connect_timeout=1":                 func(url string) (*DB, error) { return NewPostgres(url, "", 0) },
		"mysql://u:p@" + at + "/hr?timeout=100ms":                        func(url string) (*DB, error) { return NewMySQL(url, "", time.Second, 0) },
		"postgres://u:p@" + at + "/hr?connect_timeout=1&sslmode=disable": func(url string) (*DB, error) { return NewPostgres(url, "", 0) },
	} {
		db, err := open(url)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Open(t.Context(), Read)
		if !errors.Is(err, connector.ErrUnreachable) || !strings.Contains(err.Error(), "no answer ") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
