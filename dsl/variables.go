package dsl

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// inputs holds what is given for variables, the strongest last: KOPPEL_VAR_n,
// *.auto.vars.hcl, --var-file, --var.
type inputs struct {
	exprs map[string]input
}

// An input is the value given for one variable: an expression of a values
// file, or a text of the environment or the command line.
type input struct {
	expr hclsyntax.Expression
	text string
	from string // where a text came from
}

// readInputs collects the values given for the variables of conf.
func readInputs(conf *configuration, files *sourceFiles, o Options, out *problems) *inputs {
	in := &inputs{exprs: map[string]input{}}
	for name := range conf.variables {
		if text, ok := o.Environ("KOPPEL_VAR_" + name); ok {
			in.exprs[name] = input{text: text, from: "the environment variable KOPPEL_VAR_" + name}
		}
	}
	for _, name := range files.values {
		in.addFile(files.bodies[name], conf, false, out)
	}
	for _, path := range o.VarFiles {
		full := path
		if !filepath.IsAbs(path) && o.VarFileDir != "" {
			full = filepath.Join(o.VarFileDir, path)
		}
		in.addFile(files.read(path, full, out), conf, true, out)
	}
	for _, name := range sortedKeys(o.Vars) {
		if conf.variables[name] == nil {
			out.add("unknown_name", hcl.Range{}, fmt.Sprintf("There is no variable %q", name),
				"It is given on the command line with --var, and no file declares it.%s", didYouMean(name, sortedKeys(conf.variables)))
			continue
		}
		in.exprs[name] = input{text: o.Vars[name], from: "--var " + name}
	}
	return in
}

// addFile takes the arguments of a values file. A name that no variable has is
// an error in a file that was named, and a warning in one that was found.
func (in *inputs) addFile(body *hclsyntax.Body, conf *configuration, named bool, out *problems) {
	if body == nil {
		return
	}
	for _, attr := range sortedAttributes(body) {
		if conf.variables[attr.Name] == nil {
			report := out.warn
			if named {
				report = out.add
			}
			report("unknown_name", attr.NameRange, fmt.Sprintf("There is no variable %q", attr.Name),
				"This file gives values to variables; no file of the project declares this one.%s", didYouMean(attr.Name, sortedKeys(conf.variables)))
			continue
		}
		in.exprs[attr.Name] = input{expr: attr.Expr}
	}
	for _, b := range body.Blocks {
		out.add("unknown_block", b.TypeRange, "A values file has no blocks", "Write %s = …, one variable per line.", b.Type)
	}
}

// variable evaluates one variable: its value, converted to its type.
func (v *values) variable(b *hclsyntax.Block) cty.Value {
	name := b.Labels[0]
	typ, defaults, ok := v.variableType(b)
	if !ok {
		return failedValue
	}
	value, at := v.given(b, typ)
	if isBroken(value) {
		return failedValue
	}
	if value.IsKnown() || reasonOf(value) == "" {
		value, ok = v.convertVariable(name, value, typ, defaults, at)
		if !ok {
			return failedValue
		}
	}
	if v.isSensitiveVariable(b) {
		value = value.Mark(sensitive{})
	}
	return value
}

// variableType reads the argument type; any when there is none.
func (v *values) variableType(b *hclsyntax.Block) (cty.Type, *typeexpr.Defaults, bool) {
	attr := b.Body.Attributes["type"]
	if attr == nil {
		return cty.DynamicPseudoType, nil, true
	}
	typ, defaults, diags := typeexpr.TypeConstraintWithDefaults(attr.Expr)
	v.out.addHCL(diags)
	return typ, defaults, !diags.HasErrors()
}

// given is the value given for a variable, or its default, and its place.
func (v *values) given(b *hclsyntax.Block, typ cty.Type) (cty.Value, hcl.Range) {
	name := b.Labels[0]
	in, ok := v.inputs.exprs[name]
	switch {
	case ok && in.expr != nil:
		return v.eval(in.expr, nil), in.expr.Range()
	case ok:
		return v.textValue(b, in, typ), b.DefRange()
	}
	if attr := b.Body.Attributes["default"]; attr != nil {
		return v.eval(attr.Expr, nil), attr.Expr.Range()
	}
	problem := fmt.Sprintf("the variable %q, which has no value", name)
	if v.offline {
		return cty.UnknownVal(typ.WithoutOptionalAttributesDeep()).Mark(pending{problem}), b.DefRange()
	}
	v.out.add("unset", b.DefRange(), fmt.Sprintf("The variable %q has no value", name),
		"Give it one with --var %s=…, the environment variable KOPPEL_VAR_%s, a *.auto.vars.hcl file or a default.", name, name)
	return failedValue, b.DefRange()
}

