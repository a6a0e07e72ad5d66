package alleyoop_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox/alleyoop"
)

func noon() time.Time { return time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC) }

// An office is a running installation and a caller of it.
type office struct {
	*alleyoop.System
	t   *testing.T
	url string
}

func start(t *testing.T, o alleyoop.Options) *office {
	t.Helper()
	o.Now = noon
	s, err := alleyoop.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	return &office{System: s, t: t, url: server.URL + alleyoop.Path}
}

// request makes a call with headers that are named without X-.
func (o *office) request(method string, headers map[string]string) *http.Request {
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.url, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	req.SetBasicAuth(o.Username, o.Password)
	req.Header.Set("X-apiKey", o.APIKey)
	req.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		req.Header.Set("X-"+name, value)
	}
	return req
}

func (o *office) do(req *http.Request) (int, string) {
	o.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (o *office) call(method string, headers map[string]string) (int, string) {
	o.t.Helper()
	return o.do(o.request(method, headers))
}

func (o *office) list(method string, headers map[string]string) []map[string]any {
	o.t.Helper()
	status, body := o.call(method, headers)
	var list []map[string]any
	if err := json.Unmarshal([]byte(body), &list); err != nil || status != http.StatusOK {
		o.t.Fatalf("%d %s: %v", status, body, err)
	}
	return list
}

// instance are the headers that name an instance, with others.
func (o *office) instance(more ...string) map[string]string {
	h := map[string]string{
		"clientId": o.Data.Rows("clients")[1]["clientId"].(string), "processKey": "SAMENSTELLEN_09",
		"periodStart": "2025-01-01", "periodEnd": "2025-12-31",
	}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

func TestClients(t *testing.T) {
	o := start(t, alleyoop.Options{})
	all := o.list("GET", map[string]string{"action": "clients"})
	if len(all) != 12 || len(all[0]) != 9 || all[7]["inactive"] != true {
		t.Errorf("%d clients, the first %v", len(all), all[0])
	}
	for headers, want := range map[string]int{"kvk 00001001": 1, "kvk 00001003": 2, "kvk 77777777": 0, "name Testpraktijk Dubbel": 2, "referId T0005": 1} {
		name, value, _ := strings.Cut(headers, " ")
		if got := o.list("GET", map[string]string{"action": "clients", name: value}); len(got) != want {
			t.Errorf("%s: %d clients, want %d", headers, len(got), want)
		}
	}
	if got := o.list("GET", map[string]string{"action": "process-definitions"}); len(got) != 2 || got[0]["version"] != 2.0 {
		t.Errorf("definitions: %v", got)
	}
}

func TestRefusals(t *testing.T) {
	o := start(t, alleyoop.Options{})
	wrong := func(change func(*http.Request)) int {
		req := o.request("GET", map[string]string{"action": "clients"})
		change(req)
		status, _ := o.do(req)
		return status
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"password":     {func(r *http.Request) { r.SetBasicAuth(o.Username, "x") }, 401},
		"key":          {func(r *http.Request) { r.Header.Set("X-apiKey", "x") }, 401},
		"no action":    {func(r *http.Request) { r.Header.Del("X-action") }, 400},
		"other action": {func(r *http.Request) { r.Header.Set("X-action", "people") }, 400},
		"empty header": {func(r *http.Request) { r.Header.Set("X-kvk", "") }, 400},
		"content type": {func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		"path":         {func(r *http.Request) { r.URL.Path = "/" }, 404},
	} {
		if got := wrong(c.change); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestCreateTwice: the call makes another instance each time, and that shows.
func TestCreateTwice(t *testing.T) {
	o := start(t, alleyoop.Options{})
	var ids []string
	for range 2 {
		status, body := o.call("POST", o.instance("action", "process-instances"))
		var made map[string]any
		if err := json.Unmarshal([]byte(body), &made); err != nil || status != 200 || len(made) != 8 {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		ids = append(ids, made["instanceId"].(string))
	}
	if got := o.list("GET", o.instance("action", "process-instances")); len(got) != 2 || ids[0] == ids[1] {
		t.Errorf("instances %v, listed %v", ids, got)
	}
	if got := o.Doubled(); len(got) != 1 {
		t.Errorf("doubled: %v", got)
	}
	if n := len(o.Traffic.Effects()); n != 2 {
		t.Errorf("%d effects", n)
	}
	status, body := o.call("DELETE", map[string]string{"action": "process-instances", "instanceId": ids[0], "reason": "twice"})
	if status != 200 || body != "{}" || len(o.Doubled()) != 0 {
		t.Errorf("%d %s, doubled %v", status, body, o.Doubled())
	}
	for want, h := range map[int]map[string]string{
		404: o.instance("action", "process-instances", "clientId", "nobody"),
		400: o.instance("action", "process-instances", "periodEnd", "31-12-2025"),
	} {
		if status, body := o.call("POST", h); status != want {
			t.Errorf("%v: %d %s", h, status, body)
		}
	}
}

func TestSignals(t *testing.T) {
	o := start(t, alleyoop.Options{})
	o.call("POST", o.instance("action", "process-instances"))
	signal := func(step string) (int, string) {
		return o.call("PUT", o.instance("action", "tasks", "signal", "SAMENSTELLEN_09-"+step))
	}
	keys := func(action string) string {
		var list []string
		for _, task := range o.list("GET", o.instance("action", action)) {
			list = append(list, task["key"].(string))
		}
		return strings.Join(list, " ")
	}
	if status, body := signal("SAMENSTELLEN"); status != 404 || !strings.Contains(body, "no given task") {
		t.Errorf("a signal that is not due: %d %s", status, body)
	}
	for _, step := range []string{"AANMAKEN_LIJST", "VOORBEREIDING"} {
		if status, body := signal(step); status != 200 || body != "{}" {
			t.Errorf("%s: %d %s", step, status, body)
		}
	}
	if got := keys("tasks"); got != "informatie_compleet" {
		t.Errorf("active: %s", got)
	}
	if got := keys("task-history"); got != "aanmaken_lijst voorbereiding" {
		t.Errorf("finished: %s", got)
	}
	if status, _ := signal("VOORBEREIDING"); status != 404 {
		t.Errorf("a signal sent twice: %d", status)
	}
	signal("INFORMATIE_COMPLEET")
	if got := keys("tasks"); got != "samenstellen" {
		t.Errorf("active: %s", got)
	}
	task := o.list("GET", o.instance("action", "tasks"))[0]
	for _, id := range []string{task["taskId"].(string), task["processInstanceId"].(string)} {
		if got := o.list("GET", map[string]string{"action": "tasks", "taskId": id}); len(got) != 1 {
			t.Errorf("task %s: %v", id, got)
		}
	}
	if got := o.list("GET", o.instance("action", "tasks", "group", "accountants")); len(got) != 0 {
		t.Errorf("tasks of another group: %v", got)
	}
}

func (o *office) upload(instance, name, content string, fields ...string) (int, string) {
	o.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	headers := map[string]string{"action": "files", "instanceId": instance, "type": "CONCEPT_JAARREKENING"}
	for _, f := range append([]string{"action", "instanceId", "type"}, fields...) {
		_ = form.WriteField("X-"+f, headers[f])
	}
	_ = form.WriteField("X-apiKey", o.APIKey)
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		o.t.Fatal(err)
	}
	_, _ = part.Write([]byte(content))
	_ = form.Close()
	req := o.request("POST", headers)
	req.Body, req.ContentLength = io.NopCloser(&body), int64(body.Len())
	req.Header.Set("Content-Type", form.FormDataContentType())
	return o.do(req)
}

func TestFiles(t *testing.T) {
	o := start(t, alleyoop.Options{})
	instance := o.Data.Rows("instances")[0]["instanceId"].(string)
	status, body := o.upload(instance, "Bevestiging 2025.pdf", "demo")
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	delete(got, "uploadId")
	want := map[string]any{
		"typeLabel": "Concept jaarrekening", "typeId": "CONCEPT_JAARREKENING", "clientId": o.Data.Rows("clients")[0]["clientId"],
		"clientName": "Testpraktijk Noor van Bedacht", "apiName": "SANDBOX USER/ALLEYOOP", "processId": instance,
		"attachments": []any{"Bevestiging 2025.pdf"}, "attachmentsInfo": []any{map[string]any{
			"filename": "Bevestiging 2025.pdf", "filesize": 4.0, "filesizeinfo": "1kb", "filetime": "2026-11-20 11:00:00",
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	o.upload(instance, "Bevestiging 2025.pdf", "demo")
	if got := o.Doubled(); len(got) != 1 || !slices.Contains(strings.Fields(got[0]), instance) {
		t.Errorf("doubled: %v", got)
	}
	for name, want := range map[string]int{"../x.pdf": 400, "": 400} {
		if status, body := o.upload(instance, name, "demo"); status != want {
			t.Errorf("a file %q: %d %s", name, status, body)
		}
	}
	if status, _ := o.upload("1", "x.pdf", ""); status != 404 {
		t.Errorf("a file of no instance: %d", status)
	}
}
