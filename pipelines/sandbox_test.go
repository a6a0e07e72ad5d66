package pipelines_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"koppel/internal/sandbox"
	"koppel/internal/sandbox/traffic"
)

// startSandbox starts the simulated systems for a project that connects to one.
func (c *coupling) startSandbox(project string) {
	c.t.Helper()
	if !regexp.MustCompile(`connection "(afas|alleyoop|graph|smtp|xpert)"`).MatchString(project) {
		return
	}
	if c.codes = strings.Contains(project, `connection "xpert"`); c.codes {
		c.t.Setenv("TMPDIR", c.t.TempDir()) // where the codes that were sent are noted
	}
	c.boxClock.Store(c.now.Unix())
	box, err := sandbox.Start(c.t.Context(), sandbox.Options{Employees: c.employees, Now: func() time.Time { return time.Unix(c.boxClock.Load(), 0) }})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.t.Context()), time.Minute)
		defer cancel()
		for _, s := range box.Systems() {
			if err := s.Server.Down(); err != nil { // connections without a request yet are not waited for
				c.t.Error(err)
			}
		}
		if err := box.Stop(ctx); err != nil {
			c.t.Error(err)
		}
	})
	c.box = box
}

// vars are the variables of the project that say where the systems are and what
// gets in.
func (c *coupling) vars() map[string]string {
	c.t.Helper()
	vars := map[string]string{}
	maps.Copy(vars, c.more)
	if c.box == nil {
		return vars
	}
	text, err := os.ReadFile(c.dir + "/main.hcl")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range []string{"afas", "alleyoop", "graph", "smtp", "xpert"} {
		all, err := json.Marshal(c.box.System(name).Credentials)
		if err != nil {
			c.t.Fatal(err)
		}
		values := map[string]string{}
		if err := json.Unmarshal(all, &values); err != nil {
			c.t.Fatal(err)
		}
		values["url"], values["login_url"] = c.box.URL(name), c.box.URL(name)
		for key, value := range values {
			if v := name + "_" + key; strings.Contains(string(text), fmt.Sprintf("variable %q", v)) {
				vars[v] = value
			}
		}
	}
	return vars
}

// steer takes the simulated systems to the present, and makes the changes of a
// file at them: on each line a method, a path of the control API and a body.
func (c *coupling) steer(file string) {
	c.t.Helper()
	c.boxClock.Store(c.now.Unix())
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		method, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		path, body, _ := strings.Cut(rest, " ")
		req, err := http.NewRequestWithContext(c.t.Context(), method, c.box.ControlURL()+path, strings.NewReader(body))
		if err != nil {
			c.t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			c.t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			c.t.Fatalf("%s: %d %s %v", line, resp.StatusCode, answer, err)
		}
	}
}

// noteReceived notes what the simulated systems were told to do, and that
// nothing was done twice.
func (c *coupling) noteReceived(step string) {
	c.t.Helper()
	if c.box == nil {
		return
	}
	for _, system := range c.box.Systems() {
		var lines []string
		for _, e := range system.Traffic.Effects() {
			lines = append(lines, effectText(c.t, e))
		}
		slices.Sort(lines) // several are on their way at once
		if len(lines) > 0 {
			c.note(step+"/"+system.Name, strings.Join(lines, ""))
		}
		system.Traffic.Forget()
		if twice := system.Doubled(); len(twice) > 0 {
			c.t.Errorf("%s has twice: %v", system.Name, twice)
		}
	}
}

// effectText writes what a call did, without what the system numbers in the
// order in which calls arrive.
func effectText(t *testing.T, e traffic.Effect) string {
	t.Helper()
	if len(e.Body) == 0 {
		return fmt.Sprintf("%s %s %s\n", e.Op, e.What, e.Key)
	}
	var body map[string]any
	if err := json.Unmarshal(e.Body, &body); err != nil {
		t.Fatal(err)
	}
	key := e.Key
	if e.What == "messages" {
		key = ""
	}
	for _, name := range []string{"instanceId", "processId", "taskId", "uploadId", "apiName", "attachmentsInfo"} {
		if _, ok := body[name]; ok {
			delete(body, name)
			key = ""
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(e.Op+" "+e.What+" "+key), " ") + " " + string(text) + "\n"
}
