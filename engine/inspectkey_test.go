package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
)

func FuzzReadings(f *testing.F) {
	for _, text := range []string{"1042", "a/b", "a//b", "/", "", `["a","b/c"]`, `["a"`, `[1]`, `[]`, "a/b/c/d/e/f/g/h/i"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range readings(text) {
			if !strings.HasPrefix(text, "[") && k.String() != text {
				t.Errorf("%q is read as %q", text, k)
			}
		}
	})
}

func TestEveryKeyIsFoundAsItIsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringMatching(`[a-z/\[\]"é]{1,4}`), 1, 3).Draw(t, "parts")
		k, err := record.MakeKey(parts...)
		if err != nil {
			t.Skip()
		}
		shown := ShowKey(k)
		if strings.Count(shown, "/") <= maxSlashes && !strings.HasPrefix(shown, "[") && !slices.Contains(readings(shown), k) {
			t.Errorf("%q is shown as %s and not found by that", k, shown)
		}
		exact := readings(strings.Trim(exactKey(k), "'"))
		if diff := cmp.Diff([]record.Key{k}, exact); diff != "" {
			t.Errorf("its exact form means another key (-want +got)\n%s", diff)
		}
	})
}

func TestMaskPaths(t *testing.T) {
	const mask = "‹sensitive›"
	for _, tt := range []struct {
		body  string
		paths []string
		want  string
	}{
		{`{"a":1,"b":{"c":"x","d":9007199254740993}}`, []string{"b.c"}, `{"a":1,"b":{"c":"` + mask + `","d":9007199254740993}}`},
		{`{"a":[{"c":"x"},{"c":null},7]}`, []string{"a.c"}, `{"a":[{"c":"` + mask + `"},{"c":null},7]}`},
		{`{"a":{"c":"x"}}`, []string{"a"}, `{"a":"` + mask + `"}`},
		{`{"a":"x"}`, []string{"b", "a.b"}, `{"a":"x"}`},
		{`{"a":"x"}`, []string{""}, `"` + mask + `"`},
		{`{"a":"x"}`, nil, `{"a":"x"}`},
	} {
		if diff := cmp.Diff(tt.want, string(maskPaths([]byte(tt.body), tt.paths))); diff != "" {
			t.Errorf("%s without %v (-want +got)\n%s", tt.body, tt.paths, diff)
		}
	}
}
