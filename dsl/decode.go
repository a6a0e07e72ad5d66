package dsl

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"koppel/engine/connector"
)

// A decoder fills the configuration struct of one kind from its block.
type decoder struct {
	v       *values
	in      *instance
	compile func(expr hclsyntax.Expression, in *instance, v *values) connector.Program
	connect func(r *reference) connector.Connection
	// kinds are the connection kinds that the block may use.
	kinds []string
	what  string // "a source "file" block"

	places  map[string]hcl.Range // of arguments, by dotted name
	pending map[string]bool      // arguments that are not known yet
	hidden  map[string]bool      // arguments with a sensitive value
	docs    map[string]string    // of arguments
}

// block decodes the body of b into target, a pointer to a struct. common names
// arguments and blocks that are not the kind's own.
func (d *decoder) block(b *hclsyntax.Block, target any, commonArguments, commonBlocks []string) {
	d.places, d.pending, d.hidden, d.docs = map[string]hcl.Range{}, map[string]bool{}, map[string]bool{}, map[string]string{}
	into := reflect.ValueOf(target).Elem()
	list := parametersOf(into.Type())
	arguments, blocks := namesOf(list)
	d.v.out.onlyKnownIn(b.Body, d.what, append(arguments, commonArguments...), append(blocks, commonBlocks...))
	d.fill(b.Body, b.DefRange(), list, into, "")
}

// fill decodes what is there and reports what is missing.
func (d *decoder) fill(body *hclsyntax.Body, at hcl.Range, list []parameter, into reflect.Value, prefix string) {
	for _, p := range list {
		field := into.FieldByIndex(p.index)
		switch {
		case p.label:
		case p.block:
			d.blocks(body, at, p, field, prefix)
		default:
			d.argument(body.Attributes[p.name], at, p, field, prefix)
		}
	}
}

func (d *decoder) argument(attr *hclsyntax.Attribute, at hcl.Range, p parameter, field reflect.Value, prefix string) {
	if attr == nil {
		if !p.optional {
			d.v.out.add("missing_argument", at, "A required argument is missing", "The argument %q is required: %s.", p.name, docOf(p))
		}
		return
	}
	name := prefix + p.name
	d.places[name], d.docs[name] = attr.Expr.Range(), docOf(p)
	switch p.typ {
	case connectionType:
		d.connection(attr, field)
		return
	case selectionType:
		d.selection(attr, field)
		return
	case programType:
		if program := d.compile(attr.Expr, d.in, d.v); program != nil {
			field.Set(reflect.ValueOf(program))
		}
		return
	}
	if p.typ == reflect.MapOf(reflect.TypeFor[string](), programType) {
		d.programs(attr, field)
		return
	}
	value := d.v.eval(attr.Expr, d.in)
	if isBroken(value) {
		return
	}
	if isSensitive(value) {
		d.hidden[name] = true
	}
	if !value.IsWhollyKnown() {
		d.pending[name] = true
		d.v.unknown(value, attr.Expr.Range())
		return
	}
	value, _ = value.UnmarkDeep()
	if value.IsNull() {
		if !p.optional {
			d.v.out.add("missing_argument", attr.Expr.Range(), "A required argument is null", "The argument %q is required: %s.", p.name, docOf(p))
		}
		return
	}
	if d.hidden[name] {
		d.setHidden(field, value, p, attr.Expr.Range())
		return
	}
	d.set(field, value, p, attr.Expr.Range())
}

// setHidden is set for a sensitive value: what is wrong with it is not told.
func (d *decoder) setHidden(field reflect.Value, value cty.Value, p parameter, at hcl.Range) {
	problem := assign(field, value)
	wrong := len(p.words) > 0 && field.Kind() == reflect.String && !slices.Contains(p.words, field.String())
	if problem == "" && !wrong {
		return
	}
	field.SetZero()
	d.v.out.add("invalid_value", at, fmt.Sprintf("The argument %q has a wrong value", p.name), "It is sensitive, so it is not shown: %s.", docOf(p))
}

func docOf(p parameter) string {
	if p.doc == "" {
		return "it has no default"
	}
	return p.doc
}

// set puts a known value into a field and reports when it doesn't fit.
func (d *decoder) set(field reflect.Value, value cty.Value, p parameter, at hcl.Range) {
	if problem := assign(field, value); problem != "" {
		d.v.out.add("invalid_value", at, fmt.Sprintf("The argument %q has a wrong value", p.name), "%s", problem)
		return
	}
	if len(p.words) == 0 || field.Kind() != reflect.String || slices.Contains(p.words, field.String()) {
		return
	}
	text := field.String()
	field.SetZero()
	d.v.out.add("invalid_value", at, fmt.Sprintf("The argument %q can't be %q", p.name, text),
		"It is one of %s.%s", strings.Join(quoteAll(p.words), ", "), didYouMean(text, p.words))
}

