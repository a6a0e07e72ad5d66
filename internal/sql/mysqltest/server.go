// Package mysqltest starts private MariaDB servers for tests.
package mysqltest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A Server is a MariaDB server on loopback with a folder of its own. It ends
// with the test.
type Server struct {
	socket string
	port   int
}

// Start starts a server with options of its own. Where MariaDB is absent the test is skipped; with
// KOPPEL_CI set it fails.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	daemon, install := find("mariadbd"), find("mariadb-install-db")
	if daemon == "" || install == "" || find("mariadb") == "" {
		if os.Getenv("KOPPEL_CI") != "" {
			t.Fatal("mariadb-server is not installed")
		}
		t.Skip("mariadb-server is not installed (apt-get install mariadb-server)")
	}
	// A socket's path has to be short.
	dir, err := os.MkdirTemp("", "mdb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{socket: filepath.Join(dir, "s")}
	// A server that starts removes the temporary tables of others from the folder
	// that they share.
	data, tmp := filepath.Join(dir, "data"), filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	as := owner(t, dir, tmp)
	run(t, as, install, "--no-defaults", "--datadir="+data, "--tmpdir="+tmp, "--auth-root-authentication-method=normal", "--skip-test-db")
	for try := 1; ; try++ {
		s.port = freePort(t)
		words, ok := s.serve(t, as, daemon, append([]string{"--no-defaults", "--datadir=" + data, "--tmpdir=" + tmp, "--socket=" + s.socket, "--port=" + strconv.Itoa(s.port),
			"--bind-address=127.0.0.1", "--pid-file=" + filepath.Join(dir, "pid"), "--innodb-flush-log-at-trx-commit=0", "--sync-frm=0", "--innodb-doublewrite=0",
			"--skip-name-resolve", "--max-allowed-packet=4M", "--innodb-buffer-pool-size=64M"}, options...))
		if ok {
			break
		}
		if try == startTries {
			t.Fatalf("mariadbd ended %d times while it started; at last it said\n%s", try, words)
		}
	}
	s.Exec(t, "", "CREATE USER koppel@'%' IDENTIFIED BY 'canary/1'; GRANT ALL ON *.* TO koppel@'%'")
	return s
}

// startTries is how often a server is started: another program may take its port
// meanwhile.
const startTries = 5

// serve starts the server and waits until it answers. When it ends before, words
// is what it said.
func (s *Server) serve(t testing.TB, as *syscall.SysProcAttr, daemon string, args []string) (words string, ok bool) {
	t.Helper()
	cmd := exec.Command(daemon, args...)
	cmd.SysProcAttr = as
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, ended := context.WithCancel(context.Background())
	go func() {
		_ = cmd.Wait() // what it says tells more
		ended()
	}()
	out, err := exec.CommandContext(ctx, find("mariadb-admin"), "--no-defaults", "--socket="+s.socket, "--user=root", "--connect-timeout=60", "--wait=60", "ping").CombinedOutput()
	if ctx.Err() != nil {
		return log.String(), false
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-ctx.Done()
	})
	if err != nil {
		t.Fatalf("mariadb-admin: %v\n%s", err, out)
	}
	return "", true
}

// find looks a program up in the path and where servers are kept.
func find(program string) string {
	for _, p := range []string{program, "/usr/sbin/" + program, "/usr/local/sbin/" + program} {
		if path, err := exec.LookPath(p); err == nil {
			return path
		}
	}
	return ""
}

// owner gives folders to the user mysql when the test is root, which the server
// refuses to be.
func owner(t testing.TB, dirs ...string) *syscall.SysProcAttr {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("mysql")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, dir := range dirs {
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
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

func run(t testing.TB, as *syscall.SysProcAttr, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.SysProcAttr = as
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(program), err, out)
	}
	return string(out)
}

// URL is the address of a database, for a user that may do everything.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("mysql://koppel:canary%%2F1@127.0.0.1:%d/%s", s.port, database)
}

// Address is the server's host and port.
func (s *Server) Address() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// Create makes an empty database and gives its address.
func (s *Server) Create(t testing.TB, database string) string {
	t.Helper()
	s.Exec(t, "", "CREATE OR REPLACE DATABASE "+database+" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
	return s.URL(database)
}

// Exec runs statements through MariaDB's own client.
func (s *Server) Exec(t testing.TB, database, statements string) {
	t.Helper()
	s.Query(t, database, statements)
}

// Query gives what MariaDB's own client shows: a line a row, tabs between the
// columns.
func (s *Server) Query(t testing.TB, database, query string) string {
	t.Helper()
	cmd := exec.Command(find("mariadb"), "--no-defaults", "--socket="+s.socket, "--user=root", "--batch", "--raw", "--skip-column-names", "--default-character-set=utf8mb4", database)
	cmd.Stdin = strings.NewReader(query)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("mariadb: %v\n%s", err, stderr.String())
	}
	return string(out)
}
