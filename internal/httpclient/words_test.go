package httpclient

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"koppel/engine/record"
)

func TestWordsOf(t *testing.T) {
	for body, want := range map[string]string{
		"":                             "",
		" no \n\t room ":               "no room",
		`{"message":"a\nb"}`:           "a b",
		`{"Message":"a","detail":"b"}`: "a",
		`{"error":"invalid_grant","error_description":"the secret is wrong"}`:                           "the secret is wrong",
		`{"error":{"code":"Request_BadRequest","message":"no such user","innerError":{"date":"2026"}}}`: "Request_BadRequest: no such user",
		`{"errors":[{"title":"Bad","detail":"mail is missing"},{"detail":"x"}]}`:                        "mail is missing",
		`{"externalMessage":"closed","errorNumber":19}`:                                                 "closed",
		`["a","b"]`: "a",
		`<html><title> Not
 found </title></html>`: "a web page (Not found)",
		`{"field":["is wrong"]}`: `{"field":["is wrong"]}`,
	} {
		got := wordsOf([]byte(body))
		if got != want {
			t.Errorf("%s: %q, not %q", body, got, want)
		}
	}
}

// path is a plain path.
type path []string

func (p path) Source() string                          { return "." + strings.Join(p, ".") }
func (p path) Plain() ([]string, bool, bool)           { return p, false, true }
func (p path) Run(context.Context, any) ([]any, error) { panic("it is a path") }

// message is a program that must be run.
type message struct{}

func (message) Source() string { return "…" }
func (message) Run(_ context.Context, v any) ([]any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, nil
	}
	return []any{m["why"]}, nil
}

func TestJudgeBy(t *testing.T) {
	tests := []struct {
		body   string
		failed bool
		words  string
	}{
		{`{"why":"closed"}`, true, "closed"}, {`{"why":{"message":"m"}}`, true, "m"}, {`{"why":null}`, false, ""}, {`{"why":""}`, false, ""},
		{`{}`, false, ""}, {`[]`, false, ""}, {`no JSON`, false, ""}, {``, false, ""}, {`{"why":0}`, false, ""}, {`{"why":[]}`, false, ""}, {`{"why":7}`, true, ""},
	}
	for _, test := range tests {
		resp := &Response{Body: []byte(test.body)}
		for _, v := range []Verdict{judgeBy(path{"why"})(resp), judgeBy(message{})(resp)} {
			if v.Failed != test.failed || v.Words != test.words {
				t.Errorf("%s: %+v", test.body, v)
			}
		}
	}
	if v := judgeBy(path{"a", "b"})(&Response{Body: []byte(`{"a":{"b":"x"}}`)}); v.Words != "x" {
		t.Errorf("%+v", v)
	}
}

func TestMask(t *testing.T) {
	got := mask(`a s&cret s%26cret "s\u0026cret" cyZjcmV0 ab`, []string{"s&cret", "ab"})
	if strings.Contains(got, "cret") || strings.Contains(got, "cyZj") || !strings.HasSuffix(got, " ab") {
		t.Errorf("%s", got)
	}
}

// Whatever comes, its outline holds no value, and its words are short text.
func FuzzBodies(f *testing.F) {
	f.Add(`{"name":"CANARY","list":[1,"CANARY",{"a":null}]}`)
	f.Add(`{"error":{"message":"x"}}`)
	f.Add(`<html><title>x</title>`)
	f.Fuzz(func(t *testing.T, body string) {
		if out := outline([]byte(body)); len(out) > 1000 {
			t.Errorf("an outline of %d bytes", len(out))
		}
		words := wordsOf([]byte(body))
		if len(words) > longestWords+len("…") || strings.ContainsAny(words, "\n\r\x00") || utf8.ValidString(body) && !utf8.ValidString(words) {
			t.Errorf("%q", words)
		}
		for _, expect := range []Content{JSON, XML} {
			problem, _ := mismatch(expect, &Response{Body: []byte(body)})
			if expect == JSON && problem != "" && record.Valid([]byte(strings.TrimSpace(body)), record.Limits{}) == nil {
				t.Errorf("%q: %s", body, problem)
			}
		}
	})
}

func TestOutline(t *testing.T) {
	for body, want := range map[string]string{
		`{"name" : "Saar: \"x\"", "n":-1.5e3,"list":[true,null,"a"]}`: `{"name":…,"n":…,"list":[…,…,…]}`,
		`{"999990019":{"s@x.example":1,"Saar Berg":2,"@id":3}}`:       `{…:{…:…,…:…,"@id":…}}`,
		`{"cut":"Sa`: `{"cut":…`, `{"a`: `{…`, `<a/>`: "4 bytes", "": "",
	} {
		if got := outline([]byte(body)); got != want {
			t.Errorf("%s: %s, not %s", body, got, want)
		}
	}
}