// programs decodes an object whose members are values per record.
func (d *decoder) programs(attr *hclsyntax.Attribute, field reflect.Value) {
	object, ok := unwrap(attr.Expr).(*hclsyntax.ObjectConsExpr)
	if !ok {
		d.v.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("The argument %q is an object", attr.Name), "Write { name = … }.")
		return
	}
	m := map[string]connector.Program{}
	for _, item := range object.Items {
		key := d.v.eval(item.KeyExpr, d.in)
		if key.Type() != cty.String || !key.IsWhollyKnown() || key.IsNull() {
			continue
		}
		key, _ = key.Unmark()
		if program := d.compile(item.ValueExpr, d.in, d.v); program != nil {
			m[key.AsString()] = program
		}
	}
	field.Set(reflect.ValueOf(m))
}

func (d *decoder) connection(attr *hclsyntax.Attribute, field reflect.Value) {
	value := d.v.eval(attr.Expr, d.in)
	if reasonOf(value) != "" && !value.IsWhollyKnown() {
		d.pending[attr.Name] = true
		d.v.unknown(value, attr.Expr.Range())
		return
	}
	r := d.v.asReference(value, attr.Expr.Range(), "connection")
	if r == nil {
		return
	}
	if !slices.Contains(d.kinds, r.decl.Kind) && !r.decl.Later {
		d.v.out.add("invalid_reference", attr.Expr.Range(), fmt.Sprintf("%s doesn't use connections of kind %q", capital(d.what), r.decl.Kind),
			"It uses connections of kind %s.", strings.Join(quoteAll(d.kinds), ", "))
		return
	}
	field.Set(reflect.ValueOf(d.connect(r)))
}

// selection decodes a list of texts, one text, or a reference to a source or
// pipeline.
func (d *decoder) selection(attr *hclsyntax.Attribute, field reflect.Value) {
	value := d.v.eval(attr.Expr, d.in)
	if isBroken(value) {
		return
	}
	if !value.IsWhollyKnown() {
		d.pending[attr.Name] = true
		d.v.unknown(value, attr.Expr.Range())
		return
	}
	inner, _ := value.UnmarkDeep()
	var chosen connector.Selection
	switch t := inner.Type(); {
	case !inner.IsNull() && t == cty.String:
		chosen.Text = inner.AsString()
	case !inner.IsNull() && (t.IsTupleType() || t.IsListType() || t.IsSetType()):
		chosen.List = append([]string{}, d.v.texts(attr, d.in)...)
	case isReference(inner) || t.IsMapType() && t.ElementType() == referenceType:
		if r := d.v.asReference(value, attr.Expr.Range(), "source", "pipeline"); r != nil {
			chosen.From = r.address()
		}
	default:
		d.v.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("The argument %q has a wrong value", attr.Name), "Write a text, a list of texts, or a reference to a source or pipeline.")
	}
	field.Set(reflect.ValueOf(chosen))
}

// blocks decodes the blocks of one type: a struct, a pointer to one, or a
// slice of either.
func (d *decoder) blocks(body *hclsyntax.Body, at hcl.Range, p parameter, field reflect.Value, prefix string) {
	if p.typ.Kind() == reflect.Slice {
		for _, b := range body.Blocks {
			if b.Type == p.name {
				element := reflect.New(p.typ.Elem()).Elem()
				d.inner(b, element, prefix)
				field.Set(reflect.Append(field, element))
			}
		}
		return
	}
	b := d.v.out.single(body, p.name)
	switch {
	case b != nil:
		d.inner(b, field, prefix)
	case !p.optional:
		d.v.out.add("missing_block", at, "A required block is missing", "The block %q is required: %s.", p.name, docOf(p))
	}
}

// inner decodes one nested block.
func (d *decoder) inner(b *hclsyntax.Block, into reflect.Value, prefix string) {
	if into.Kind() == reflect.Pointer {
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
		}
		into = into.Elem()
	}
	prefix += b.Type + "."
	d.places[strings.TrimSuffix(prefix, ".")] = b.DefRange()
	list := parametersOf(into.Type())
	d.labels(b, list, into)
	arguments, blocks := namesOf(list)
	d.v.out.onlyKnown(b, arguments, blocks)
	d.fill(b.Body, b.DefRange(), list, into, prefix)
}

// labels fills the label fields of a nested block.
func (d *decoder) labels(b *hclsyntax.Block, list []parameter, into reflect.Value) {
	n := 0
	for _, p := range list {
		if !p.label {
			continue
		}
		if n >= len(b.Labels) {
			d.v.out.add("invalid_label", b.DefRange(), fmt.Sprintf("A %s block has a label", b.Type), "Write %s %q { … }: %s.", b.Type, strings.ToUpper(p.name), docOf(p))
			return
		}
		label := b.Labels[n]
		if len(p.words) > 0 && !slices.Contains(p.words, label) {
			d.v.out.add("invalid_value", b.LabelRanges[n], fmt.Sprintf("There is no %s %q", b.Type, label),
				"It is one of %s.%s", strings.Join(quoteAll(p.words), ", "), didYouMean(label, p.words))
		}
		into.FieldByIndex(p.index).SetString(label)
		n++
	}
	if n < len(b.Labels) {
		d.v.out.add("invalid_label", b.LabelRanges[n], fmt.Sprintf("A %s block has %s", b.Type, count(n, "label")), "Leave %q out.", b.Labels[n])
	}
}
