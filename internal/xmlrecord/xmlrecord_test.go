package xmlrecord_test

import (
	"bufio"
	"errors"
	"strings"
	"testing"

	"koppel/engine/record"
	"koppel/internal/xmlrecord"
)

func read(text, path string, spaces map[string]string, lists ...string) (string, error) {
	p, err := xmlrecord.Parse(path, spaces)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = xmlrecord.Read(bufio.NewReader(strings.NewReader(text)), xmlrecord.Options{Path: p, Lists: lists}, func(lines []byte) error {
		out.Write(lines)
		return nil
	})
	return out.String(), err
}

func TestNamespaces(t *testing.T) {
	const text = `<s:a xmlns:s="urn:s" xmlns="urn:d"><r n="1"/><s:r n="2"/><x:r xmlns:x="urn:d" n="3"/></s:a>`
	for path, want := range map[string]string{
		"/a/r": "123", "/q:a/p:r": "13", "/q:a/q:r": "2", "//q:r": "2", "/q:a/p:*": "13", "/p:a/p:r": "",
	} {
		got, err := read(text, path, map[string]string{"p": "urn:d", "q": "urn:s"})
		got = strings.NewReplacer(`{"@n":"`, "", `"}`, "", "\n", "").Replace(got)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
	if _, err := read(text, "/z:a", map[string]string{"p": "urn:d"}); err == nil || !strings.Contains(err.Error(), `the prefix "z"`) {
		t.Errorf("an unknown prefix: %v", err)
	}
}

func TestLists(t *testing.T) {
	got, err := read(`<a><r><p>1</p><q>2</q></r><r><p/><q/></r><r/><r><p><p>3</p></p></r></a>`, "/a/r", nil, "p")
	want := `{"p":["1"],"q":"2"}` + "\n" + `{"p":[null],"q":null}` + "\n{}\n" + `{"p":[{"p":["3"]}]}` + "\n"
	if err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestGiveStops(t *testing.T) {
	stop := errors.New("stop")
	err := xmlrecord.Read(bufio.NewReader(strings.NewReader("<a><r/><r/></a>")), xmlrecord.Options{Path: xmlrecord.Children()}, func([]byte) error { return stop })
	if !errors.Is(err, stop) {
		t.Error(err)
	}
}

// FuzzRead: what is handed over is always whole lines of strict JSON objects.
func FuzzRead(f *testing.F) {
	f.Add(`<a><r x="1">t<p>1</p></r></a>`, "//r", "p")
	f.Add(`<s:Envelope xmlns:s="urn:s"><s:Body><r xsi:nil="true"/></s:Body></s:Envelope>`, "/s:Envelope/s:Body/*[@nil='true']", "")
	f.Fuzz(func(t *testing.T, text, path, list string) {
		got, _ := read(text, path, nil, list)
		for line := range strings.Lines(got) {
			if err := record.Valid([]byte(line), record.Limits{}); err != nil || line[0] != '{' {
				t.Fatalf("%q gives %q: %v", text, line, err)
			}
		}
	})
}
