// Package postgrestest starts private PostgreSQL servers for tests.
package postgrestest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A Server is a private PostgreSQL server on loopback.
type Server struct {
	// URL names the database to connect to, as a superuser with a password.
	URL  string
	Port int
	// Password is that of the superuser postgres.
	Password string
	bin      string
}

// Start starts a server in a temporary folder and ends it with the
// test. Without the server's programs the test is skipped, or fails where
// KOPPEL_CI is set.
func Start(t testing.TB) *Server {
	t.Helper()
	bin := postgresPrograms()
	if bin == "" {
		const missing = "no PostgreSQL server programs found; install the package postgresql"
		if os.Getenv("KOPPEL_CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	dir, err := os.MkdirTemp("", "koppel-pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &Server{Password: "kanarie-9b1f", bin: bin}
	if err := p.initialize(dir); err != nil {
		t.Fatal(err)
	}
	for try := 1; ; try++ {
		p.Port = freePort(t)
		err := p.serve(t, filepath.Join(dir, "data"))
		if err == nil {
			break
		}
		if try == startTries {
			t.Fatalf("PostgreSQL did not start %d times; at last: %v", try, err)
		}
	}
	p.URL = p.Database("postgres")
	return p
}

// startTries is how often a server is started: another program may take its port
// meanwhile.
const startTries = 5

// Database gives the URL of a database of the server.
func (p *Server) Database(name string) string {
	return fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/%s?sslmode=disable", p.Password, p.Port, name)
}

// Exec runs statements through psql, in the database of url.
func (p *Server) Exec(t testing.TB, url string, statements ...string) {
	t.Helper()
	p.Query(t, url, strings.Join(statements, ";\n")+";")
}

// Query runs text through psql and gives the rows, their columns parted by |.
func (p *Server) Query(t testing.TB, url, text string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(p.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", url)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// Create makes a database and gives its URL.
func (p *Server) Create(t testing.TB, name string) string {
	t.Helper()
	p.Exec(t, p.URL, "CREATE DATABASE "+name+" ENCODING 'UTF8' TEMPLATE template0")
	return p.Database(name)
}

// postgresPrograms finds the newest folder of server programs.
func postgresPrograms() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0])
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// as runs a program; the server refuses to be root.
func as(program string, args ...string) *exec.Cmd {
	if os.Getuid() == 0 {
		args = append([]string{"-u", "postgres", "--", program}, args...)
		program = "runuser"
	}
	return exec.Command(program, args...)
}

func (p *Server) initialize(dir string) error {
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(p.Password), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		if out, err := exec.Command("chown", "postgres", data, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("chown: %w: %s", err, out)
		}
	}
	cmd := as(filepath.Join(p.bin, "initdb"), "-D", data, "-U", "postgres", "--pwfile", password, "-A", "scram-sha-256",
		"-E", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// serve runs the server until the test ends and waits until it answers.
func (p *Server) serve(t testing.TB, data string) error {
	t.Helper()
	log := filepath.Join(data, "log")
	cmd := as(filepath.Join(p.bin, "pg_ctl"), "start", "-w", "-t", "600", "-D", data, "-l", log,
		"-o", fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=50 -c shared_buffers=64MB -c fsync=off", p.Port))
	cmd.Dir = filepath.Dir(data)
	cmd.WaitDelay = 10 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		said, _ := os.ReadFile(log) // what there is of it
		return fmt.Errorf("pg_ctl start: %w: %s\n%s", err, out, said)
	}
	t.Cleanup(func() {
		stop := as(filepath.Join(p.bin, "pg_ctl"), "stop", "-m", "immediate", "-D", data)
		stop.Dir = filepath.Dir(data)
		if out, err := stop.CombinedOutput(); err != nil {
			t.Errorf("pg_ctl stop: %v: %s", err, out)
		}
	})
	return nil
}

// Address is the server's host and port.
func (p *Server) Address() string { return "127.0.0.1:" + strconv.Itoa(p.Port) }
