package dsl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"koppel/engine/connector"
	"koppel/engine/mapping"
)

// connection checks one connection instance.
func (l *loader) connection(d *declaration, in *instance) {
	kind := l.kinds.connections[d.Kind]
	config := kind.Config()
	l.decode(l.values, d, in, config, nil, nil, nil)
	if in.phantom {
		return
	}
	l.project.Connections = append(l.project.Connections, Connection{
		Address: d.address() + in.suffix(), Kind: d.Kind, Config: config,
		Open: func(ctx context.Context, env connector.Env) (any, error) {
			return l.openConnection(ctx, &reference{d, in}, env)
		},
	})
}

// openConnection opens a connection with its secrets.
func (l *loader) openConnection(ctx context.Context, r *reference, env connector.Env) (any, error) {
	kind := l.kinds.connections[r.decl.Kind]
	config := kind.Config()
	v := l.strict(ctx)
	l.decode(v, r.decl, l.settled(ctx, r.decl, r.inst), config, nil, nil, &env)
	if err := v.out.err(r.address()); err != nil {
		return nil, err
	}
	env.Key, env.Window, env.Shape.Fields = nil, nil, nil
	at := r.decl.Block.DefRange()
	env.Block = fmt.Sprintf("%s (%s:%d)", r.address(), at.Filename, at.Start.Line)
	return kind.Open(ctx, config, env)
}

// err is the first error among problems, for opening what has them.
func (p *problems) err(address string) error {
	p.list.Sort()
	for _, d := range p.list {
		if d.Severity == Error {
			return &OpenError{Address: address, Diagnostic: d}
		}
	}
	return nil
}

// An OpenError says that a connection, source or sink can't be opened as it is
// configured: a variable or secret that it uses is not set, for one.
type OpenError struct {
	Address    string
	Diagnostic Diagnostic
}

// Error names what can't be opened and why.
func (e *OpenError) Error() string {
	text := "open " + e.Address + ": " + e.Diagnostic.Summary
	if e.Diagnostic.Detail != "" {
		text += ": " + e.Diagnostic.Detail
	}
	return text
}

// decode fills the configuration struct of a block. v decides whether what is
// not set is an error; env, when not nil, is what the block is opened with.
func (l *loader) decode(v *values, d *declaration, in *instance, config any, kinds, common []string, env *connector.Env) *decoder {
	dec := &decoder{v: v, in: in, kinds: kinds, what: blockName(d.Block)}
	dec.compile = func(expr hclsyntax.Expression, in *instance, v *values) connector.Program {
		return l.argumentProgram(expr, in, v, env)
	}
	dec.connect = func(r *reference) connector.Connection { return l.connect(r, env) }
	mark := v.out.mark()
	arguments, blocks := splitCommon(common)
	dec.block(d.Block, config, append(arguments, "for_each"), blocks)
	if !v.out.failed(mark) {
		dec.validate(d.Block, config)
	}
	return dec
}

// splitCommon parts names into arguments and blocks, which end in "{}".
func splitCommon(names []string) (arguments, blocks []string) {
	for _, n := range names {
		if len(n) > 2 && n[len(n)-2:] == "{}" {
			blocks = append(blocks, n[:len(n)-2])
			continue
		}
		arguments = append(arguments, n)
	}
	return arguments, blocks
}

// A sharedConnection is opened by the first that uses it.
type sharedConnection struct {
	mu    sync.Mutex
	value any
	open  bool
}

// get opens the connection once; a failure is tried again the next time.
func (s *sharedConnection) get(open func() (any, error)) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		return s.value, nil
	}
	value, err := open()
	if err != nil {
		return nil, err
	}
	s.value, s.open = value, true
	return value, nil
}

