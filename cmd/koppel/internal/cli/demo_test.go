package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"koppel/cmd/koppel/internal/demo"
	"koppel/internal/sandbox"
)

// demoApp is an app that prints into b.
func demoApp(b *bytes.Buffer) *app {
	none := func(string) (string, bool) { return "", false }
	return &app{out: bufio.NewWriter(b), err: b, environ: none, now: time.Now, logLevel: "warn", logFormat: "text"}
}

// TestDemoChecksItself: what is not as the story says ends it.
func TestDemoChecksItself(t *testing.T) {
	spoil := "sqlite3 afas-employees-to-directory/reception.db "
	for _, tt := range []struct {
		name  string
		spoil func([]demo.Step) []demo.Step
		want  string
	}{
		{"a change that was never made", func(s []demo.Step) []demo.Step {
			s[1].Acts = s[1].Acts[1:]
			return s
		}, `step 2 of the demo: koppel -C afas-employees-to-directory plan --out second.plan: it did not print "~ 0001005 `},
		{"a field that another wrote", func(s []demo.Step) []demo.Step {
			s[0].Acts = append(s[0].Acts, demo.Act{Do: spoil + `"update employees set department = 'X' where external_id = '0001002'"`}, s[0].Acts[len(s[0].Acts)-1])
			return s
		}, "step 1 of the demo: the directory should hold 0001002 | Bram ter Fictief"},
		{"a row that nobody ordered", func(s []demo.Step) []demo.Step {
			s[0].Acts = append(s[0].Acts, demo.Act{Do: spoil + `"insert into employees (name) values ('Nobody')"`}, s[0].Acts[len(s[0].Acts)-1])
			return s
		}, "step 1 of the demo: the directory should not hold  | Nobody"},
		{"an account that is gone", func(s []demo.Step) []demo.Step {
			s[0].Acts = append(s[0].Acts, demo.Act{Do: spoil + `"delete from employees where protected"`}, s[0].Acts[len(s[0].Acts)-1])
			return s
		}, "step 1 of the demo: the directory should hold Tablet balie"},
		{"another exit code", func([]demo.Step) []demo.Step {
			return []demo.Step{{Acts: []demo.Act{{Do: "koppel version", Exit: 5}}}}
		}, "it ended with exit code 0 instead of 5"},
		{"a verb that fails", func([]demo.Step) []demo.Step {
			return []demo.Step{{Acts: []demo.Act{{Do: "koppel -C nowhere plan"}}}}
		}, "it ended with exit code 3 instead of 0"},
		{"a row that is not there", func([]demo.Step) []demo.Step {
			return []demo.Step{{Acts: []demo.Act{{Do: "curl -X DELETE {sandbox}/afas/data/employees/none"}}}}
		}, "employees has no row none"},
		{"another program", func([]demo.Step) []demo.Step {
			return []demo.Step{{Acts: []demo.Act{{Do: "rm -r /"}}}}
		}, "rm is no program of the demo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			a := demoApp(&out)
			err := a.demo(t.Context(), t.TempDir(), false, tt.spoil(demo.Story()[:2]))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
			if exitOf(err) != exitFailure {
				t.Errorf("exit %d", exitOf(err))
			}
			if strings.Contains(out.String(), "all was as the demo says") {
				t.Errorf("%s", out.String())
			}
		})
	}
}

// TestDemoOnAnyDay: the story holds on days that are unlike others.
func TestDemoOnAnyDay(t *testing.T) {
	for _, day := range []string{"2026-12-31T22:59:59Z", "2026-12-31T23:59:59Z", "2028-02-29T12:00:00Z"} {
		t.Run(day, func(t *testing.T) {
			start, err := time.Parse(time.RFC3339, day)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			a, ahead := demoApp(&out), time.Until(start)
			a.now = func() time.Time { return time.Now().Add(ahead) }
			if err := a.demo(t.Context(), t.TempDir(), false, demo.Story()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDemoInterrupted: an interrupt ends the demo after the command that runs,
// and the systems with it.
func TestDemoInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stop := demo.Act{Check: func(context.Context, *demo.Demo) (string, error) {
		cancel()
		return "", nil
	}}
	var out bytes.Buffer
	story := demo.Story()
	story[1].Acts = append([]demo.Act{stop}, story[1].Acts...)
	err := demoApp(&out).demo(ctx, t.TempDir(), true, story)
	if !errors.Is(err, context.Canceled) || reasonOf(err) != "stopped before it was done" {
		t.Errorf("%v", err)
	}
	if text := out.String(); strings.Contains(text, story[2].Title) {
		t.Errorf("it went on:\n%s", text)
	}
}

// TestDemoKeepsSecrets tells the whole story, in colours, and looks for
// credentials, numbers of citizens and private numbers in what is shown, and
// for credentials in what is left behind.
func TestDemoKeepsSecrets(t *testing.T) {
	var out bytes.Buffer
	a := demoApp(&out)
	a.outTerminal = true
	dir := t.TempDir()
	if err := a.demo(t.Context(), dir, false, demo.Story()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "\x1b[32m+\x1b[0m") {
		t.Error("there are no colours")
	}
	// Equal seeds give equal credentials.
	box, err := sandbox.Start(t.Context(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := box.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	credentials := []string{
		box.AFAS.TokenData, box.AFAS.LimitedToken, box.AFAS.ClientSecret, box.AlleyOop.Password, box.AlleyOop.APIKey,
		box.Graph.ClientSecret, box.SMTP.Password,
	}
	hidden := credentials
	for _, p := range box.AFAS.Data.Rows("persons") {
		hidden = append(hidden, p["SoSe"].(string), p["MbN2"].(string))
	}
	wantWithout(t, "the output", out.Bytes(), hidden)
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.HasSuffix(path, ".vars.hcl") {
			if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s can be read by others: %v", path, err)
			}
			return err
		}
		wantWithout(t, path, text, credentials)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func wantWithout(t *testing.T, what string, text []byte, hidden []string) {
	t.Helper()
	for _, one := range hidden {
		if one == "" {
			t.Fatal("there is nothing to look for")
		}
		if bytes.Contains(text, []byte(one)) {
			t.Errorf("%s holds %q", what, one)
		}
	}
}
