package mapping

import (
	"github.com/itchyny/gojq"
)

// A jqError is an error of the language, which a program can catch. Its words
// are made when they are needed: most errors are suppressed.
type jqError struct {
	say   func() string
	value *val // what error(…) was given; nil for other errors
}

// Error gives the words of the language.
func (err *jqError) Error() string { return err.say() }

// A jqStop ends a query whose further outputs nobody wants. It is not empty, so
// that no two have one address.
type jqStop struct{ _ byte }

func (*jqStop) Error() string { return "break" }

func jqFail(say func() string) error { return &jqError{say: say} }

// isCatchable tells errors that a program can catch from broken bounds, the end
// of the run and the end of a query.
func isCatchable(err error) bool {
	switch err := err.(type) {
	case *jqError:
		return true
	case *fault:
		return err.code != CodeLimit
	}
	return false
}

// caught is what catch sees of an error.
func (e *Evaluator) caught(err error) val {
	if err, ok := err.(*jqError); ok && err.value != nil {
		return *err.value
	}
	return textOf(err.Error())
}

// ofLibrary takes an error that the language's library gave.
func ofLibrary(err error) error {
	if f, ok := err.(*fault); ok {
		return f
	}
	if v, ok := err.(gojq.ValueError); ok {
		x := fromJQ(v.Value())
		return &jqError{say: err.Error, value: &x}
	}
	return jqFail(err.Error)
}

// preview shows a value as the language's messages do.
func (e *Evaluator) preview(v val) string {
	x, err := e.plain(v)
	if err != nil {
		return "…"
	}
	return gojq.Preview(x)
}

// typed shows the type and the value.
func (e *Evaluator) typed(v val) string {
	if v.isNull() {
		return "null"
	}
	return jqType(v) + " (" + e.preview(v) + ")"
}

func (e *Evaluator) needObject(v val) error {
	return jqFail(func() string { return "expected an object but got: " + e.typed(v) })
}

func (e *Evaluator) needArray(v val) error {
	return jqFail(func() string { return "expected an array but got: " + e.typed(v) })
}

func (e *Evaluator) cannotIterate(v val) error {
	return jqFail(func() string { return "cannot iterate over: " + e.typed(v) })
}

// cannotApply is the error of a function without arguments.
func (e *Evaluator) cannotApply(name string, v val) error {
	return jqFail(func() string { return name + " cannot be applied to: " + e.typed(v) })
}

// cannotApplyTo is the error of a function of one argument.
func (e *Evaluator) cannotApplyTo(name string, v, arg val) error {
	return jqFail(func() string { return name + "(" + e.preview(arg) + ") cannot be applied to: " + e.typed(v) })
}
