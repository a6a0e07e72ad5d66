package connectortest

import (
	"context"
	"net/http"
	"reflect"
	"sync"
	"testing"

	"koppel/engine/connector"
)

// opened gives a copy of a configuration whose connections can be opened. A
// connection that has no Get is opened with its Config by the kind of its name,
// with env: as the language does, once, on first use. It is closed with the
// test.
func opened(t testing.TB, kinds []connector.Kind[any], config any, env connector.Env) any {
	t.Helper()
	if env.HTTP == nil {
		env.HTTP = shortLived()
	}
	v := reflect.New(reflect.TypeOf(config).Elem())
	v.Elem().Set(reflect.ValueOf(config).Elem())
	for i := range v.Elem().NumField() {
		c, ok := v.Elem().Field(i).Interface().(connector.Connection)
		if !ok || !isUnopened(c) {
			continue
		}
		kind := kindNamed(t, kinds, c.Kind)
		env := env
		env.Block, env.Key, env.Window = c.Address, nil, nil
		var once sync.Mutex
		var value any
		c.Get = func(ctx context.Context) (any, error) {
			once.Lock()
			defer once.Unlock()
			if value != nil {
				return value, nil
			}
			var err error
			if value, err = kind.Open(ctx, c.Config, env); err == nil {
				t.Cleanup(func() { closeIt(t, value) })
			}
			return value, err
		}
		v.Elem().Field(i).Set(reflect.ValueOf(c))
	}
	return v.Interface()
}

func isUnopened(c connector.Connection) bool { return c.Get == nil && c.Config != nil }

// asksOverHTTP tells whether a configuration has a connection that the suite
// opens.
func asksOverHTTP(config any) bool {
	v := reflect.ValueOf(config).Elem()
	for i := range v.NumField() {
		if c, ok := v.Field(i).Interface().(connector.Connection); ok && isUnopened(c) {
			return true
		}
	}
	return false
}

func kindNamed(t testing.TB, kinds []connector.Kind[any], name string) connector.Kind[any] {
	t.Helper()
	for _, k := range kinds {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("there is no kind of connection %q among those that the kind can use", name)
	return connector.Kind[any]{}
}

// shortLived is a client whose connections end with each answer, so that no
// goroutine waits for the next.
func shortLived() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}
