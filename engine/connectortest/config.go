package connectortest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"koppel/engine/connector"
)

// A Wrong is a mistake in a configuration that must be refused by Validate or
// on opening.
type Wrong struct {
	Name string
	// Change makes the mistake in a good configuration.
	Change func(config any)
	// Want must stand in the error.
	Want string
}

// validate asks the configuration itself.
func validate(config any) error {
	if v, ok := config.(connector.Validator); ok {
		return v.Validate()
	}
	return nil
}

// checkFields sees that every argument has a name and a sentence.
func checkFields(t testing.TB, config any) {
	t.Helper()
	typ := reflect.TypeOf(config)
	if typ.Kind() != reflect.Pointer || typ.Elem().Kind() != reflect.Struct {
		t.Fatalf("the configuration is a %s, not a pointer to a struct", typ)
	}
	for f := range fieldsOf(typ.Elem()) {
		tag, ok := f.Tag.Lookup("hcl")
		if !f.IsExported() || !ok {
			t.Errorf("field %s of %s is no argument: it must be exported and have a tag hcl", f.Name, typ.Elem())
			continue
		}
		if _, kind, _ := strings.Cut(tag, ","); kind == "" || kind == "optional" {
			if f.Tag.Get("doc") == "" {
				t.Errorf("argument %q has no doc", tag)
			}
		}
	}
}

func fieldsOf(typ reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if !yield(typ.Field(i)) {
				return
			}
		}
	}
}

// required names the arguments that must be given, by field.
func required(config any) []reflect.StructField {
	var names []reflect.StructField
	for f := range fieldsOf(reflect.TypeOf(config).Elem()) {
		tag := f.Tag.Get("hcl")
		if tag != "" && !strings.Contains(tag, ",") && f.Type != reflect.TypeFor[connector.Connection]() {
			names = append(names, f)
		}
	}
	return names
}

// drop empties a field.
func drop(config any, f reflect.StructField) {
	reflect.ValueOf(config).Elem().FieldByIndex(f.Index).SetZero()
}

// secretsOf collects the secrets in a configuration and in that of the
// connections it refers to.
func secretsOf(config any) []string {
	var found []string
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i))
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.String:
			if v.Type() == reflect.TypeFor[connector.Secret]() && v.Len() > 0 {
				found = append(found, v.String())
			}
		}
	}
	walk(reflect.ValueOf(config))
	return found
}

// checkSecrets looks for secrets in the printed configuration and in all that
// was said.
func checkSecrets(t testing.TB, config any, canaries []string, j *journal) {
	t.Helper()
	for _, c := range append(connectionsOf(config), config) {
		fmt.Fprintf(j, "%v\n%+v\n%#v\n", c, c, c)
		if b, err := json.Marshal(c); err == nil {
			j.Write(b)
		}
	}
	for _, s := range append(secretsOf(config), canaries...) {
		if j.contains(s) {
			t.Errorf("a secret is in a log, an error, an identity or the printed configuration")
		}
	}
}

// connectionsOf gives the configurations of the connections that a
// configuration refers to.
func connectionsOf(config any) []any {
	var list []any
	v := reflect.ValueOf(config).Elem()
	for i := range v.NumField() {
		if c, ok := v.Field(i).Interface().(connector.Connection); ok && c.Config != nil {
			list = append(list, c.Config)
		}
	}
	return list
}

func checkRefused(t testing.TB, what, want string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: the configuration is not refused", what)
	} else if !strings.Contains(err.Error(), want) {
		t.Errorf("%s: the error is %q, without %q", what, err, want)
	}
}
