package mail_test

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/internal/smtp"
)

// An exim is a private Exim on loopback: it wants STARTTLS and a password, knows
// everybody but refused, and puts all mail into one maildir.
type exim struct {
	t           *testing.T
	dir         string
	port        int // for STARTTLS
	implicit    int
	delivered   chan string // a line for each message that lies in the maildir
	caFile      string
	maildir     string
	seen        []string
	user, group int
}

const eximConfig = `
exim_user = %[4]d
exim_group = %[5]d
admin_groups = %[5]d
keep_environment =
add_environment =
primary_hostname = mail.example.org
spool_directory = %[1]s/spool
log_file_path = %[1]s/log/%%s
pid_file_path = %[1]s/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = %[2]d : %[3]d
tls_on_connect_ports = %[3]d
tls_advertise_hosts = *
tls_certificate = %[1]s/cert.pem
tls_privatekey = %[1]s/key.pem
host_lookup =
never_users =
acl_smtp_mail = acl_mail
acl_smtp_rcpt = acl_rcpt
begin acl
acl_mail:
  deny message = 5.7.0 Must issue a STARTTLS command first
       !encrypted = *
  accept authenticated = *
  deny message = 5.7.0 Authentication required
acl_rcpt:
  deny message = 5.1.1 The mailbox does not exist
       local_parts = refused
  accept
begin routers
all:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = %[1]s/mail
  envelope_to_add
  user = %[4]d
  group = %[5]d
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{desk}}{eq{$auth3}{kanarie-4c11}}}}
  server_set_id = $auth2
`

// startExim runs a server until the test ends. Without its program the test is
// skipped, or fails where KOPPEL_CI is set.
func startExim(t *testing.T) *exim {
	t.Helper()
	program, err := exec.LookPath("exim4")
	if err != nil {
		program = "/usr/sbin/exim4"
	}
	if _, err := os.Stat(program); err != nil {
		missing(t, "no Exim found; install the package exim4-daemon-light")
	}
	dir, err := os.MkdirTemp("", "koppel-exim")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ports := freePorts(t)
	x := &exim{t: t, dir: dir, port: ports[0], implicit: ports[1], delivered: make(chan string, 100), caFile: dir + "/cert.pem", maildir: dir + "/mail"}
	x.user, x.group = os.Getuid(), os.Getgid()
	if x.user == 0 { // the server delivers nothing as root
		x.user, x.group = 65534, 65534
	}
	x.prepare()
	x.serve(program)
	return x
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("KOPPEL_CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// freePorts finds two ports that nobody listens on. A server that finds one taken
// meanwhile tries again by itself.
func freePorts(t *testing.T) (ports [2]int) {
	t.Helper()
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // after both are found: they are two
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// prepare writes the configuration and the certificate, which vouches for itself.
func (x *exim) prepare() {
	x.t.Helper()
	web := httptest.NewTLSServer(nil)
	web.Close()
	key, err := x509.MarshalPKCS8PrivateKey(web.TLS.Certificates[0].PrivateKey)
	if err != nil {
		x.t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"conf":     fmt.Appendf(nil, eximConfig, x.dir, x.port, x.implicit, x.user, x.group),
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	} {
		if err := os.WriteFile(filepath.Join(x.dir, name), content, 0o600); err != nil {
			x.t.Fatal(err)
		}
	}
	for _, name := range []string{"spool", "log", "mail", "conf", "cert.pem", "key.pem", "."} {
		path := filepath.Join(x.dir, name)
		if !strings.Contains(name, ".") && name != "conf" {
			if err := os.Mkdir(path, 0o700); err != nil {
				x.t.Fatal(err)
			}
		}
		if err := os.Chown(path, x.user, x.group); err != nil {
			x.t.Fatal(err)
		}
	}
}

// serve starts the server, and waits until it listens.
func (x *exim) serve(program string) {
	x.t.Helper()
	cmd := exec.Command(program, "-C", filepath.Join(x.dir, "conf"), "-bdf")
	cmd.Dir = x.dir
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(x.user), Gid: uint32(x.group), Groups: []uint32{uint32(x.group)}}}
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		x.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		x.t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	x.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range lines { // until the last of its processes has ended
		}
		_ = cmd.Wait()
	})
	for line := range lines {
		if x.seen = append(x.seen, line); strings.Contains(line, "daemon started") {
			go func() {
				for line := range lines {
					if strings.HasSuffix(line, " Completed") {
						x.delivered <- line
					}
				}
			}()
			return
		}
	}
	x.t.Fatalf("Exim did not start:\n%s", strings.Join(x.seen, "\n"))
}

// connection is how a client reaches the server, over STARTTLS.
func (x *exim) connection() smtp.Config {
	return smtp.Config{
		Host: "127.0.0.1", Port: x.port, TLS: "starttls", Username: "desk", Password: "kanarie-4c11", CAFile: x.caFile,
		From: "Receptie <receptie@example.org>", ReplyTo: "balie@example.org", Timeout: connector.Duration(time.Minute),
	}
}

// mails waits for so many more messages, and gives them.
func (x *exim) mails(n int) [][]byte {
	x.t.Helper()
	for range n {
		select {
		case <-x.delivered:
		case <-x.t.Context().Done():
			x.t.Fatal("the messages were not delivered")
		}
	}
	files, err := filepath.Glob(x.maildir + "/new/*")
	if err != nil {
		x.t.Fatal(err)
	}
	var all [][]byte
	for _, file := range files {
		if slices.Contains(x.seen, file) {
			continue
		}
		x.seen = append(x.seen, file)
		text, err := os.ReadFile(file)
		if err != nil {
			x.t.Fatal(err)
		}
		all = append(all, text)
	}
	if len(all) != n {
		x.t.Fatalf("%d messages, want %d", len(all), n)
	}
	return all
}
