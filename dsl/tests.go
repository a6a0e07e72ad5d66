package dsl

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"koppel/engine"
	"koppel/engine/mapping"
	"koppel/engine/record"
)

var testArguments = []string{"given", "given_file", "joins", "lookups", "var", "each", "as_of", "expect", "expect_skip", "expect_error"}

// tests evaluates the test blocks of a pipeline, for its first instance.
func (p *pipelineLoad) tests() {
	if len(p.d.instances) > 0 && p.d.instances[0].key != p.in.key {
		return
	}
	names := map[string]hcl.Range{}
	for _, b := range p.body.Blocks {
		if b.Type != "test" {
			continue
		}
		if len(b.Labels) != 1 {
			p.l.out.add("invalid_label", b.DefRange(), "A test block has one label", `Write test "what it shows" { … }.`)
			continue
		}
		p.addTest(b, names, nil)
	}
}

// loadTestFiles evaluates the tests of the *.test.hcl files.
func (l *loader) loadTestFiles() {
	for _, b := range l.conf.tests {
		attr := b.Body.Attributes["pipeline"]
		if attr == nil {
			l.out.add("missing_argument", b.DefRange(), "The test names no pipeline", "Write pipeline = pipeline.NAME.")
			continue
		}
		l.values.waiting = ""
		value, _ := l.values.eval(attr.Expr, nil).UnmarkDeep()
		if value.IsKnown() && value.Type().IsMapType() && value.Type().ElementType() == referenceType {
			if value.LengthInt() == 0 {
				continue
			}
			for _, first := range value.Elements() {
				value = first
				break
			}
		}
		r := l.values.asReference(value, attr.Expr.Range(), "pipeline")
		if r == nil {
			continue
		}
		if p := l.loads[r.address()]; p != nil {
			names := map[string]hcl.Range{}
			p.addTest(b, names, []string{"pipeline"})
		}
	}
}

// addTest evaluates one test block.
func (p *pipelineLoad) addTest(b *hclsyntax.Block, names map[string]hcl.Range, more []string) {
	out := p.l.out
	if first, twice := names[b.Labels[0]]; twice {
		out.duplicate(fmt.Sprintf("The test %q", b.Labels[0]), b, first)
		return
	}
	names[b.Labels[0]] = b.DefRange()
	out.onlyKnown(b, append(append([]string{}, testArguments...), more...), nil)
	mark := out.mark()
	t := &testLoad{p: p, b: b, attrs: b.Body.Attributes, v: p.l.newValues(true, nil), in: p.in}
	test := &engine.Test{Name: b.Labels[0], File: b.TypeRange.Filename, Line: b.TypeRange.Start.Line}
	t.inputs()
	t.given(test)
	t.sides(test)
	t.expect(test)
	t.asOf(test)
	if out.failed(mark) {
		return
	}
	test.Program = t.program()
	if test.Program != nil {
		p.p.Tests = append(p.p.Tests, test)
	}
}

// A testLoad is one test while it is put together.
type testLoad struct {
	p     *pipelineLoad
	b     *hclsyntax.Block
	attrs map[string]*hclsyntax.Attribute
	v     *values
	in    *instance
	own   bool // the test has variables or an element of its own
}

// inputs evaluates var and each.
func (t *testLoad) inputs() {
	if attr := t.attrs["var"]; attr != nil {
		t.own = true
		value, _ := t.v.eval(attr.Expr, nil).Unmark()
		switch {
		case !value.IsKnown():
		case value.IsNull() || !isObject(value.Type()):
			t.p.l.out.add("invalid_value", attr.Expr.Range(), "var is an object", "Write var = { name = value }.")
		default:
			t.v = t.p.l.newValues(true, nil)
			t.v.override(value.AsValueMap(), attr.Expr.Range())
		}
	}
	attr := t.attrs["each"]
	if attr == nil {
		return
	}
	t.own = true
	value, _ := t.v.eval(attr.Expr, nil).Unmark()
	if !value.IsKnown() {
		return
	}
	m := map[string]cty.Value{}
	if !value.IsNull() && isObject(value.Type()) {
		m = value.AsValueMap()
	}
	key, ok := m["key"]
	if !ok || key.Type() != cty.String || key.IsNull() || !key.IsKnown() {
		t.p.l.out.add("invalid_value", attr.Expr.Range(), "each is an object with a key", "Write each = { key = \"acme\", value = { … } }.")
		return
	}
	element, ok := m["value"]
	if !ok {
		element = key
	}
	key, _ = key.Unmark()
	t.in = &instance{each: true, key: key.AsString(), value: element}
}

