package dsl

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/mapping"
)

var lookupArguments = []string{"connection", "method", "path", "query", "headers", "body", "records", "none", "cache"}

// A lookupLoad is one lookup block while its pipeline is put together.
type lookupLoad struct {
	block *hclsyntax.Block
	with  *reference // the connection; nil: it has a problem
}

// lookupBlock evaluates what a lookup asks.
func (p *pipelineLoad) lookupBlock(b *hclsyntax.Block) lookupLoad {
	out := p.l.out
	out.onlyKnown(b, lookupArguments, nil)
	attr := b.Body.Attributes["connection"]
	if attr == nil {
		out.add("missing_argument", b.DefRange(), "A lookup has a connection", "Write connection = connection.KIND.NAME.")
		return lookupLoad{block: b}
	}
	r := p.v.refer(attr.Expr, p.in, "connection")
	if r == nil || r.decl.Later {
		return lookupLoad{block: b}
	}
	if !p.l.kinds.connections[r.decl.Kind].OverHTTP {
		out.add("invalid_reference", attr.Expr.Range(), fmt.Sprintf("Connections of kind %q answer no lookups", r.decl.Kind),
			"A lookup uses connections of kind %s.", strings.Join(quoteAll(p.l.kinds.lookups()), ", "))
		return lookupLoad{block: b}
	}
	return lookupLoad{block: b, with: r}
}

// lookups names the connection kinds that answer lookups.
func (s kindSet) lookups() []string {
	return slices.DeleteFunc(s.names("connection"), func(name string) bool { return !s.connections[name].OverHTTP })
}

// lookup converts the question of one lookup.
func (p *pipelineLoad) lookup(load lookupLoad) {
	b := load.block
	attrs := b.Body.Attributes
	spec := mapping.Lookup{Name: b.Labels[0], Pos: p.l.places.whole(b.DefRange())}
	l := engine.Lookup{Name: spec.Name, None: p.v.choice(attrs["none"], p.in, "null", "skip", "error")}
	if attr := attrs["path"]; attr != nil {
		spec.Path = p.c.urlPath(attr.Expr)
	}
	spec.QueryNames, spec.Query = p.c.namedTexts(attrs["query"], mapping.InQuery)
	spec.HeaderNames, spec.Headers = p.c.namedTexts(attrs["headers"], mapping.InLine)
	methods := []string{"GET", "POST"}
	if attrs["body"] != nil {
		slices.Reverse(methods)
		spec.Body, l.Type = p.c.body(attrs["body"].Expr, spec)
	}
	l.Method = p.v.choice(attrs["method"], p.in, methods...)
	if keep := p.v.duration(attrs["cache"], p.in); keep != nil {
		l.Cache = *keep
	}
	p.spec.Lookups = append(p.spec.Lookups, spec)
	p.lookupRecords(attrs["records"], load.with, &l)
	if load.with == nil {
		p.c.failed = true
		return
	}
	l.Connection = load.with.address()
	l.Open = func(ctx context.Context, env connector.Env) (connector.Asker, connector.Program, error) {
		return p.l.openLookup(ctx, env, p.d, p.in, b, load.with)
	}
	p.p.Lookups = append(p.p.Lookups, l)
}

// lookupRecords looks at what takes the records out of an answer: a program, or
// an XPath.
func (p *pipelineLoad) lookupRecords(attr *hclsyntax.Attribute, with *reference, l *engine.Lookup) {
	if attr == nil {
		return
	}
	switch program := p.l.argumentProgram(attr.Expr, p.in, p.v, nil).(type) {
	case *programArgument:
		l.Digest = program.digest
	case *textArgument:
		l.Records = program.Source()
		if with == nil {
			return
		}
		checker, ok := p.l.connect(with, nil).Config.(connector.XPathChecker)
		if !ok {
			p.l.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("Connections of kind %q give no XML", with.decl.Kind), "Write a program, such as records = jq(\".items[]\").")
			return
		}
		var problem *connector.FieldError
		if err := checker.CheckXPath(l.Records); errors.As(err, &problem) {
			p.l.out.add("invalid_value", attr.Expr.Range(), capital(problem.Error()), "%s", sentence(problem.Hint))
		}
	}
}

// openLookup opens a lookup's connection, and its program with secrets.
func (l *loader) openLookup(ctx context.Context, env connector.Env, d *declaration, in *instance, b *hclsyntax.Block, r *reference) (connector.Asker, connector.Program, error) {
	value, err := l.connect(r, &env).Get(ctx)
	if err != nil {
		return nil, nil, err
	}
	asker, ok := value.(connector.Asker)
	if !ok {
		return nil, nil, fmt.Errorf("ask %s: connections of kind %s answer no lookups", r.address(), r.decl.Kind)
	}
	attr := b.Body.Attributes["records"]
	if attr == nil {
		return asker, nil, nil
	}
	v := l.strict(ctx)
	program := l.argumentProgram(attr.Expr, l.settled(ctx, d, in), v, &env)
	if _, isPath := program.(*textArgument); isPath {
		program = nil // the connection follows it
	}
	if err := v.out.err(d.address() + in.suffix()); err != nil {
		return nil, nil, err
	}
	return asker, program, nil
}

