package dsl

import "github.com/zclconf/go-cty/cty/function"

// knownFunctions returns the functions for values that are known before a run,
// by name. They are Terraform's, by their names and behaviour; env, file and
// secret are the loader's.
func knownFunctions() map[string]function.Function {
	return map[string]function.Function{}
}
