package dsl

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"koppel/engine"
)

// onlyKnown reports the arguments and blocks of b that are none of the given
// ones.
func (p *problems) onlyKnown(b *hclsyntax.Block, arguments, blocks []string) {
	p.onlyKnownIn(b.Body, blockName(b), arguments, blocks)
}

func (p *problems) onlyKnownIn(body *hclsyntax.Body, what string, arguments, blocks []string) {
	for _, attr := range sortedAttributes(body) {
		if !slices.Contains(arguments, attr.Name) {
			p.unknownArgument(attr, what, arguments, blocks)
		}
	}
	for _, b := range body.Blocks {
		if !slices.Contains(blocks, b.Type) {
			p.unknownBlock(b, what, arguments, blocks)
		}
	}
}

// blockName names a block in a sentence: "a source "file" block".
func blockName(b *hclsyntax.Block) string {
	if len(b.Labels) > 0 && (b.Type == "source" || b.Type == "sink" || b.Type == "connection") {
		return fmt.Sprintf("a %s %q block", b.Type, b.Labels[0])
	}
	return article(b.Type) + " block"
}

func (p *problems) unknownArgument(attr *hclsyntax.Attribute, what string, arguments, blocks []string) {
	hint := didYouMean(attr.Name, arguments)
	if slices.Contains(blocks, attr.Name) {
		hint = fmt.Sprintf(" It is a block: write %s { … }, without an equals sign.", attr.Name)
	} else if hint == "" {
		hint = known("arguments", arguments)
	}
	p.keep(errorAt("unknown_argument", attr.NameRange, "Unknown argument",
		fmt.Sprintf("There is no argument %q in %s.%s", attr.Name, what, hint)).within(attr.SrcRange))
}

func (p *problems) unknownBlock(b *hclsyntax.Block, what string, arguments, blocks []string) {
	hint := didYouMean(b.Type, blocks)
	if slices.Contains(arguments, b.Type) {
		hint = fmt.Sprintf(" It is an argument: write %s = …, with an equals sign.", b.Type)
	} else if hint == "" {
		hint = known("blocks", blocks)
	}
	p.add("unknown_block", b.TypeRange, "Unknown block", "There is no block %q in %s.%s", b.Type, what, hint)
}

func known(what string, names []string) string {
	if len(names) == 0 {
		return fmt.Sprintf(" It has no %s.", what)
	}
	names = slices.Sorted(slices.Values(names))
	return fmt.Sprintf(" Its %s are %s.", what, strings.Join(names, ", "))
}

// single gives the one block of a type, or nil; a second one is reported.
func (p *problems) single(body *hclsyntax.Body, name string) *hclsyntax.Block {
	var found *hclsyntax.Block
	for _, b := range body.Blocks {
		if b.Type != name {
			continue
		}
		if found != nil {
			p.duplicate("the block "+name, b, found.DefRange())
			continue
		}
		found = b
	}
	return found
}

// noLabels reports labels on a block that has none.
func (p *problems) noLabels(b *hclsyntax.Block) {
	if b != nil && len(b.Labels) > 0 {
		p.add("invalid_label", b.LabelRanges[0], fmt.Sprintf("A %s block has no label", b.Type), "Write %s { … }.", b.Type)
	}
}

// argument evaluates an argument that is known before a run as a value of a
// type. ok is false when it is absent, null, broken or not known yet; the
// value's reason then stands in v.waiting.
func (v *values) argument(attr *hclsyntax.Attribute, in *instance, typ cty.Type, form string) (cty.Value, bool) {
	if attr == nil {
		return cty.NilVal, false
	}
	value := v.eval(attr.Expr, in)
	return v.typed(value, attr.Name, attr.Expr.Range(), typ, form)
}

func (v *values) typed(value cty.Value, name string, at hcl.Range, typ cty.Type, form string) (cty.Value, bool) {
	if isBroken(value) {
		return cty.NilVal, false
	}
	v.hidden = isSensitive(value)
	if !value.IsWhollyKnown() {
		v.unknown(value, at)
		return cty.NilVal, false
	}
	value, _ = value.UnmarkDeep()
	if value.IsNull() {
		return cty.NilVal, false
	}
	converted, err := strictConvert(value, typ)
	if err != nil {
		v.out.add("invalid_value", at, fmt.Sprintf("%s is %s", name, article(typeName(value.Type()))), "Write %s.", form)
		return cty.NilVal, false
	}
	return converted, true
}

