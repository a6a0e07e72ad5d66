package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"koppel/internal/sandbox"
	"koppel/internal/sandbox/traffic"

	"github.com/rogpeppe/go-internal/testscript"
)

// startSandbox starts the simulated systems for a script: sandbox DIR…. In each
// folder it writes the file of variables url and those of the credentials of
// the system that the folder is named after. $CONTROL is the control API,
// $ORIGIN the first of the systems without a path.
func startSandbox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: sandbox DIR…")
	}
	box, err := sandbox.Start(context.Background(), sandbox.Options{})
	ts.Check(err)
	ts.Defer(func() {
		for _, s := range box.Systems() {
			ts.Check(s.Server.Down())
		}
		ts.Check(box.Stop(context.Background()))
	})
	ts.Setenv("CONTROL", box.ControlURL())
	ts.Setenv("ORIGIN", box.System(args[0]).Server.URL())
	ts.Setenv("LIMITED_TOKEN", box.Xpert.LimitedToken)
	ts.Setenv("LIMITED_TOTP", box.Xpert.LimitedTOTPSecret)
	for _, dir := range args {
		system := box.System(dir)
		credentials, err := json.Marshal(system.Credentials)
		ts.Check(err)
		vars := map[string]string{}
		ts.Check(json.Unmarshal(credentials, &vars))
		vars["url"] = system.URL
		project, text := ts.ReadFile(filepath.Join(dir, "main.hcl")), ""
		for name, value := range vars {
			if strings.Contains(project, fmt.Sprintf("variable %q", name)) {
				text += fmt.Sprintf("%s = %q\n", name, value)
			}
		}
		ts.Check(os.WriteFile(ts.MkAbs(filepath.Join(dir, "sandbox.auto.vars.hcl")), []byte(text), 0o600))
	}
}

// setFault makes all calls of a system fail: fault SYSTEM KIND; ! fault SYSTEM
// heals it.
func setFault(ts *testscript.TestScript, neg bool, args []string) {
	method, fault := http.MethodPost, traffic.Fault{Times: -1}
	switch {
	case neg && len(args) == 1:
		method = http.MethodDelete
	case !neg && len(args) == 2:
		fault.Kind = args[1]
	default:
		ts.Fatalf("usage: fault SYSTEM KIND, or ! fault SYSTEM")
	}
	body, err := json.Marshal(fault)
	ts.Check(err)
	req, err := http.NewRequest(method, ts.Getenv("CONTROL")+"/"+args[0]+"/faults", bytes.NewReader(body))
	ts.Check(err)
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	ts.Check(resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("%s", resp.Status)
	}
}

// startBad starts a server that is no good in one way, and puts its URL into
// $BAD: badserver KIND.
func startBad(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: badserver KIND")
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
	const body = `[{"id":1},{"id":2}]`
	switch args[0] {
	case "untrusted":
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		ts.Defer(s.Close)
		ts.Setenv("BAD", s.URL)
	case "long": // announces more than it sends
		serveBytes(ts, head+"Content-Length: 500\r\n\r\n"+body)
	case "short": // announces less than it sends
		serveBytes(ts, head+"Content-Length: 10\r\n\r\n"+body)
	case "nonsense":
		serveBytes(ts, head+"Content-Length: many\r\n\r\n"+body)
	case "another": // protocol
		serveBytes(ts, "220 mail.example.org ESMTP\r\n")
	case "away":
		serveBytes(ts, "HTTP/1.1 302 Found\r\nLocation: https://nosuchhost.invalid/login\r\nContent-Length: 0\r\n\r\n")
	case "silent":
		serveBytes(ts, "")
	case "nobody": // listens there any more
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		ts.Check(l.Close())
		ts.Setenv("BAD", "http://"+l.Addr().String())
	default:
		ts.Fatalf("there is no bad server %s", args[0])
	}
}

// serveBytes answers each connection with the same text, or, where it is empty,
// never.
func serveBytes(ts *testscript.TestScript, text string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ts.Check(l.Close()) })
	ts.Setenv("BAD", "http://"+l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				request := make([]byte, 64<<10)
				for text == "" {
					if _, err := c.Read(request); err != nil {
						return
					}
				}
				if _, err := c.Read(request); err == nil {
					_, _ = c.Write([]byte(text)) // the caller may have gone
				}
			}()
		}
	}()
}
