package dsl

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// closureFunctions are the functions that evaluate their arguments themselves.
// Whether an expression fails tells something of the values in it, so their
// results carry the sensitivity of every expression that was tried.
func closureFunctions() map[string]function.Function {
	return map[string]function.Function{
		"can": withSensitivity(tryfunc.CanFunc),
		"try": withSensitivity(tryfunc.TryFunc),
	}
}

func withSensitivity(f function.Function) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			t, err := f.ReturnTypeForValues(args)
			return t, closureFailure(err, args)
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err != nil {
				return cty.NilVal, closureFailure(err, args)
			}
			for _, arg := range args {
				closure := customdecode.ExpressionClosureFromVal(arg)
				succeeded := !failed(closure)
				if succeeded && f.VarParam() != nil {
					break // its value carries its own marks
				}
				if readsSensitive(closure) {
					v = v.Mark(sensitive{})
				}
			}
			return v, nil
		},
	})
}

func failed(closure *customdecode.ExpressionClosure) bool {
	_, diags := closure.Value()
	return diags.HasErrors()
}

// A closureError says why no expression succeeded; it wraps the errors of the
// functions that were called.
type closureError struct {
	text   string
	causes []error
}

func (e *closureError) Error() string   { return e.text }
func (e *closureError) Unwrap() []error { return e.causes }

func closureFailure(err error, args []cty.Value) error {
	if err == nil || len(args) == 0 {
		return err
	}
	failure := &closureError{text: err.Error()}
	for _, arg := range args {
		closure := customdecode.ExpressionClosureFromVal(arg)
		if readsSensitive(closure) {
			failure.text = "no expression succeeded; " + withheld
		}
		_, diags := closure.Value()
		for _, diag := range diags {
			if extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diag); ok && extra.FunctionCallError() != nil {
				failure.causes = append(failure.causes, extra.FunctionCallError())
			}
		}
	}
	return failure
}

// readsSensitive reports whether an expression that may fail or not reads a
// sensitive value.
func readsSensitive(closure *customdecode.ExpressionClosure) bool {
	if v, _ := closure.Value(); isSensitive(v) {
		return true
	}
	for _, path := range closure.Expression.Variables() {
		if v, diags := path.TraverseAbs(closure.EvalContext); !diags.HasErrors() && isSensitive(v) {
			return true
		}
	}
	expr, ok := closure.Expression.(hclsyntax.Expression)
	return ok && callsSensitive(expr)
}

// callsSensitive reports whether expr calls a function whose result is
// sensitive whatever its arguments are.
func callsSensitive(expr hclsyntax.Expression) bool {
	found := false
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		if call, ok := node.(*hclsyntax.FunctionCallExpr); ok {
			found = found || call.Name == "secret" || call.Name == "sensitive"
		}
		return nil
	})
	return found
}
