package connectortest

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"koppel/dsl"
)

// checkArguments loads a project whose only block has one argument, which
// the kind does not know: the unknown one and every missing one must be told
// with their place.
func checkArguments(t testing.TB, block, kind string, config any, o dsl.Options) {
	t.Helper()
	o.Dir = t.TempDir()
	text := fmt.Sprintf("%s %q \"under_test\" {\n  no_such_argument = 1\n}\n", block, kind)
	if err := os.WriteFile(filepath.Join(o.Dir, "main.hcl"), []byte(text), 0o666); err != nil {
		t.Fatalf("write a project: %v", err)
	}
	_, diags := dsl.Load(t.Context(), o)
	names := []string{"no_such_argument"}
	for f := range fieldsOf(reflect.TypeOf(config).Elem()) {
		if name, option, _ := strings.Cut(f.Tag.Get("hcl"), ","); option == "" {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if !told(diags, name) {
			t.Errorf("no diagnostic with a place is about the argument %s of\n%s%v", name, text, diags)
		}
	}
}

func told(diags dsl.Diagnostics, name string) bool {
	for _, d := range diags {
		if d.File != "" && d.Range.Start.Line > 0 && strings.Contains(d.Summary+d.Detail, name) {
			return true
		}
	}
	return false
}
