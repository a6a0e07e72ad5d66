package dsl

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"koppel/engine"
	"koppel/engine/connector"
)

// Options say what to load and with which values.
type Options struct {
	// Dir is the project's folder; empty: the working folder.
	Dir string
	// Vars holds the values of --var; VarFiles the files of --var-file, in
	// order, relative to VarFileDir (empty: the working folder).
	Vars       map[string]string
	VarFiles   []string
	VarFileDir string
	// Environ looks an environment variable up; nil: there are none.
	Environ func(string) (string, bool)
	// Sources and Sinks are the kinds that this binary has.
	Sources []connector.Kind[connector.Source]
	Sinks   []connector.Kind[connector.Sink]
	// Connections are kinds of connections beside those that Sources and Sinks
	// name.
	Connections []connector.Kind[any]
	// Version of the binary, for required_version; empty: any.
	Version string
	// Resolve has secrets resolved that programs read. Secrets of connections,
	// sources and sinks are resolved when those are opened, whatever it says.
	Resolve bool
}

// A loader puts a project together.
type loader struct {
	ctx      context.Context
	o        Options
	files    *sourceFiles
	conf     *configuration
	inputs   *inputs
	out      *problems
	secrets  *secretStore
	values   *values // of the checks: what is not set is pending
	program  *values // of the programs; it resolves secrets when asked to
	table    map[string]bool
	tables   tables
	places   *places
	kinds    kindSet
	shared   map[string]*sharedConnection
	sharedMu sync.Mutex
	project  *Project
	building map[string]bool          // pipelines by address, begun
	loads    map[string]*pipelineLoad // by address
	doors    map[string]hcl.Range     // of sources to which others deliver, by address
	zone     *time.Location
}

// Load reads the project in a folder. All its problems come back in one run,
// sorted by file and place; with an error among them the project is only good
// for looking at. Load is offline unless o.Resolve is set, and writes nothing.
func Load(ctx context.Context, o Options) (*Project, Diagnostics) {
	if o.Environ == nil {
		o.Environ = func(string) (string, bool) { return "", false }
	}
	if o.Dir == "" {
		o.Dir = "."
	}
	out := &problems{}
	l := &loader{
		ctx: ctx, o: o, out: out, zone: time.UTC, places: &places{}, table: functionTable(),
		kinds: kindsOf(o), shared: map[string]*sharedConnection{}, secrets: newSecretStore(o),
		project: newProject(o.Dir), building: map[string]bool{}, loads: map[string]*pipelineLoad{}, doors: map[string]hcl.Range{},
	}
	l.files = readFiles(o.Dir, out)
	syntax := slices.Clone(out.list)
	l.conf = declare(l.files, out)
	l.inputs = readInputs(l.conf, l.files, o, out)
	l.values = l.newValues(true, nil)
	l.program = l.values
	if o.Resolve {
		l.program = l.newValues(true, ctx)
	}
	l.load()
	for _, d := range l.conf.order {
		d.allInstances()
	}
	l.conf.loaded = true
	out.dropFollowing(syntax)
	out.list.Sort()
	return l.project, out.list
}

// load evaluates all blocks, those first that others need.
func (l *loader) load() {
	l.settings()
	l.checkNamed()
	l.loadTables()
	for _, d := range l.conf.order {
		l.markLater(d)
	}
	for _, d := range l.conf.order {
		l.declared(d)
	}
	l.loadPipelines()
	l.moves()
	l.loadTestFiles()
	l.checkCircles()
	l.checkSharedSinks()
	if l.out.errors == 0 {
		l.checkUnused()
	}
	l.project.places = l.places
	l.project.Sensitive = l.isSensitiveProject()
	l.project.Files = l.files.content
	l.project.Named = sortedKeys(l.files.named)
}

// newValues makes an evaluation of what is known before a run. resolve, when
// not nil, is the context in which secrets are resolved.
func (l *loader) newValues(offline bool, resolve context.Context) *values {
	v := &values{
		conf: l.conf, out: l.out, inputs: l.inputs, offline: offline,
		variables: map[string]*cell{}, locals: map[string]*cell{},
	}
	v.functions, v.lenient = maps.Clone(l.kinds.functions), maps.Clone(l.kinds.functions)
	maps.Copy(v.functions, l.outsideFunctions(resolve, false))
	maps.Copy(v.lenient, l.outsideFunctions(resolve, true))
	return v
}

// strict makes an evaluation for opening something: what is not set is an
// error. Its problems are its own.
func (l *loader) strict(ctx context.Context) *values {
	v := l.newValues(false, ctx)
	v.out = &problems{}
	return v
}

// settled gives an instance with the secrets of its element resolved, for
// opening what it belongs to.
func (l *loader) settled(ctx context.Context, d *declaration, in *instance) *instance {
	if !in.each || isReference(in.value) || in.value.IsWhollyKnown() {
		return in
	}
	v := l.newValues(true, ctx)
	v.out = &problems{}
	if fresh := findInstance(v.forEach(d.Block.Body.Attributes["for_each"]), in.key); fresh != nil {
		return fresh
	}
	return in
}

// checkNamed evaluates all variables and locals, used or not.
func (l *loader) checkNamed() {
	for _, name := range sortedKeys(l.conf.variables) {
		l.values.checkVariable(l.conf.variables[name])
	}
	for _, name := range sortedKeys(l.conf.locals) {
		l.values.named("local", name)
	}
	l.values.waiting = ""
}

// markLater finds the blocks of kinds that this version doesn't have, so that
// references to them give no further problems.
func (l *loader) markLater(d *declaration) {
	if d.Kind == "" || l.kinds.has(d.Class, d.Kind) {
		return
	}
	at := d.Block.LabelRanges[0]
	d.Later = true
	if l.kinds.planned(d.Class, d.Kind) {
		l.out.later(at, fmt.Sprintf("The %s kind %q", d.Class, d.Kind))
		return
	}
	names := l.kinds.names(d.Class)
	l.out.add("unknown_kind", at, fmt.Sprintf("There is no %s kind %q", d.Class, d.Kind), "%s",
		trimLeft(known(d.Class+" kinds", names)+didYouMean(d.Kind, names)))
}

// declared evaluates the instances of a connection, source or sink.
func (l *loader) declared(d *declaration) {
	instances, _ := l.values.instances(d)
	if d.Later {
		return
	}
	for _, in := range checked(instances) {
		l.values.waiting = ""
		switch d.Class {
		case "connection":
			l.connection(d, in)
		case "source":
			l.source(d, in)
		case "sink":
			l.sink(d, in)
		}
	}
	l.values.waiting = ""
}

// durationOr gives what a duration argument says, or otherwise.
func durationOr(d *time.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return *d
}

func newProject(dir string) *Project {
	return &Project{Project: &engine.Project{
		Dir: dir, Location: time.UTC, State: engine.StateConfig{Kind: "sqlite", Path: ".koppel/state.db"},
		Sources: map[string]*engine.Source{}, Sinks: map[string]*engine.Sink{}, Pipelines: map[string]*engine.Pipeline{},
	}, Fields: map[string][]FieldText{}, sinkConfigs: map[string]any{}, unsettled: map[string]bool{}}
}
