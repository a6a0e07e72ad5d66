package dsl

import (
	"context"
	"fmt"
	"sync"

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
	used    bool // a secret is named anywhere
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
// env, file and secret. Without resolve a secret stays unknown.
func (l *loader) outsideFunctions(resolve context.Context) map[string]function.Function {
	return map[string]function.Function{
		"env": textFunction("name", func(name string) (cty.Value, error) {
			text, ok := l.o.Environ(name)
			if !ok {
				return cty.NilVal, &unsetError{fmt.Sprintf("the environment variable %s, which is not set", name)}
			}
			return cty.StringVal(text), nil
		}),
		"file": textFunction("path", func(path string) (cty.Value, error) {
			data, err := readProjectFile(l.o.Dir, path)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(string(data)), nil
		}),
		"secret": textFunction("reference", func(ref string) (cty.Value, error) {
			l.secrets.used = true
			if err := secret.Check(ref); err != nil {
				return cty.NilVal, err
			}
			if resolve == nil {
				return cty.UnknownVal(cty.String).Mark(pending{fmt.Sprintf("the secret %q", ref)}).Mark(sensitive{}), nil
			}
			text, err := l.secrets.resolve(resolve, ref)
			if err != nil {
				return cty.NilVal, &unsetError{err.Error()}
			}
			return cty.StringVal(text).Mark(sensitive{}), nil
		}),
	}
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