// json evaluates an argument as a JSON value.
func (t *testLoad) json(expr hclsyntax.Expression) ([]byte, cty.Type, bool) {
	value := t.v.eval(expr, t.in)
	if isBroken(value) {
		return nil, cty.NilType, false
	}
	value, _ = value.UnmarkDeep()
	data, err := record.Append(nil, plain(value))
	if err != nil {
		t.p.l.out.add("invalid_value", expr.Range(), "This value can't stand in a record", "%s.", capital(err.Error()))
		return nil, cty.NilType, false
	}
	return data, value.Type(), true
}

// object evaluates an argument that is a record.
func (t *testLoad) object(expr hclsyntax.Expression, what string) []byte {
	data, typ, ok := t.json(expr)
	if ok && !isObject(typ) {
		t.p.l.out.add("invalid_value", expr.Range(), fmt.Sprintf("%s is an object", what), "Write { field = value }.")
		return nil
	}
	return data
}

// given evaluates the source record.
func (t *testLoad) given(test *engine.Test) {
	out := t.p.l.out
	attr, file := t.attrs["given"], t.attrs["given_file"]
	switch {
	case attr != nil && file != nil:
		out.add("conflict", file.NameRange, "A test has given or given_file", "Keep one of them.")
	case attr != nil:
		test.Given = t.object(attr.Expr, "given")
	case file != nil:
		path := t.v.text(file, t.in)
		if path == "" {
			return
		}
		data, err := t.p.l.files.readNamed(path)
		if err == nil {
			err = record.Valid(data, record.Limits{})
		}
		if err == nil && record.KindOf(data) != record.Object {
			err = fmt.Errorf("the file holds no JSON object")
		}
		if err != nil {
			out.add("file_unreadable", file.Expr.Range(), fmt.Sprintf("The record %q can't be read", path), "%s.", capital(err.Error()))
			return
		}
		test.Given = data
	default:
		out.add("missing_argument", t.b.DefRange(), "A test has a given record", "Write given = { field = value } or given_file = \"record.json\".")
	}
}

// sides evaluates joins and lookups.
func (t *testLoad) sides(test *engine.Test) {
	known := t.p.c.names
	for name, attr := range map[string]*hclsyntax.Attribute{"joins": t.attrs["joins"], "lookups": t.attrs["lookups"]} {
		if attr == nil {
			continue
		}
		object, ok := unwrap(attr.Expr).(*hclsyntax.ObjectConsExpr)
		if !ok {
			t.p.l.out.add("invalid_value", attr.Expr.Range(), name+" is an object", "Write %s = { NAME = … }.", name)
			continue
		}
		for _, item := range object.Items {
			t.side(test, name, item, known)
		}
	}
}

func (t *testLoad) side(test *engine.Test, what string, item hclsyntax.ObjectConsItem, names []string) {
	key, ok := t.p.l.converter(t.v, t.in, nil).memberName(item.KeyExpr)
	if !ok {
		return
	}
	if !contains(names, key) {
		t.p.l.out.add("invalid_reference", item.KeyExpr.Range(), fmt.Sprintf("The pipeline has no join or lookup %q", key), "%s", trimLeft(didYouMean(key, names)))
		return
	}
	if what == "lookups" {
		if data, _, ok := t.json(item.ValueExpr); ok {
			if test.Lookups == nil {
				test.Lookups = map[string][]byte{}
			}
			test.Lookups[key] = data
		}
		return
	}
	if test.Joins == nil {
		test.Joins = map[string][][]byte{}
	}
	test.Joins[key] = t.objects(item.ValueExpr, "a join")
}

