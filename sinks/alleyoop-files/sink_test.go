package alleyoopfiles_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
	protocol "koppel/internal/alleyoop"
	"koppel/internal/alleyoop/alleyooptest"
	"koppel/internal/httpclient"
	office "koppel/internal/sandbox/alleyoop"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
	sink "koppel/sinks/alleyoop-files"
)

// start runs an installation with one instance and opens a sink on it.
func start(t *testing.T) (s *office.System, target connector.Sink, instance dataset.Row, dir string) {
	t.Helper()
	s, c := alleyooptest.Start(t, office.Options{})
	_, conn := alleyooptest.Open(t, c)
	dir = t.TempDir()
	target, err := sink.Kind().Open(t.Context(), &sink.Config{Connection: conn}, connector.Env{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.(interface{ Close() error }).Close() })
	return s, target, s.Data.Rows("instances")[0], dir
}

func write(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func byID(id any, path, content string) []byte {
	return fmt.Appendf(nil, `{"instanceId":%q,"path":%q,"sha256":"%x","type":"CONCEPT_JAARREKENING"}`, id, path, sha256.Sum256([]byte(content)))
}

func byDossier(row dataset.Row, path string) []byte {
	return fmt.Appendf(nil, `{"clientId":%q,"path":%q,"periodEnd":%q,"periodStart":%q,"processKey":%q,"type":"TEST"}`, row["clientId"], path, row["periodEnd"], row["periodStart"], row["processKey"])
}

func TestUploads(t *testing.T) {
	s, target, row, dir := start(t)
	id := row["instanceId"]
	write(t, dir, "docs/Bevestiging \"ë\".pdf", "one")
	write(t, dir, "empty.txt", "")
	write(t, filepath.Dir(dir), "outside.txt", "secret")
	if err := os.Symlink(filepath.Join(filepath.Dir(dir), "outside.txt"), filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	apply := func(c record.Change) connector.Outcome {
		t.Helper()
		out, err := target.Write(t.Context(), []record.Change{c})
		if err != nil || len(out) != 1 {
			t.Fatalf("%v, %v", out, err)
		}
		return out[0]
	}
	const path = "docs/Bevestiging \"ë\".pdf"
	out := apply(record.Change{Op: record.Create, After: byID(id, path, "one")})
	files := s.Data.Rows("files")
	if out.Status != connector.Applied || len(files) != 1 || files[0]["filename"] != `Bevestiging "ë".pdf` || files[0]["sha256"] != fmt.Sprintf("%x", sha256.Sum256([]byte("one"))) ||
		string(out.Answer) != fmt.Sprintf(`{"uploadId":%q}`, files[0]["uploadId"]) {
		t.Fatalf("%v %v", out, files)
	}
	if out := apply(record.Change{Op: record.Create, After: byDossier(row, "empty.txt")}); out.Status != connector.Applied || len(s.Data.Rows("files")) != 2 {
		t.Errorf("by the four fields: %v", out)
	}
	write(t, dir, "docs/Bevestiging \"ë\".pdf", "two")
	update := record.Change{Op: record.Update, Before: byID(id, path, "one"), After: byID(id, path, "two")}
	if out := apply(update); out.Status != connector.Applied || len(s.Data.Rows("files")) != 3 {
		t.Errorf("a changed file: %v", out)
	}
	write(t, dir, "moved/Bevestiging \"ë\".pdf", "two")
	moved := record.Change{Op: record.Update, Before: update.After, After: byID(id, "moved/Bevestiging \"ë\".pdf", "two")}
	if out := apply(moved); out.Status != connector.Applied || len(s.Data.Rows("files")) != 3 {
		t.Errorf("a file in another folder: %v", out)
	}
	other := dataset.Row{"clientId": row["clientId"], "processKey": "CONTROLE_08", "periodStart": "1990-01-01", "periodEnd": "1990-12-31"}
	for name, test := range map[string]struct {
		body []byte
		want string
	}{
		"missing":     {byID(id, "nothing.pdf", ""), "nothing.pdf"},
		"above":       {byID(id, "../outside.txt", "secret"), "escapes"},
		"absolute":    {byID(id, filepath.Join(dir, "empty.txt"), ""), "escapes"},
		"link":        {byID(id, "link.txt", "secret"), "escapes"},
		"a folder":    {byID(id, "docs", ""), "can't be read"},
		"changed":     {byID(id, "empty.txt", "before"), "has changed since"},
		"no instance": {byDossier(other, "empty.txt"), "there is no instance of"},
		"unknown":     {byID("0", "empty.txt", ""), "unknown"},
		"no type":     {fmt.Appendf(nil, `{"instanceId":%q,"path":"empty.txt","type":""}`, id), "type is empty"},
		"no path":     {fmt.Appendf(nil, `{"instanceId":%q,"type":"X"}`, id), "path is empty"},
		"nothing":     {[]byte(`{"path":"empty.txt","type":"X"}`), "instanceId is empty"},
	} {
		out := apply(record.Change{Op: record.Create, After: test.body})
		if out.Status != connector.Refused || !strings.Contains(out.Message, test.want) || strings.Contains(out.Message, dir+"/docs") {
			t.Errorf("%s: %v, want %q", name, out, test.want)
		}
	}
	if out := apply(record.Change{Op: record.Delete, Before: byID(id, path, "one")}); out.Status != connector.Refused {
		t.Errorf("a delete: %v", out)
	}
	if n := len(s.Data.Rows("files")); n != 3 {
		t.Errorf("%d files", n)
	}
}

// TestLostAnswers: what may have arrived is unknown, and never said to be
// applied or refused.
func TestLostAnswers(t *testing.T) {
	for _, kind := range []string{traffic.Refuse, traffic.LostAnswer, traffic.LoginPage, traffic.CutBody, traffic.ShortBody, traffic.EmptyBody, "500", "503"} {
		t.Run(kind, func(t *testing.T) {
			s, target, row, dir := start(t)
			write(t, dir, "a.pdf", "one")
			if err := s.Traffic.Fail(traffic.Fault{Kind: kind, Action: "files", Times: -1}); err != nil {
				t.Fatal(err)
			}
			out, err := target.Write(t.Context(), []record.Change{{Op: record.Create, After: byID(row["instanceId"], "a.pdf", "one")}})
			n := len(s.Data.Rows("files"))
			switch {
			case n > 1:
				t.Errorf("%d files", n)
			case err == nil && out[0].Status != connector.Unknown:
				t.Errorf("%d files and %v", n, out)
			case err != nil && n != 0:
				t.Errorf("%d files and %v", n, err)
			}
		})
	}
}

func TestShape(t *testing.T) {
	fields := func(names string) (s record.Shape) {
		for _, n := range strings.Fields(names) {
			s.Fields = append(s.Fields, record.Field{Name: n, Send: true})
		}
		return s
	}
	_, _, _, dir := start(t)
	conn := connector.Connection{Kind: "alleyoop", Get: func(context.Context) (any, error) {
		return protocol.New(protocol.Config{URL: "https://office.example", Username: "u", Password: "p", APIKey: "k", Config: httpclient.Defaults()}, connector.Env{})
	}}
	for names, want := range map[string]string{
		"instanceId type path sha256": "", "clientId processKey periodStart periodEnd type path sha256": "",
		"instanceId clientId processKey periodStart periodEnd type path sha256": "",
		"clientId processKey periodStart type path sha256":                      "periodEnd", "instanceId path sha256": "type", "instanceId type path sha256 name": "name",
	} {
		target, err := sink.Kind().Open(t.Context(), &sink.Config{Connection: conn}, connector.Env{Dir: dir, Shape: fields(names)})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", names, err)
		}
		if err == nil {
			_ = target.(interface{ Close() error }).Close()
		}
	}
}
