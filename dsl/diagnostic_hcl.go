package dsl

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// hclCodes gives the code of a diagnostic of package hcl by its summary. What
// is not listed is a mistake of syntax when it comes from the parser, and an
// invalid value when it comes from an evaluation.
var hclCodes = map[string]string{
	"Unsupported argument":                     "unknown_argument",
	"Unsupported block type":                   "unknown_block",
	"Missing required argument":                "missing_argument",
	"Duplicate argument":                       "duplicate_argument",
	"Attribute redefined":                      "duplicate_argument",
	"Unknown variable":                         "unknown_name",
	"Call to unknown function":                 "unknown_function",
	"Variables not allowed":                    "scope",
	"Function calls not allowed":               "scope",
	"Unsupported attribute":                    "invalid_reference",
	"Invalid index":                            "invalid_reference",
	"Missing map element":                      "invalid_reference",
	"Attempt to get attribute from null value": "invalid_reference",
	"Attempt to index null value":              "invalid_reference",
	"Error in function call":                   "invalid_call",
	"Invalid function argument":                "invalid_call",
	"Not enough function arguments":            "invalid_call",
	"Too many function arguments":              "invalid_call",
	"Invalid expanding argument value":         "invalid_call",
	"Incorrect attribute value type":           "invalid_value",
	"Unsuitable value type":                    "invalid_value",
	"Missing name for block":                   "invalid_label",
	"Extraneous label":                         "invalid_label",
}

const (
	redacted = "A sensitive value is at fault, so it is not shown here."
	// HCL's own text shows the key, even one that was made of a secret.
	duplicateKey = "Two different items produced the same key in this 'for' expression. If duplicates are expected, " +
		"use the ellipsis (...) after the value expression to enable grouping by key."
)

// fromHCL converts diagnostics of package hcl. Their texts are kept, except
// where one could show a sensitive value of the evaluation.
func fromHCL(diags hcl.Diagnostics) Diagnostics {
	var out Diagnostics
	for _, diag := range diags {
		d := Diagnostic{Code: hclCode(diag), Summary: diag.Summary, Detail: diag.Detail}
		if diag.Severity == hcl.DiagWarning {
			d.Severity = Warning
		}
		if subject := subjectOf(diag); subject != nil {
			d.File, d.Range = subject.Filename, rangeOf(*subject)
		}
		if diag.Context != nil {
			d.Context = rangeOf(*diag.Context)
		}
		switch {
		case diag.Summary == "Duplicate object key":
			d.Detail = duplicateKey
		case hidden(diag):
			d.Detail = redacted
		default:
			d.Detail = suggestion(diag)
		}
		out = append(out, d)
	}
	return out
}

// subjectOf gives the place of a diagnostic. A call that is not closed has its
// mistakes where its parenthesis would be, which is nowhere: then the call as
// a whole is meant.
func subjectOf(diag *hcl.Diagnostic) *hcl.Range {
	if diag.Subject == nil || diag.Subject.Start.Line > 0 || diag.Context == nil {
		return diag.Subject
	}
	return diag.Context
}

// suggestion returns the detail of diag. For unknown names it is made anew: HCL
// takes any name that is near, in no fixed order, where the nearest is meant.
func suggestion(diag *hcl.Diagnostic) string {
	if extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](diag); ok && extra.CalledFunctionNamespace() == "" {
		name := extra.CalledFunctionName()
		names := scopeNames(diag.EvalContext, func(c *hcl.EvalContext) []string { return slices.Collect(maps.Keys(c.Functions)) })
		return fmt.Sprintf("There is no function named %q.%s", name, didYouMean(name, names))
	}
	if diag.Summary == "Unknown variable" && diag.Expression != nil && len(diag.Expression.Variables()) == 1 {
		name := diag.Expression.Variables()[0].RootName()
		names := scopeNames(diag.EvalContext, func(c *hcl.EvalContext) []string { return slices.Collect(maps.Keys(c.Variables)) })
		return fmt.Sprintf("There is no variable named %q.%s", name, didYouMean(name, names))
	}
	return diag.Detail
}

func scopeNames(ctx *hcl.EvalContext, of func(*hcl.EvalContext) []string) []string {
	var names []string
	for ; ctx != nil; ctx = ctx.Parent() {
		names = append(names, of(ctx)...)
	}
	return names
}

func hclCode(diag *hcl.Diagnostic) string {
	switch code, ok := hclCodes[diag.Summary]; {
	case ok:
		return code
	case strings.HasPrefix(diag.Summary, "Missing name for "), strings.HasPrefix(diag.Summary, "Extraneous label for "):
		return "invalid_label"
	case strings.HasPrefix(diag.Summary, "Missing ") && strings.HasSuffix(diag.Summary, " block"):
		return "missing_block"
	case strings.HasPrefix(diag.Summary, "Duplicate ") && strings.HasSuffix(diag.Summary, " block"):
		return "duplicate_block"
	case diag.EvalContext != nil:
		return "invalid_value"
	default:
		return "syntax"
	}
}

// hidden reports whether the detail of diag holds a sensitive value that its
// expression reads.
func hidden(diag *hcl.Diagnostic) bool {
	if diag.Expression == nil || diag.EvalContext == nil {
		return false
	}
	for _, path := range diag.Expression.Variables() {
		v, problems := path.TraverseAbs(diag.EvalContext)
		if !problems.HasErrors() && v.ContainsMarked() && holdsText(diag.Detail, v) {
			return true
		}
	}
	return false
}

// holdsText reports whether text contains a string or number of v.
func holdsText(text string, v cty.Value) bool {
	found := false
	plain, _ := v.UnmarkDeep()
	_ = cty.Walk(plain, func(_ cty.Path, leaf cty.Value) (bool, error) {
		if leaf.IsNull() || !leaf.IsKnown() {
			return true, nil
		}
		switch leaf.Type() {
		case cty.String:
			s := leaf.AsString()
			found = found || s != "" && strings.Contains(text, s)
		case cty.Number:
			found = found || strings.Contains(text, leaf.AsBigFloat().Text('f', -1))
		}
		return true, nil
	})
	return found
}
