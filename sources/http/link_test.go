package http

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
)

func TestNextLink(t *testing.T) {
	tests := []struct {
		headers []string
		want    string
	}{
		{nil, ""},
		{[]string{`<https://shop.example/a?page=2>; rel="next"`}, "https://shop.example/a?page=2"},
		{[]string{`<a>; rel=prev, <b>; rel=next`}, "b"},
		{[]string{`<a>; rel="prev"`, `<b?x=1,2;3>;title="a, \"b\"; rel=next";REL="last Next"`}, "b?x=1,2;3"},
		{[]string{`<a>; rel="prev"; rel="next"`}, ""},
		{[]string{`<a>; title="rel=next"`}, ""},
		{[]string{`<a>; rel`}, ""},
		{[]string{`<a>;rel=next,`, ``}, "a"},
		{[]string{`< a`}, ""},
		{[]string{`>a<;rel=next`}, ""},
	}
	for _, test := range tests {
		if got := nextLink(test.headers); got != test.want {
			t.Errorf("%q: %q, not %q", test.headers, got, test.want)
		}
	}
}

func TestIsNumbered(t *testing.T) {
	for text, want := range map[string]bool{
		"?page=2": true, "?Page_Number=3&x=a": true, "?$skip=100": true, "?page[number]=2": true, "?offset=10": true,
		"?page=abc": false, "?after=100": false, "?cursor=2": false, "/page/2": false, "": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := isNumbered(u); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add(`<a>; rel="next", <b>; rel=prev`)
	f.Add(`<a>;rel="\"next`)
	f.Add(`<>;;,=`)
	f.Fuzz(func(t *testing.T, header string) {
		got := nextLink([]string{header})
		if again := nextLink([]string{"<" + got + ">;rel=next"}); got != "" && again != got {
			t.Errorf("%q gives %q, which gives %q", header, got, again)
		}
	})
}

func TestMinus(t *testing.T) {
	const hour = 3600e9
	tests := []struct {
		value any
		want  string
	}{
		{"2026-03-01T00:30:00Z", "2026-02-28T23:30:00Z"}, {"2026-03-01T00:30:00.123+01:00", "2026-02-28T23:30:00.123+01:00"},
		{"2026-03-01 10:00", "2026-03-01 09:00"}, {"2026-03-01", "2026-02-28"}, {7200, "3600"}, {7200.5, "3600.5"},
	}
	for _, test := range tests {
		if got, err := minus(test.value, hour); err != nil || got != test.want {
			t.Errorf("%v: %s, %v, not %s", test.value, got, err, test.want)
		}
	}
	if _, err := minus("yesterday", hour); err == nil {
		t.Error("a text that is no time has a time before it")
	}
	if got, err := minus("v7", 0); err != nil || got != "v7" {
		t.Errorf("without an overlap a text is %s, %v", got, err)
	}
}

func TestBound(t *testing.T) {
	for want, values := range map[string][]any{"": {"2026-01-01", nil}, "2025-12-31": {"2026-01-01", "2025-12-31"}, "5": {5}, "9": {10, 9}, "-3": {2, -3, 10}} {
		if got, err := bound(values, 0); err != nil || got != want {
			t.Errorf("%v: %q, %v", values, got, err)
		}
	}
	if got := higher(9007199254740993, 9007199254740992); got != 9007199254740993 {
		t.Errorf("higher: %v", got)
	}
	if got := higher("a", 7); got != "a" {
		t.Errorf("higher: %v", got)
	}
}

// follow is the plain path .data[].
type follow struct{}

func (follow) Source() string                { return ".data[]" }
func (follow) Plain() ([]string, bool, bool) { return []string{"data"}, true, true }
func (follow) Run(context.Context, any) ([]any, error) {
	return nil, errors.New("objects have no order")
}

// Whatever an answer is, what is handed over is what a decoder finds in it.
func FuzzPage(f *testing.F) {
	f.Add(`{"data":[{"a":1},{"b":"x\ny"}]}`)
	f.Add("{\"data\" :\n[ {\"a\":\n[1 ,2]} ,{}] , \"n\":1e5}")
	f.Add("\xef\xbb\xbf{\"data\":[]}")
	f.Fuzz(func(t *testing.T, body string) {
		l := newLayout(&Config{Records: follow{}, Pagination: &Pagination{}})
		var p page
		if l.read(t.Context(), []byte(body), &p) != nil {
			return
		}
		v, err := record.Decode([]byte(strings.TrimPrefix(body, "\xef\xbb\xbf")))
		if err != nil {
			t.Fatalf("%q is no JSON, and is read", body)
		}
		want, _ := v.(map[string]any)["data"].([]any)
		if p.count() != len(want) {
			t.Fatalf("%q has %d records, not %d", body, p.count(), len(want))
		}
		for i, w := range want {
			line := p.record(i)
			if strings.Count(string(line), "\n") != 1 || line[len(line)-1] != '\n' {
				t.Errorf("record %d is no line: %q", i, line)
			}
			got, err := record.Decode(line[:len(line)-1])
			if diff := cmp.Diff(w, got); err != nil || diff != "" {
				t.Errorf("record %d: %v (-want +got):\n%s", i, err, diff)
			}
		}
	})
}
