package mapping

import (
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	tests := map[string]string{
		".": "", ".data": "data", ".data[]": "data []", ".[]": " []", `.meta.next`: "meta,next", `."@odata.nextLink"`: "@odata.nextLink",
		`.["a b"].c[]`: "a b,c []", `.a["b"]`: "a,b", `."é"`: "é",
		".data[]?": "no", ".a[0]": "no", ".a[1:]": "no", ".a|.b": "no", ".a,.b": "no", ".a // 1": "no", ".a[].b": "no", `."a\(1)"`: "no",
		"def f: .a; .b": "no", "..": "no", "$x": "no", ".a[.b]": "no", "first(.a)": "no", ".a[][]": "no", "-.a": "no",
	}
	for text, want := range tests {
		s := &Single{input: JQ(text, 0)}
		path, each, ok := s.Plain()
		got := strings.Join(path, ",")
		if each {
			got += " []"
		}
		if !ok {
			got = "no"
		}
		if got != want {
			t.Errorf("%s: %q, not %q", text, got, want)
		}
	}
	if _, _, ok := (&Single{input: Expr(".a", 0)}).Plain(); ok {
		t.Error("an expr program is no jq path")
	}
}