// unknown takes note of a value that is not known: offline it may be known
// later, else it is an error.
func (v *values) unknown(value cty.Value, at hcl.Range) {
	if isBroken(value) {
		return
	}
	if v.offline {
		v.wait(reasonOf(value))
		return
	}
	v.out.add("unset", at, "A value is not set", "What it needs is not there: %s.", reasonOf(value))
}

// show is a text for a message, or a mask when the argument was sensitive.
func (v *values) show(text string) string {
	if v.hidden {
		return "‹sensitive›"
	}
	return text
}

// wait remembers why this instance can't be settled before a run.
func (v *values) wait(reason string) {
	if v.waiting == "" {
		v.waiting = reason
	}
}

// strictConvert converts as the language does, but never a number or truth
// value to a text: `url = 1` is a mistake.
func strictConvert(value cty.Value, typ cty.Type) (cty.Value, error) {
	if typ == cty.String && value.Type() != cty.String {
		return cty.NilVal, fmt.Errorf("not a text")
	}
	return convert.Convert(value, typ)
}

func typeName(t cty.Type) string {
	switch {
	case t == cty.String:
		return "text"
	case t == cty.Bool:
		return "truth value"
	case t == referenceType:
		return "reference to a block"
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		return "list"
	case t.IsObjectType() || t.IsMapType():
		return "object"
	}
	return t.FriendlyName()
}

// text is a text argument; empty when absent.
func (v *values) text(attr *hclsyntax.Attribute, in *instance) string {
	value, ok := v.argument(attr, in, cty.String, `a text, in quotes`)
	if !ok {
		return ""
	}
	return value.AsString()
}

// truth is a true or false argument.
func (v *values) truth(attr *hclsyntax.Attribute, in *instance, otherwise bool) bool {
	value, ok := v.argument(attr, in, cty.Bool, "true or false")
	if !ok {
		return otherwise
	}
	return value.True()
}

// choice is one of several words; the first when absent.
func (v *values) choice(attr *hclsyntax.Attribute, in *instance, words ...string) string {
	if attr == nil {
		return words[0]
	}
	mark := v.out.mark()
	text := v.text(attr, in)
	if v.out.failed(mark) || text == "" && v.waiting != "" {
		return words[0]
	}
	if !slices.Contains(words, text) {
		v.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("%s can't be %q", attr.Name, v.show(text)),
			"It is %s.%s", strings.Join(quoteAll(words), " or "), didYouMean(v.show(text), words))
		return words[0]
	}
	return text
}

// texts is a list of texts.
func (v *values) texts(attr *hclsyntax.Attribute, in *instance) []string {
	value, ok := v.argument(attr, in, cty.DynamicPseudoType, "a list of texts")
	if !ok {
		return nil
	}
	if value.Type() == cty.String {
		return []string{value.AsString()}
	}
	var list []string
	if value.CanIterateElements() && !value.Type().IsObjectType() && !value.Type().IsMapType() {
		for _, e := range value.Elements() {
			if e.Type() != cty.String || e.IsNull() {
				list = nil
				break
			}
			list = append(list, e.AsString())
		}
	}
	if list == nil && !(value.CanIterateElements() && value.LengthInt() == 0) {
		v.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("%s is not a list of texts", attr.Name), `Write a list such as ["a", "b"].`)
	}
	return list
}

// duration is a duration argument; nil when absent.
func (v *values) duration(attr *hclsyntax.Attribute, in *instance) *time.Duration {
	value, ok := v.argument(attr, in, cty.String, `a duration in quotes, such as "10m"`)
	if !ok {
		return nil
	}
	d, err := ParseDuration(value.AsString())
	if err != nil {
		v.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("%q is no duration", v.show(value.AsString())), "%s.", capital(err.Error()))
		return nil
	}
	return &d
}

// limit is a count or a share; nil when absent.
func (v *values) limit(attr *hclsyntax.Attribute, in *instance) *engine.Limit {
	value, ok := v.argument(attr, in, cty.DynamicPseudoType, `a count or a share`)
	if !ok {
		return nil
	}
	l, err := parseLimit(plain(value))
	if err != nil {
		v.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("%s is neither a count nor a share", attr.Name), "%s.", capital(err.Error()))
	}
	return l
}

// number is a whole number, at least 0; otherwise when absent.
func (v *values) number(attr *hclsyntax.Attribute, in *instance, otherwise int64) int64 {
	value, ok := v.argument(attr, in, cty.Number, "a whole number")
	if !ok {
		return otherwise
	}
	n, isInt := plain(value).(int)
	if !isInt || n < 0 {
		v.out.add("invalid_value", attr.Expr.Range(), fmt.Sprintf("%s is no whole number of at least 0", attr.Name), "")
		return otherwise
	}
	return int64(n)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
