package console_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"koppel/internal/console"
	"koppel/internal/view"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestDescriptionIsFresh(t *testing.T) {
	want, err := os.ReadFile("../../docs/reference/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := console.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/reference/openapi.json is not what the code says; go generate ./... writes it (-file +code):\n%s", diff)
	}
	b := newBench(t)
	if a := b.do(b.viewer, "GET", "/openapi.json", nil); !bytes.Equal(a.body, got) {
		t.Error("the API serves another description")
	}
}

// A describer checks answers by the description, with a library that knows
// nothing of the API.
type describer struct {
	t        *testing.T
	doc      map[string]any
	compiler *jsonschema.Compiler
	used     map[string]bool
}

func newDescriber(t *testing.T) *describer {
	t.Helper()
	text, err := console.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := &describer{t: t, doc: doc.(map[string]any), compiler: jsonschema.NewCompiler(), used: map[string]bool{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("https://koppel.example/openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows names through the document.
func (d *describer) at(names ...string) map[string]any {
	d.t.Helper()
	at := d.doc
	for _, name := range names {
		next, ok := at[name].(map[string]any)
		if !ok {
			d.t.Fatalf("the description has no %s", strings.Join(names, " "))
		}
		at = next
	}
	return at
}

func (d *describer) check(pointer string, body []byte) {
	d.t.Helper()
	schema, err := d.compiler.Compile("https://koppel.example/openapi.json#" + pointer)
	if err != nil {
		d.t.Fatalf("%s: %v", pointer, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		d.t.Errorf("%s: %v\n%s", pointer, err, body)
	}
}

// answered checks an answer to a request of a path of the description.
func (d *describer) answered(path string, a answer) {
	d.t.Helper()
	method := strings.ToLower(a.Request.Method)
	responses := d.at("paths", path, method, "responses")
	status := fmt.Sprint(a.StatusCode)
	if responses[status] == nil {
		status = "default"
	}
	escaped := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path)
	d.used[method+" "+path] = d.used[method+" "+path] || status != "default"
	d.check("/paths/"+escaped+"/"+method+"/responses/"+status+"/content/application~1json/schema", a.body)
}

// Every operation answers as it is described, and all schemas are such.
func TestAnswersAreAsDescribed(t *testing.T) {
	b := newBench(t)
	d := newDescriber(t)
	for name := range d.at("components", "schemas") {
		if _, err := d.compiler.Compile("https://koppel.example/openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ask := func(path, method, concrete string, body any) answer {
		a := b.do(b.admin, method, concrete, body)
		d.answered(path, a)
		return a
	}
	first := b.run()
	b.write("people.jsonl", `{"id":"3","name":"Cor","tel":"0612340000"}`, `{"id":"9","name":null}`)
	b.run()
	run := fmt.Sprintf("/runs/%d", first.RunID)
	const record = "?pipeline=people&key=3"
	for _, path := range []string{"/status", "/state", "/runs", "/held", "/openapi.json"} {
		ask(path, "GET", path, nil)
	}
	ask("/failed", "GET", "/failed?dismissed=true", nil)
	ask("/runs/{run}", "GET", run, nil)
	ask("/history", "GET", "/history"+record, nil)
	ask("/explain", "GET", "/explain"+record, nil)
	ask("/runs/{run}/explain", "GET", run+"/explain"+record, nil)
	ask("/held/approve", "POST", "/held/approve", console.HeldDecision{Pipelines: []string{"people"}, Only: []string{"1"}, Reason: "x", For: "1h"})
	ask("/held", "GET", "/held", nil)
	ask("/held/reject", "POST", "/held/reject", console.HeldDecision{Pipelines: []string{"people"}, Only: []string{"2"}, Reason: "x"})
	ask("/failed/retry", "POST", "/failed/retry", "{}")
	ask("/failed/dismiss", "POST", "/failed/dismiss", console.FailedDecision{Pipelines: []string{"people"}, Reason: "x"})
	ask("/pipelines/pause", "POST", "/pipelines/pause", console.Pausing{Pipelines: []string{"people"}})
	ask("/pipelines/resume", "POST", "/pipelines/resume", console.Pausing{Pipelines: []string{"people"}})
	b.deliver("d1", "d2")
	ask("/deliveries", "GET", "/deliveries?status=pending&pipeline=people", nil)
	ask("/deliveries/{delivery}", "GET", "/deliveries/d1", nil)
	ask("/deliveries/{delivery}", "GET", "/deliveries/none", nil)
	ask("/deliveries/resend", "POST", "/deliveries/resend", console.Resending{Deliveries: []string{"d1"}})
	ask("/runs/{run}/undo", "POST", run+"/undo", nil)
	plan := decode[view.Plan](t, ask("/plans", "POST", "/plans", console.PlanRequest{Save: true})).PlanID
	ask("/plans/{plan}", "GET", "/plans/"+plan, nil)
	if a := ask("/plans/{plan}/apply", "POST", "/plans/"+plan+"/apply", nil); a.StatusCode == http.StatusAccepted {
		b.await(decode202(t, a).RunID)
	}
	if a := ask("/runs", "POST", "/runs", "{}"); a.StatusCode == http.StatusAccepted {
		b.await(decode202(t, a).RunID)
	}
	ask("/runs", "POST", "/runs", `{"no": 1}`)
	for path, methods := range d.at("paths") {
		for method := range methods.(map[string]any) {
			if !d.used[method+" "+path] {
				t.Errorf("%s %s was not seen to be done", method, path)
			}
		}
	}
}
