package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// mails writes what arrived at the simulated mail server into a file: mails FILE.
func mails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mails FILE")
	}
	resp, err := http.Get(ts.Getenv("CONTROL") + "/smtp/data/messages")
	ts.Check(err)
	defer resp.Body.Close()
	var messages []struct {
		Method, Subject string
		To              []string
	}
	ts.Check(json.NewDecoder(resp.Body).Decode(&messages))
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "%s %s %s\n", m.Method, strings.Join(m.To, ","), m.Subject)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o644))
}