// describeLookups tells one configuration of the lookups from another.
func (p *pipelineLoad) describeLookups() []any {
	var list []any
	for i, l := range p.p.Lookups {
		if p.lookups[i].with == nil {
			continue
		}
		list = append(list, []any{l.Name, describeConfig(reflect.ValueOf(p.l.connect(p.lookups[i].with, nil)), nil, ""), l.Method, l.Type, l.None, l.Digest, l.Records})
	}
	return list
}

// urlPath converts a path: a text with {src.x} and the like in it.
func (c *converter) urlPath(expr hclsyntax.Expression) *mapping.Node {
	if c.perRecord(expr) {
		c.v.out.add("not_per_record", expr.Range(), "A path is a text with names in braces", "Write path = \"/accounts/{src.id}\"; what is filled in is escaped.")
		c.failed = true
		return nil
	}
	return c.templated(expr, mapping.InPath)
}

// templated converts a text with names in braces, or any value of a record.
func (c *converter) templated(expr hclsyntax.Expression, place string) *mapping.Node {
	if c.perRecord(expr) {
		return c.node(expr)
	}
	value := c.v.eval(expr, c.in)
	if isBroken(value) {
		c.failed = true
		return nil
	}
	if reason := reasonOf(value); reason != "" && !value.IsWhollyKnown() {
		c.v.wait(reason)
	}
	plainValue, _ := value.UnmarkDeep()
	if plainValue.Type() != cty.String || !plainValue.IsKnown() || plainValue.IsNull() {
		return mapping.Const(plain(value), isSensitive(value), c.places.whole(expr.Range()))
	}
	c.unfilled(plainValue.AsString(), expr.Range())
	return mapping.Template(plainValue.AsString(), isSensitive(value), place, c.places.whole(expr.Range()))
}

var braced = regexp.MustCompile(`\{([A-Za-z_]\w*)(?:\.[^{}\s".:;']+)+\}`)

// unfilled warns of what looks like a name in a template and is none: it would
// be sent as it stands.
func (c *converter) unfilled(text string, at hcl.Range) {
	for _, m := range braced.FindAllStringSubmatch(strings.NewReplacer("{{", "", "}}", "").Replace(text), -1) {
		if root := m[1]; root != "src" && root != "item" && !slices.Contains(c.names, root) && !isConstantName(root) {
			c.v.out.warn("unknown_name", at, fmt.Sprintf("%s is not filled in: there is nothing called %q", m[0], root),
				"Names that are known here: %s.%s A brace that is meant is written twice.", strings.Join(append([]string{"src", "item"}, c.names...), ", "),
				didYouMean(root, append([]string{"src", "item"}, c.names...)))
		}
	}
}

// namedTexts converts the query or the headers.
func (c *converter) namedTexts(attr *hclsyntax.Attribute, place string) (names []string, values []*mapping.Node) {
	if attr == nil {
		return nil, nil
	}
	object, ok := unwrap(attr.Expr).(*hclsyntax.ObjectConsExpr)
	if !ok {
		c.v.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("%s is an object", capital(attr.Name)), "Write %s = { name = \"{src.field}\" }.", attr.Name)
		c.failed = true
		return nil, nil
	}
	for _, item := range object.Items {
		name, ok := c.memberName(item.KeyExpr)
		value := c.templated(item.ValueExpr, place)
		if !ok || value == nil {
			c.failed = true
			continue
		}
		names, values = append(names, name), append(values, value)
	}
	return names, values
}

// body converts what is sent: a text, escaped as its media type says, or a
// value that is sent as JSON.
func (c *converter) body(expr hclsyntax.Expression, l mapping.Lookup) (n *mapping.Node, mediaType string) {
	for i, name := range l.HeaderNames {
		if text, ok := l.Headers[i].Value.(string); ok && strings.EqualFold(name, "Content-Type") {
			mediaType = text
		}
	}
	if c.perRecord(expr) {
		if mediaType == "" {
			mediaType = "application/json"
		}
		return c.node(expr), mediaType
	}
	text := ""
	if value, _ := c.v.eval(expr, c.in).UnmarkDeep(); value.IsWhollyKnown() && !value.IsNull() && value.Type() == cty.String {
		text = strings.TrimSpace(value.AsString())
	}
	if mediaType == "" {
		mediaType = typeOf(text)
	}
	return c.templated(expr, placeOf(mediaType)), mediaType
}

// typeOf tells the media type of a text by how it begins.
func typeOf(text string) string {
	switch {
	case strings.HasPrefix(text, "<"):
		return "text/xml; charset=utf-8"
	case text == "" || strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["):
		return "application/json"
	case strings.Contains(text, "="):
		return "application/x-www-form-urlencoded"
	}
	return "text/plain; charset=utf-8"
}

// placeOf tells how values in a text of a media type are escaped.
func placeOf(mediaType string) string {
	switch t := strings.ToLower(mediaType); {
	case strings.Contains(t, "xml"):
		return mapping.InXML
	case strings.Contains(t, "json"):
		return mapping.InJSON
	case strings.Contains(t, "form-urlencoded"):
		return mapping.InForm
	}
	return mapping.InText
}
