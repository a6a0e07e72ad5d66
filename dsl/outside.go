package dsl

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"koppel/internal/secret"
)

// A secretStore resolves each secret once.
type secretStore struct {
	dir     string
	environ func(string) (string, bool)
	mu      sync.Mutex
	known   map[string]string
	used    atomic.Bool // a secret is named anywhere
}

func newSecretStore(o Options) *secretStore {
	return &secretStore{dir: o.Dir, environ: o.Environ, known: map[string]string{}}
}

// resolve gives a secret. What can't be had is asked for again the next time.
func (s *secretStore) resolve(ctx context.Context, ref string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text, ok := s.known[ref]; ok {
		return text, nil
	}
	text, err := secret.Resolve(ctx, ref, s.dir, s.environ)
	if err != nil {
		return "", err
	}
	s.known[ref] = text
	return text, nil
}

// outsideFunctions are the functions that read something outside the files:
// env, file and secret. What is not set is an error; when lenient, it is
// unknown. Without resolve a secret stays unknown.
func (l *loader) outsideFunctions(resolve context.Context, lenient bool) map[string]function.Function {
	missing := func(problem string) (cty.Value, error) {
		if lenient {
			return cty.UnknownVal(cty.String).Mark(pending{problem}), nil
		}
		return cty.NilVal, &unsetError{problem}
	}
	return map[string]function.Function{
		"env": textFunction("name", func(name string) (cty.Value, error) {
			if text, ok := l.o.Environ(name); ok {
				return cty.StringVal(text), nil
			}
			return missing(fmt.Sprintf("the environment variable %s, which is not set", name))
		}),
		"file": textFunction("path", func(path string) (cty.Value, error) {
			data, err := l.files.readNamed(path)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(string(data)), nil
		}),
		"secret": textFunction("reference", func(ref string) (cty.Value, error) {
			value, err := l.secret(resolve, ref, missing)
			if err != nil {
				return cty.NilVal, err
			}
			return value.Mark(sensitive{}), nil
		}),
	}
}

// secret gives the value of a secret, or what missing makes of a problem.
func (l *loader) secret(resolve context.Context, ref string, missing func(string) (cty.Value, error)) (cty.Value, error) {
	l.secrets.used.Store(true)
	if err := secret.Check(ref); err != nil {
		return cty.NilVal, err
	}
	if resolve == nil {
		return cty.UnknownVal(cty.String).Mark(pending{fmt.Sprintf("the secret %q", ref)}), nil
	}
	text, err := l.secrets.resolve(resolve, ref)
	if err != nil {
		return missing(err.Error())
	}
	return cty.StringVal(text), nil
}

// textFunction makes a function of one text. The sensitivity of its argument
// goes on to its result.
func textFunction(name string, run func(string) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: name, Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return run(args[0].AsString())
		},
	})
}
