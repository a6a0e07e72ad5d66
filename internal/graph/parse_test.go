package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
	"koppel/internal/graph"
)

func TestParseProblem(t *testing.T) {
	for body, want := range map[string]graph.Problem{
		`{"error":{"code":"TooManyRequests","message":"Please retry again later.","innerError":{"code":"429","request-id":"r1","status":"429"}}}`:     {Code: "TooManyRequests", Message: "Please retry again later.", RequestID: "r1", Codes: []string{"TooManyRequests"}},
		`{"error":{"code":"UnknownError","message":"","innererror":{"code":"syncStateNotFound","message":"Gone.","innerError":{"request-id":"r2"}}}}`: {Code: "syncStateNotFound", Message: "Gone.", RequestID: "r2", Codes: []string{"UnknownError", "syncStateNotFound"}},
		`{"error":{"code":"","message":""}}`: {}, `{"error":"invalid_client"}`: {}, `[]`: {}, ``: {}, `<html>`: {},
	} {
		got, _ := graph.ParseProblem([]byte(body))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

func TestAppendRow(t *testing.T) {
	row := "{\"@odata.etag\":\"W/1\",\n \"id\":\"1\",\"a@odata.context\":\"x\",\"big\":9007199254740993,\"list\":[1,\r\n{\"@odata.type\":\"t\"}],\"text\":\"a\\nb\"}"
	got := string(graph.AppendRow(nil, []byte(row), func(dst []byte, name string, _ []byte) ([]byte, bool) { return dst, name == "id" }))
	if want := `{"big":9007199254740993,"list":[1,  {"@odata.type":"t"}],"text":"a\nb"}`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

// FuzzParsePage: an answer is taken apart into objects, or refused.
func FuzzParsePage(f *testing.F) {
	for _, s := range []string{`{"value":[{"id":"1"},{"id":"2","@removed":{"reason":"deleted"}}],"@odata.nextLink":"https://graph.microsoft.com/x"}`, `{"value":[1]}`, `{"value":[]}`, `{"value":[{"a":"\"]"}],"value":[]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := graph.ParsePage(body)
		if err != nil {
			return
		}
		for _, row := range page.Rows {
			_, _ = graph.Removed(row)
			line := graph.AppendRow(nil, row, nil)
			if record.Valid(line, record.Limits{}) != nil {
				t.Errorf("%q becomes %q", row, line)
			}
			for _, c := range line {
				if c == '\n' {
					t.Errorf("%q has a line end", line)
				}
			}
		}
	})
}

// FuzzParseProblem: any body is read without harm.
func FuzzParseProblem(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"a","innerError":{"code":"b"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if p, ok := graph.ParseProblem(body); ok && p.String() == "" {
			t.Errorf("%q says nothing: %+v", body, p)
		}
	})
}