// textValue reads a value given as text: as it is for a text, as HCL for
// other types.
func (v *values) textValue(b *hclsyntax.Block, in input, typ cty.Type) cty.Value {
	if typ.IsPrimitiveType() || typ == cty.DynamicPseudoType {
		return cty.StringVal(in.text)
	}
	expr, diags := hclsyntax.ParseExpression([]byte(in.text), in.from, hcl.InitialPos)
	if !diags.HasErrors() {
		if value, more := expr.Value(nil); !more.HasErrors() {
			return value
		}
	}
	v.out.add("invalid_value", b.DefRange(), fmt.Sprintf("The value given for the variable %q is not well formed", b.Labels[0]),
		"%s gives no %s: write it as in HCL, such as [\"a\", \"b\"] or {a = 1}.", in.from, typ.FriendlyName())
	return failedValue
}

func (v *values) convertVariable(name string, value cty.Value, typ cty.Type, defaults *typeexpr.Defaults, at hcl.Range) (cty.Value, bool) {
	if defaults != nil && !value.IsNull() {
		unmarked, paths := value.UnmarkDeepWithPaths()
		value = defaults.Apply(unmarked).MarkWithPaths(paths)
	}
	converted, err := convert.Convert(value, typ)
	if err != nil {
		v.out.add("invalid_value", at, fmt.Sprintf("The value of the variable %q has another type", name),
			"%s.", strings.ToUpper(err.Error()[:1])+err.Error()[1:])
		return failedValue, false
	}
	return converted, true
}

// isSensitiveVariable reports whether a variable is declared sensitive. What
// is no plain true or false counts as true.
func (v *values) isSensitiveVariable(b *hclsyntax.Block) bool {
	attr := b.Body.Attributes["sensitive"]
	if attr == nil {
		return false
	}
	value, diags := attr.Expr.Value(nil)
	return diags.HasErrors() || !value.IsKnown() || value.IsNull() || value.Type() != cty.Bool || value.True()
}

// checkVariable reports what is wrong with a variable's block and whether its
// value breaks its rules.
func (v *values) checkVariable(b *hclsyntax.Block) {
	known := []string{"type", "default", "description", "sensitive"}
	v.out.onlyKnown(b, known, []string{"validation"})
	v.text(b.Body.Attributes["description"], nil)
	v.truth(b.Body.Attributes["sensitive"], nil, false)
	value := v.named("var", b.Labels[0])
	for _, rule := range b.Body.Blocks {
		if rule.Type == "validation" {
			v.checkRule(b.Labels[0], rule, value)
		}
	}
}

// checkRule evaluates one validation block.
func (v *values) checkRule(name string, rule *hclsyntax.Block, value cty.Value) {
	v.out.onlyKnown(rule, []string{"condition", "error_message"}, nil)
	condition, message := rule.Body.Attributes["condition"], rule.Body.Attributes["error_message"]
	if condition == nil || message == nil {
		v.out.add("missing_argument", rule.DefRange(), "A validation has a condition and an error_message", "")
		return
	}
	result, marks := v.eval(condition.Expr, nil).Unmark()
	if !result.IsKnown() {
		return
	}
	if result.IsNull() || result.Type() != cty.Bool {
		v.out.add("invalid_value", condition.Expr.Range(), "A condition is true or false", "This one gives %s.", article(result.Type().FriendlyName()))
		return
	}
	if result.True() {
		return
	}
	text := "The value breaks the rule of its variable."
	if m := v.eval(message.Expr, nil); m.IsKnown() && !m.IsMarked() && !m.IsNull() && m.Type() == cty.String {
		if text = strings.TrimSpace(m.AsString()); text != "" && !strings.ContainsAny(text[len(text)-1:], ".!?") {
			text += "."
		}
	}
	shown := ""
	if value.Type().IsPrimitiveType() && value.IsKnown() && !value.IsNull() && !value.IsMarked() && !marksSensitive(marks) {
		shown = fmt.Sprintf(" It is %v.", plain(value))
	}
	v.out.add("validation", v.conf.variables[name].DefRange(), fmt.Sprintf("The value of the variable %q is not allowed", name),
		"%s%s This was checked by the rule at %s.", text, shown, placeText(rule.DefRange()))
}
