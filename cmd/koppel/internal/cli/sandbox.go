package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"koppel/internal/sandbox"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

// sandboxPort is the port of the control API unless another is asked for.
const sandboxPort = 7400

func (a *app) sandboxVerb() *cobra.Command {
	o := sandbox.Options{}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run simulated vendor systems on this machine",
		Long: `Sandbox runs AFAS Profit, AlleyOop, a REST service, a SOAP service, Microsoft
365, a mail server and an Xpert Suite on loopback, with test persons in them, and prints a connection block for each. They behave as the
vendors document it, traps included. Through the control API you change their data,
make calls fail and see what they received; docs/sandbox.md describes it. All is in
memory and gone when it ends; equal seeds give equal data and credentials.`,
		Example: `  koppel sandbox                                 until Ctrl-C
  koppel sandbox > connections.hcl               connections for a project, kept in a file
  koppel sandbox --port 0 --json                 any free ports, for a script
  koppel sandbox --employees 20000 --log calls.jsonl
  curl http://127.0.0.1:7400/afas/counts         what AFAS was asked so far
  curl -d '{"kind":"503","times":3}' http://127.0.0.1:7400/afas/faults`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.sandbox(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.IntVar(&o.Port, "port", sandboxPort, "`PORT` of the control API; the systems take those after it; 0: any free ports")
	f.Uint64Var(&o.Seed, "seed", 0, "`NUMBER` that data and credentials are made from")
	f.IntVar(&o.Employees, "employees", 40, "how many employees AFAS, Microsoft 365 and the Xpert Suite have, as a `NUMBER`")
	f.IntVar(&o.Graph.Events, "events", 2, "how many meetings each mailbox has beside special ones, as a `NUMBER`")
	f.IntVar(&o.Clients, "clients", 12, "how many clients AlleyOop has, as a `NUMBER`")
	f.IntVar(&o.Orders, "orders", 60, "how many orders the REST service has, as a `NUMBER`")
	f.IntVar(&o.Persons, "persons", 30, "how many persons the SOAP service has, as a `NUMBER`")
	f.StringVar(&o.CAFile, "ca-file", "", "write the authority of the mail server to `FILE`; default: a temporary file")
	f.StringVar(&o.Log, "log", "", "append each call to `FILE`, on the disk before it is answered")
	return cmd
}

// sandbox runs the systems until it is interrupted.
func (a *app) sandbox(ctx context.Context, o sandbox.Options) error {
	for name, n := range map[string]int{"employees": o.Employees, "events": o.Graph.Events, "clients": o.Clients, "orders": o.Orders, "persons": o.Persons} {
		if n < 1 || n > 1_000_000 {
			return wrong("--%s is a number from 1 to 1000000, and not %d", name, n)
		}
	}
	if o.Port < 0 || o.Port > 65000 {
		return wrong("--port is a number from 0 to 65000, and not %d", o.Port)
	}
	o.Log, o.CAFile = a.at(o.Log), a.at(o.CAFile)
	s, err := sandbox.Start(ctx, o)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w\nAnother sandbox may be running: give another --port, or --port 0 for any free ones", err)
	}
	if err != nil {
		return err
	}
	if err := a.showSandbox(s); err != nil {
		return errors.Join(err, s.Stop(ctx))
	}
	<-ctx.Done()
	calls := 0
	for _, system := range s.Systems() {
		calls += system.Traffic.Counts().Requests
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.Stop(last); err != nil {
		return err
	}
	a.note(fmt.Sprintf("The sandbox has ended; it answered %s.", counted(calls, "call", "calls")))
	return nil
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func (a *app) showSandbox(s *sandbox.Sandbox) error {
	out := view.Sandbox{FormatVersion: view.FormatVersion, Control: s.ControlURL()}
	for _, system := range s.Systems() {
		text, err := json.Marshal(system.Credentials)
		if err != nil {
			return fmt.Errorf("show the sandbox: %w", err)
		}
		shown := view.SandboxSystem{Name: system.Name, About: system.About, URL: system.URL}
		if err := json.Unmarshal(text, &shown.Credentials); err != nil {
			return fmt.Errorf("show the sandbox: %w", err)
		}
		shown.Connection = connectionOf(shown)
		out.Systems = append(out.Systems, shown)
	}
	if a.json {
		if err := view.WriteJSON(a.out, out); err != nil {
			return err
		}
		return a.out.Flush()
	}
	return out.Write(a.out, a.style())
}

// connectionOf writes the connection block of a system.
func connectionOf(s view.SandboxSystem) string {
	q, c := strconv.Quote, s.Credentials
	switch s.Name {
	case "afas":
		return block(`connection "afas" "sandbox"`, "url", q(s.URL), "token", q(c["token"]))
	case "alleyoop":
		return block(`connection "alleyoop" "sandbox"`, "url", q(s.URL), "username", q(c["username"]), "password", q(c["password"]), "api_key", q(c["api_key"]))
	case "graph":
		return block(`connection "graph" "sandbox"`, "tenant", q(c["tenant"]), "client_id", q(c["client_id"]), "client_secret", q(c["client_secret"]),
			"login_url", q(s.URL), "url", q(s.URL))
	case "smtp":
		return block(`connection "smtp" "mail"`, "host", q(c["host"]), "port", c["port"], "username", q(c["username"]), "password", q(c["password"]),
			"from", q(c["from"]), "ca_file", q(c["ca_file"]))
	case "xpert":
		return block(`connection "xpert" "suite"`, "url", q(s.URL), "account", q(c["account"]), "token", q(c["token"]), "totp_secret", q(c["totp_secret"]))
	case "soap":
		return with(block(`connection "http" "directory"`, "url", q(s.URL)),
			block(`auth "wsse"`, "username", q(c["username"]), "password", q(c["password"])))
	}
	return with(block(`connection "http" "shop"`, "url", q(s.URL)), block(`auth "bearer"`, "token", q(c["bearer"])))
}

// block writes a block with names and values in turn, the names aligned.
func block(head string, pairs ...string) string {
	width := 0
	for i := 0; i < len(pairs); i += 2 {
		width = max(width, len(pairs[i]))
	}
	text := head + " {\n"
	for i := 0; i < len(pairs); i += 2 {
		text += fmt.Sprintf("  %-*s = %s\n", width, pairs[i], pairs[i+1])
	}
	return text + "}\n"
}

// with puts a block into another, at its end.
func with(outer, inner string) string {
	lines := strings.Split(strings.TrimRight(inner, "\n"), "\n")
	return strings.TrimSuffix(outer, "}\n") + "  " + strings.Join(lines, "\n  ") + "\n}\n"
}