// objects evaluates a list of records; one alone counts as a list of one.
func (t *testLoad) objects(expr hclsyntax.Expression, what string) [][]byte {
	list, ok := unwrap(expr).(*hclsyntax.TupleConsExpr)
	if !ok {
		data, typ, ok := t.json(expr)
		switch {
		case !ok:
			return nil
		case isList(typ):
			return elementsOf(data)
		case isObject(typ):
			return [][]byte{data}
		}
		t.p.l.out.add("invalid_value", expr.Range(), fmt.Sprintf("%s has a list of records", what), "Write [{ … }].")
		return nil
	}
	out := [][]byte{}
	for _, e := range list.Exprs {
		out = append(out, t.object(e, "a record"))
	}
	return out
}

// expect evaluates what must come out.
func (t *testLoad) expect(test *engine.Test) {
	out := t.p.l.out
	given := 0
	for _, name := range []string{"expect", "expect_skip", "expect_error"} {
		if t.attrs[name] != nil {
			given++
		}
	}
	if given != 1 {
		out.add("missing_argument", t.b.DefRange(), "A test expects one thing", "Write one of expect = { … }, expect_skip = true, expect_error = \"text\".")
		return
	}
	if attr := t.attrs["expect"]; attr != nil {
		test.ExpectList = isListExpr(attr.Expr)
		test.Expect = t.objects(attr.Expr, "expect")
	}
	test.Skip = t.v.truth(t.attrs["expect_skip"], t.in, false)
	if attr := t.attrs["expect_error"]; attr != nil {
		test.Fails = true
		value, _ := t.v.eval(attr.Expr, t.in).UnmarkDeep()
		switch {
		case !value.IsKnown():
		case value.Type() == cty.String && !value.IsNull():
			test.Error = value.AsString()
		case value.Type() != cty.Bool || value.IsNull() || value.False():
			out.add("invalid_value", attr.Expr.Range(), "expect_error is a part of the message, or true", "")
		}
	}
}

// elementsOf splits the text of a JSON list.
func elementsOf(list []byte) [][]byte {
	var raw []json.RawMessage
	if err := json.Unmarshal(list, &raw); err != nil {
		return nil
	}
	out := make([][]byte, len(raw))
	for i, e := range raw {
		out[i] = e
	}
	return out
}

func isListExpr(expr hclsyntax.Expression) bool {
	_, ok := unwrap(expr).(*hclsyntax.TupleConsExpr)
	return ok
}

// asOf evaluates the test's clock: a date, or a date and time.
func (t *testLoad) asOf(test *engine.Test) {
	text := t.v.text(t.attrs["as_of"], t.in)
	if text == "" {
		return
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if at, err := time.ParseInLocation(layout, text, t.p.l.zone); err == nil {
			test.AsOf = at
			return
		}
	}
	t.p.l.out.add("invalid_value", t.attrs["as_of"].Expr.Range(), fmt.Sprintf("%q is no date", text), "Write \"2026-01-31\" or \"2026-01-31T12:00:00Z\".")
}

// program is the pipeline's, with the test's own variables when it has any.
func (t *testLoad) program() *mapping.Program {
	if !t.own {
		return t.p.p.Program
	}
	l := t.p.l
	again := &pipelineLoad{l: l, d: t.p.d, in: t.in, body: t.p.body, v: t.v, targets: map[string]bool{}, p: &engine.Pipeline{Address: t.p.p.Address}}
	mark := l.out.mark()
	again.from, again.into, again.key, again.spec.SensitiveSrc = t.p.from, t.p.into, t.p.key, t.p.spec.SensitiveSrc
	again.joinBlocks()
	again.convertJoins()
	again.mapping()
	again.fieldBlocks()
	if l.out.failed(mark) {
		return nil
	}
	return l.compile(again.spec, again.c)
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
