package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/dispatch"
	"koppel/engine/plan"
	"koppel/engine/state/sqlite"
	afasupdate "koppel/sinks/afas-update"
	alleyoopfiles "koppel/sinks/alleyoop-files"
	alleyoopinstances "koppel/sinks/alleyoop-instances"
	alleyoopsignals "koppel/sinks/alleyoop-signals"
	sinkhttp "koppel/sinks/http"
	sinkmail "koppel/sinks/mail"
	sinksql "koppel/sinks/sql"
	sinkwebhook "koppel/sinks/webhook"
	sourcealleyoop "koppel/sources/alleyoop"
	sourcefile "koppel/sources/file"
	graphevents "koppel/sources/graph-events"
	graphusers "koppel/sources/graph-users"
	sourcesql "koppel/sources/sql"
	sourcewebhook "koppel/sources/webhook"
)

// childDir makes the test binary a process that runs a project; its value is
// the project's folder.
const childDir = "KOPPEL_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child carries out one verb: run, full, plan or apply, then perhaps pipelines.
func child(dir string, args []string) error {
	ctx := context.Background()
	p, diags := dsl.Load(ctx, dsl.Options{Dir: dir, Environ: os.LookupEnv, Resolve: true,
		Sources: []connector.Kind[connector.Source]{sourcefile.Kind(), sourcesql.Kind(), sourcealleyoop.Kind(), graphusers.Kind(), graphevents.Kind(), sourcewebhook.Kind()},
		Sinks:   []connector.Kind[connector.Sink]{sinksql.Kind(), sinkhttp.Kind(), journalKind(), afasupdate.Kind(), alleyoopinstances.Kind(), alleyoopsignals.Kind(), alleyoopfiles.Kind(), sinkmail.Kind(), sinkwebhook.Kind()}})
	if diags.HasErrors() {
		return fmt.Errorf("load: %+v", diags)
	}
	store, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, ".koppel", "state.db"), Seal: p.Sensitive})
	if err != nil {
		return err
	}
	e := &engine.Engine{Project: p.Project, Store: store, Now: time.Now, TempDir: filepath.Join(dir, ".koppel", "tmp"),
		Holder: "process " + strconv.Itoa(os.Getpid()), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if err := e.Clean(); err != nil {
		return err
	}
	if args[0] == "serve" {
		return errors.Join(serveHooks(ctx, p, store, e), store.Close())
	}
	opts := engine.Options{Full: args[0] == "full"}
	if opts.Pipelines, err = p.Select(args[1:]); err != nil {
		return err
	}
	fmt.Println("begin")
	err = carryOut(ctx, e, args[0], filepath.Join(dir, "a.plan"), opts)
	if args[0] != "plan" {
		d := dispatch.New(store, p.Project)
		d.Holder, d.TempDir = e.Holder, e.TempDir
		err = errors.Join(err, d.Drain(ctx, time.Minute))
	}
	return errors.Join(err, store.Close())
}

func carryOut(ctx context.Context, e *engine.Engine, verb, file string, opts engine.Options) error {
	var res *engine.Result
	var err error
	switch verb {
	case "plan":
		opts.Out = file
		p, err := e.Plan(ctx, opts)
		if err != nil {
			return err
		}
		for _, one := range p.Header.Pipelines {
			fmt.Printf("%s planned %+v %s\n", one.Name, one.Counts, one.Skipped)
			for _, pr := range append(one.Problems, one.Warnings...) {
				fmt.Println(pr.Key, pr.Field, pr.Code, pr.Message)
			}
			err := p.Entries(one.Address, func(*plan.Entry) error { return nil })
			if err != nil {
				return err
			}
		}
		return p.Close()
	case "apply":
		res, err = e.Apply(ctx, file)
	default:
		res, err = e.Run(ctx, opts)
	}
	if err != nil {
		return err
	}
	for _, one := range res.Pipelines {
		fmt.Printf("%s %s %+v\n", one.Name, one.Status, one.Counts)
		if one.Err != nil {
			fmt.Println("error:", one.Err)
		}
		for _, pr := range append(one.Problems, one.Warnings...) {
			fmt.Println(pr.Key, pr.Field, pr.Code, pr.Message)
		}
	}
	return nil
}

// A project is a folder with a configuration, run by child processes.
type project struct {
	t   *testing.T
	dir string
	env []string
}

func newProject(t *testing.T, hcl string) *project {
	t.Helper()
	p := &project{t: t, dir: t.TempDir()}
	p.write("main.hcl", hcl)
	return p
}

func (p *project) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) path(name string) string { return filepath.Join(p.dir, name) }

// start starts a child; its output goes to out.
func (p *project) start(out *bytes.Buffer, args ...string) *exec.Cmd {
	p.t.Helper()
	cmd := p.command(out, args...)
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return cmd
}

// command is a child that is yet to be started; its output goes to out.
func (p *project) command(out *bytes.Buffer, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), childDir+"="+p.dir), p.env...)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

// whole runs a child to its end and gives what it said and how long it took.
func (p *project) whole(args ...string) (string, time.Duration) {
	p.t.Helper()
	said, took, err := p.try(args...)
	if err != nil {
		p.t.Fatalf("%v: %v\n%s", args, err, said)
	}
	return said, took
}

func (p *project) try(args ...string) (string, time.Duration, error) {
	p.t.Helper()
	var out bytes.Buffer
	begin := time.Now()
	err := p.start(&out, args...).Wait()
	return out.String(), time.Since(begin), err
}

// kill starts a child and kills it after a while, wherever it is then. ended
// tells that it was done before.
func (p *project) kill(after time.Duration, args ...string) (said string, ended bool) {
	p.t.Helper()
	var out bytes.Buffer
	cmd := p.start(&out, args...)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			p.t.Fatalf("%v: %v\n%s", args, err, out.String())
		}
		return out.String(), true
	case <-time.After(after):
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	<-done
	return out.String(), strings.Contains(out.String(), "succeeded")
}

// number reads a count from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func (p *project) remove(name string) {
	p.t.Helper()
	if err := os.Remove(p.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
}