// connect makes the value of the argument `connection`.
func (l *loader) connect(r *reference, env *connector.Env) connector.Connection {
	c := connector.Connection{Address: r.address(), Kind: r.decl.Kind}
	if r.decl.Later {
		return c
	}
	kind := l.kinds.connections[r.decl.Kind]
	c.Config = kind.Config()
	quiet := l.newValues(true, nil)
	quiet.out = &problems{}
	l.decode(quiet, r.decl, r.inst, c.Config, nil, nil, nil)
	if env == nil {
		c.Get = func(context.Context) (any, error) {
			return nil, fmt.Errorf("use %s: the project was loaded to be checked only", c.Address)
		}
		return c
	}
	l.sharedMu.Lock()
	shared := l.shared[c.Address]
	if shared == nil {
		shared = &sharedConnection{}
		l.shared[c.Address] = shared
	}
	l.sharedMu.Unlock()
	c.Get = func(ctx context.Context) (any, error) {
		return shared.get(func() (any, error) { return l.openConnection(ctx, r, *env) })
	}
	return c
}

// argumentProgram compiles a value that a kind evaluates itself.
func (l *loader) argumentProgram(expr hclsyntax.Expression, in *instance, v *values, env *connector.Env) connector.Program {
	c := l.converter(v, in, nil)
	c.words = true
	c.places = &places{}
	node := c.node(expr)
	var run mapping.RunConsts
	if env != nil && env.Now != nil {
		run = runConsts(env.At(), l.zone)
	}
	consts := l.consts(c)
	single, found := mapping.CompileSingle(node, consts, run)
	for _, p := range found {
		c.places.report(v.out, p)
	}
	if len(found) > 0 || c.failed {
		return nil
	}
	argument := &programArgument{Single: single}
	if whole, _ := mapping.Compile(mapping.Spec{Fields: []mapping.Field{{Name: "value", Value: node}}}, consts); whole != nil {
		argument.digest = whole.Fingerprint(func([]byte) []byte { return nil })
	}
	if text, ok := node.Value.(string); ok && node.Kind == mapping.KindConst {
		return &textArgument{argument, parseTemplate(text)}
	}
	return argument
}

// A textArgument is a text in the place of a program: a connector.Template
// too, for kinds that fill it in.
type textArgument struct {
	*programArgument
	template *textTemplate
}

// Fill puts the values in.
func (t *textArgument) Fill(values func(name string) (any, bool)) (string, error) {
	return t.template.Fill(values)
}

// Source is the text.
func (t *textArgument) Source() string { return t.template.Source() }

// A programArgument is a program that a kind was given, with the digest of
// its text and of the constants that it reads.
type programArgument struct {
	*mapping.Single
	digest []byte
}

// validate lets the configuration check itself. What is not known yet is
// empty, so a problem counts only when it stays with a stand-in for it.
func (d *decoder) validate(b *hclsyntax.Block, config any) {
	check, ok := config.(connector.Validator)
	if !ok {
		return
	}
	err := check.Validate()
	if err == nil || !d.v.offline && len(d.pending) > 0 {
		return
	}
	for _, e := range flatten(err) {
		var field *connector.FieldError
		at, detail := b.DefRange(), ""
		if errors.As(e, &field) {
			if d.isPending(field.Field) {
				continue
			}
			at = d.placeOf(field.Field, at)
			detail = field.Hint
			if d.hidden[field.Field] {
				e, detail = fmt.Errorf("%s has a wrong value", field.Field), "It is sensitive, so it is not shown: "+d.docs[field.Field]
			}
		} else if len(d.pending) > 0 {
			continue
		}
		if detail != "" {
			detail = sentence(detail)
		}
		d.v.out.add("invalid_value", at, capital(e.Error()), "%s", detail)
	}
}

// placeOf is where an argument stands; of one that is not there, the innermost
// block that it belongs to, or else otherwise.
func (d *decoder) placeOf(name string, otherwise hcl.Range) hcl.Range {
	for {
		if place, ok := d.places[name]; ok {
			return place
		}
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			return otherwise
		}
		name = name[:dot]
	}
}

// isPending tells whether an argument, or one in or around it, is not known
// yet; a choice between several arguments can't be judged then either.
func (d *decoder) isPending(name string) bool {
	if d.pending[name] {
		return true
	}
	_, given := d.places[name]
	return !given && len(d.pending) > 0
}

func flatten(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range many.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	return []error{err}
}
