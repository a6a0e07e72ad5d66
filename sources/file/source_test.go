package file_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/sources/file"
)

// result is what a read gave, in a form that tables can state.
type result struct {
	Records  []string
	Complete bool
	Problem  string // the part's error, without the file's name
}

func openFile(t testing.TB, dir string, c file.Config) connector.Source {
	t.Helper()
	kind := file.Kind()
	config := kind.Config().(*file.Config)
	if c.Encoding == "" {
		c.Encoding = config.Encoding
	}
	*config = c
	s, err := kind.Open(t.Context(), config, connector.Env{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t testing.TB, dir, name string, content []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
}

// readOne reads a source of one partition.
func readOne(t testing.TB, s connector.Source, name string) result {
	t.Helper()
	rec, err := connectortest.Read(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Breaches) > 0 {
		t.Errorf("the contract is broken: %q", rec.Breaches)
	}
	part := rec.ByName[""]
	got := result{Complete: part.Complete}
	for _, r := range part.Records {
		got.Records = append(got.Records, string(r))
	}
	if part.Err != nil {
		if !errors.Is(part.Err, connector.ErrIncomplete) {
			t.Errorf("error %q does not say that the read is incomplete", part.Err)
		}
		got.Problem = strings.TrimPrefix(part.Err.Error(), name+": ")
	}
	return got
}

func zip(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadFormats(t *testing.T) {
	latin, _ := charmap.Windows1252.NewEncoder().String("naam;stad\nZoë;Córdoba €\n")
	utf16, _ := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("{\"a\":\"ë\"}\n")
	utf16bare, _ := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String("{\"a\":\"ë\"}\n")
	packed := string(zip(t, "{\"a\":1}\n{\"a\":2}\n"))
	one := []string{`{"a":1}`}
	tests := []struct {
		name, file, content string
		config              file.Config
		want                result
	}{
		{name: "lines", file: "p.jsonl", content: "{\"a\":1}\n{\"a\":2}\r\n", want: result{[]string{`{"a":1}`, "{\"a\":2}\r"}, true, ""}},
		{name: "blank lines", file: "p.jsonl", content: "\n\n{\"a\":1}\n \t\r\n{\"a\":2}\n\n", want: result{[]string{`{"a":1}`, `{"a":2}`}, true, ""}},
		{name: "lines with a byte order mark", file: "p.jsonl", content: "\xef\xbb\xbf{\"a\":1}\n", want: result{one, true, ""}},
		{name: "last line without an end", file: "p.jsonl", content: "{\"a\":1}\n{\"a\":2}", want: result{[]string{`{"a":1}`, `{"a":2}`}, false,
			"line 2 (byte 15): the last line has no line end, so nothing tells whether the file was cut; its record is used"}},
		{name: "cut last line", file: "p.jsonl", content: "{\"a\":1}\n{\"a\":", want: result{one, false,
			"line 2 (byte 13): the last line breaks off: it has no line end and is no whole JSON value"}},
		{name: "no bytes", file: "p.jsonl", want: result{nil, false,
			"it holds no record; in JSON Lines an empty set can't be told from a file that was not written"}},
		{name: "only blank lines", file: "p.ndjson", content: "\n\n", want: result{nil, false,
			"it holds no record; in JSON Lines an empty set can't be told from a file that was not written"}},
		{name: "lines in gzip", file: "p.jsonl.gz", content: packed, want: result{[]string{`{"a":1}`, `{"a":2}`}, true, ""}},
		{name: "gzip by content", file: "p.jsonl", content: packed, want: result{[]string{`{"a":1}`, `{"a":2}`}, true, ""}},
		{name: "gzip in two members", file: "p.jsonl", content: packed + string(zip(t, "{\"a\":3}\n")), want: result{[]string{`{"a":1}`, `{"a":2}`, `{"a":3}`}, true, ""}},
		{name: "cut gzip", file: "p.jsonl", content: packed[:len(packed)-1], want: result{[]string{`{"a":1}`, `{"a":2}`}, false,
			"line 3 (byte 16): read it: the gzip data breaks off"}},
		{name: "text behind gzip", file: "p.jsonl", content: packed + "{}\n{}\n{}\n{}\n{}\n", want: result{[]string{`{"a":1}`, `{"a":2}`}, false,
			"line 3 (byte 16): read it: something that is not gzip stands in the gzip data"}},
		{name: "named gz only", file: "p.jsonl.gz", content: "{}\n", want: result{nil, false, "it is named .gz and holds no gzip data"}},
		{name: "utf-16 by its mark", file: "p.jsonl", content: utf16, want: result{[]string{`{"a":"ë"}`}, true, ""}},
		{name: "utf-16 by argument", file: "p.jsonl", content: utf16bare, config: file.Config{Encoding: "utf-16"}, want: result{[]string{`{"a":"ë"}`}, true, ""}},
		{name: "utf-16 cut inside a character", file: "p.jsonl", content: utf16 + "x", want: result{[]string{`{"a":"ë"}`}, false,
			"line 2 (byte 11): read it: bytes that are no text in the configured encoding"}},

		{name: "array", file: "p.json", content: " [ {\"a\":1} ,\n{\"a\":\n  [1,\r\n\t{}]}]\n", want: result{[]string{`{"a":1}`, `{"a": [1, {}]}`}, true, ""}},
		{name: "array with brackets in text", file: "p.json", content: `[{"a":"]}\"\\"},{"b":"{["}]`, want: result{[]string{`{"a":"]}\"\\"}`, `{"b":"{["}`}, true, ""}},
		{name: "empty array", file: "p.json", content: "[\n]\n", want: result{nil, true, ""}},
		{name: "object", file: "p.json", content: `{"a":1}`, want: result{one, true, ""}},
		{name: "empty json", file: "p.json", content: " \n", want: result{nil, false, "it is empty, not a JSON document"}},
		{name: "login page", file: "p.json", content: "<html>", want: result{nil, false, "line 1 (byte 0): neither a JSON array nor an object starts here"}},
		{name: "unclosed array", file: "p.json", content: "[{\"a\":1}\n", want: result{one, false, "line 2 (byte 9): the array is not closed: the file breaks off"}},
		{name: "array cut behind a comma", file: "p.json", content: `[{"a":1},`, want: result{one, false, "line 1 (byte 9): the document is not closed: the file breaks off"}},
		{name: "unclosed element", file: "p.json", content: "[{\"a\":1},\n{\"a\":\"]", want: result{one, false, "line 2 (byte 17): the document is not closed: the file breaks off"}},
		{name: "text behind the array", file: "p.json", content: `[{"a":1}]]`, want: result{one, false, "line 1 (byte 9): something follows the end of the document"}},
		{name: "lines in json", file: "p.json", content: "{\"a\":1}\n{\"a\":2}\n", want: result{one, false,
			`line 2 (byte 8): another object follows the document; for one object a line say format = "jsonl"`}},
		{name: "wrong bracket", file: "p.json", content: `[{"a":[1},{"b":2}]]`, want: result{nil, false, "line 1 (byte 8): a bracket closes that was not opened"}},
		{name: "line end in text", file: "p.json", content: "[{\"a\":\"1\n\"}]", want: result{nil, false, "line 1 (byte 8): a line ends inside a string"}},
		{name: "element without a comma", file: "p.json", content: `[{"a":1}{"a":2}]`, want: result{one, false, "line 1 (byte 8): neither a comma nor the end of the array follows the element"}},
		{name: "element that is no object", file: "p.json", content: `[{"a":1},7]`, want: result{one, false, "line 1 (byte 9): the element is not an object"}},

		{name: "csv", file: "p.csv", content: "id,\"full \"\"name\"\"\"\r\n007,\"a,\r\nb\"\r\n\r\n8,\n", want: result{
			[]string{`{"id":"007","full \"name\"":"a,\r\nb"}`, `{"id":"8","full \"name\"":null}`}, true, ""}},
		{name: "csv header alone", file: "p.csv", content: "id,name\n", want: result{nil, true, ""}},
		{name: "csv header without an end", file: "p.csv", content: "id,name", want: result{nil, false,
			"line 1 (byte 7): the header row has no line end: it may be cut"}},
		{name: "csv without bytes", file: "p.csv", want: result{nil, false, "it is empty, without even a header row"}},
		{name: "csv of blank lines", file: "p.csv", content: "\n\r\n", want: result{nil, false, "it holds blank lines only, without a header row"}},
		{name: "csv in windows-1252", file: "p.csv", content: latin, config: file.Config{Encoding: "windows-1252"}, want: result{[]string{`{"naam":"Zoë","stad":"Córdoba €"}`}, true, ""}},
		{name: "csv that is not utf-8", file: "p.csv", content: latin + "a;b\n", want: result{[]string{`{"naam":"a","stad":"b"}`}, false,
			`line 2 (byte 10): the row is not UTF-8; say what it is, such as encoding = "windows-1252"`}},
		{name: "csv with tabs", file: "p.tsv", content: "a\tb\n1,5\t\"2\"\n", want: result{[]string{`{"a":"1,5","b":"2"}`}, true, ""}},
		{name: "csv of one column", file: "p.csv", content: "a\n1\n\"\"\n", want: result{[]string{`{"a":"1"}`, `{"a":null}`}, true, ""}},
		{name: "csv by argument", file: "p.csv", content: "a|b,c\n1|2\n", config: file.Config{Delimiter: "|"}, want: result{[]string{`{"a":"1","b,c":"2"}`}, true, ""}},
		{name: "csv with a doubtful delimiter", file: "p.csv", content: "a;b,c\n1;2\n", want: result{nil, false,
			"line 1 (byte 0): the header row holds several of comma, semicolon and tab (\";,\"): say which with delimiter"}},
		{name: "csv with shifted rows", file: "p.csv", content: "a,b\n1,2\n1,2,3\n4\n5,6\n", want: result{[]string{`{"a":"1","b":"2"}`, `{"a":"5","b":"6"}`}, false,
			"line 3 (byte 8): the row has 3 cells, the header 2 (and 1 further rows can't be used)"}},
		{name: "csv with one name twice", file: "p.csv", content: "a,b,a\n", want: result{nil, false, `line 1 (byte 0): the header row names "a" twice`}},
		{name: "csv with a nameless column", file: "p.csv", content: "a,\n", want: result{nil, false, "line 1 (byte 0): column 2 has no name in the header row"}},
		{name: "csv with an open quote", file: "p.csv", content: "a,b\n1,2\n3,\"4\n5,6\n", want: result{[]string{`{"a":"1","b":"2"}`}, false,
			"line 3 (byte 10): a quote opens that is never closed"}},
		{name: "csv with a quote inside", file: "p.csv", content: "a,b\n1,5\" pipe\n", want: result{nil, false, "line 2 (byte 7): a quote inside a cell that does not start with one"}},
		{name: "csv with text behind a quote", file: "p.csv", content: "a,b\n1,\"x\"y\n", want: result{nil, false, "line 2 (byte 9): text behind a closing quote"}},
		{name: "csv with old line ends", file: "p.csv", content: "a,b\r1,2\r", want: result{nil, false, "line 1 (byte 3): a carriage return without a line feed outside quotes"}},
		{name: "csv with zero bytes", file: "p.csv", content: "a,b\n1,2\n\x00\x00,\n", want: result{[]string{`{"a":"1","b":"2"}`}, false,
			`line 3 (byte 8): a zero byte; say what the file is, such as encoding = "utf-16"`}},
		{name: "csv row without an end", file: "p.csv", content: "a,b\n1,2", want: result{nil, false,
			"line 2 (byte 7): the last row has no line end: its last cell may be cut, so it is not used"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tt.file, []byte(tt.content))
			tt.config.Path = tt.file
			if diff := cmp.Diff(tt.want, readOne(t, openFile(t, dir, tt.config), tt.file)); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

// members is a records program that takes a member of the document.
type members string

func (m members) Source() string { return string(m) }

func (m members) Run(_ context.Context, in any) ([]any, error) {
	object, ok := in.(map[string]any)
	if !ok {
		return nil, errors.New("no object")
	}
	list, ok := object[string(m)].([]any)
	if !ok {
		return nil, errors.New("cannot iterate over null")
	}
	return list, nil
}

func TestReadDocument(t *testing.T) {
	tests := []struct {
		name, content string
		want          result
	}{
		{"records", `{"data":[{"b":9007199254740993,"a":1.50},{}],"next":null}`, result{[]string{`{"a":1.50,"b":9007199254740993}`, `{}`}, true, ""}},
		{"none", `{"data":[]}`, result{nil, true, ""}},
		{"other document", `{"error":"no"}`, result{nil, false, "records: cannot iterate over null"}},
		{"output that is a list", `{"data":[{},[{}]]}`, result{nil, false, "records: output 2 is not an object but of kind list; [] behind the program gives its elements"}},
		{"cut", `{"data":[{}]`, result{nil, false, "line 1 (byte 12): "}},
		{"twice the same member", "{\"data\":[],\n\"data\":[]}", result{nil, false, "line 2 (byte "}},
		{"empty", "", result{nil, false, "it is empty, not a JSON document"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "p.json", []byte(tt.content))
			got := readOne(t, openFile(t, dir, file.Config{Path: "p.json", Records: members("data")}), "p.json")
			if strings.HasPrefix(got.Problem, tt.want.Problem) && tt.want.Problem != "" {
				got.Problem = tt.want.Problem
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigProblems(t *testing.T) {
	tests := []struct {
		config file.Config
		want   string
	}{
		{file.Config{}, "path is empty"},
		{file.Config{Path: "a[.csv"}, "path is not a valid pattern"},
		{file.Config{Path: "people"}, "format can't be told from the name of the file"},
		{file.Config{Path: "people.list"}, "format can't be told from the name of the file"},
		{file.Config{Path: "p.xlsx", Records: constant("Blad 1"), Header: 3}, ""},
		{file.Config{Path: "p.xlsx", Records: constant(7)}, "records is not a text, which format xlsx needs"},
		{file.Config{Path: "p.xlsx", Header: -1}, "header is no number of a row, which are from 1 to 1048576"},
		{file.Config{Path: "p.csv", Header: 1}, "header applies to format xlsx only, not to csv"},
		{file.Config{Path: "p.xml", Records: constant("/a/b[c='1']")}, "records has the condition [c='1'], which is none on an attribute"},
		{file.Config{Path: "p.xml", Records: constant("count(/a)")}, `records has the step "count(", which is no name of an element`},
		{file.Config{Path: "p.xlsx", Encoding: "utf-16"}, "encoding applies to text, not to format xlsx"},
		{file.Config{Path: "p.csv", Format: "cvs"}, `format "cvs" is unknown`},
		{file.Config{Path: "p.json", Delimiter: ";"}, "delimiter applies to format csv only, not to json"},
		{file.Config{Path: "p.csv", Delimiter: "::"}, "delimiter must be one ASCII character other than a quote or a line end"},
		{file.Config{Path: "p.csv", Encoding: "latin-9000"}, `encoding "latin-9000" is unknown`},
		{file.Config{Path: "p.csv", Records: members("x")}, "records applies to the formats json, xml and xlsx, not to csv"},
		{file.Config{Path: "in/**/*.csv.gz"}, ""},
		{file.Config{Path: "people", Format: "jsonl", Encoding: "UTF8"}, ""},
	}
	for _, tt := range tests {
		got := ""
		if err := tt.config.Validate(); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%+v: (-want +got):\n%s", tt.config, diff)
		}
	}
}

func TestRereadGivesTheRecordsAgain(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "p.jsonl", []byte("\xef\xbb\xbf{\"a\":1}\n\n{\"a\":\"ë\"}\n{\"a\":3}"))
	s := openFile(t, dir, file.Config{Path: "p.jsonl"})
	rec, err := connectortest.Read(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	again := s.(connector.Rereader)
	part := rec.ByName[""]
	for i, want := range part.Records {
		for _, n := range []int{len(want), len(want) + 1} {
			got, err := again.Reread("", part.Offsets[i], n, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), strings.TrimSuffix(string(got), "\n")); diff != "" {
				t.Errorf("record %d (-want +got):\n%s", i, diff)
			}
		}
	}
	if _, err := again.Reread("", 1000, 5, nil); err == nil {
		t.Error("reading behind the end gives no error")
	}
}

func TestOnlyPlainTextIsReread(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "plain.jsonl", []byte("{}\n"))
	write(t, dir, "packed.jsonl", zip(t, "{}\n"))
	write(t, dir, "p.csv", []byte("a\n"))
	for path, want := range map[string]bool{"plain.jsonl": true, "packed.jsonl": false, "*.jsonl": false, "pl*.jsonl": true, "p.csv": false} {
		_, got := openFile(t, dir, file.Config{Path: path}).(connector.Rereader)
		if got != want {
			t.Errorf("%s can be read again: %v, want %v", path, got, want)
		}
	}
	s := openFile(t, dir, file.Config{Path: "plain.jsonl"})
	write(t, dir, "plain.jsonl", zip(t, "{}\n"))
	if got := readOne(t, s, "plain.jsonl"); got.Complete || len(got.Records) > 0 {
		t.Errorf("a file that became packed after the opening is read: %+v", got)
	}
}

func TestPatternHasOnePartitionPerFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "in/b.csv", []byte("a\n1\n"))
	write(t, dir, "in/x/a.csv", []byte("a\n2\n3"))
	write(t, dir, "in/x/other.txt", []byte("a\n"))
	write(t, dir, "in/folder.csv/x", nil)
	if err := os.Symlink("nowhere", filepath.Join(dir, "in/c.csv")); err != nil {
		t.Fatal(err)
	}
	rec, err := connectortest.Read(t.Context(), openFile(t, dir, file.Config{Path: "in/**/*.csv"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b.csv", "c.csv", "x/a.csv"}, rec.Listed); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
	got := map[string]bool{}
	for _, name := range rec.Order {
		got[name] = rec.ByName[name].Complete
	}
	if diff := cmp.Diff(map[string]bool{"b.csv": true, "c.csv": false, "x/a.csv": false}, got); diff != "" {
		t.Errorf("complete (-want +got):\n%s", diff)
	}
	if err := rec.ByName["c.csv"].Err; !strings.HasPrefix(err.Error(), "in/c.csv: there is no such file") || strings.Contains(err.Error(), dir) {
		t.Errorf("a broken link is reported as %q", err)
	}
}

func TestPatternWithoutFilesIsNoEmptyList(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "in/folder.csv/x", nil)
	write(t, dir, "plain", nil)
	for path, want := range map[string]string{
		"in/*.csv": "no file matches the pattern", "gone/*.csv": "there is no folder gone", "plain/*.csv": "plain is not a folder",
	} {
		rec, err := connectortest.Read(t.Context(), openFile(t, dir, file.Config{Path: path}))
		if err != nil || rec.Listed != nil || rec.Complete() || len(rec.Errs()) != 1 {
			t.Fatalf("%s: error %v, list %v, errors %v", path, err, rec.Listed, rec.Errs())
		}
		said := rec.Errs()[0]
		if !strings.HasPrefix(said.Error(), path+": "+want) || errors.Is(said, connector.ErrUnreachable) || strings.Contains(said.Error(), dir) {
			t.Errorf("%s: %q; want %q", path, said, want)
		}
	}
}

func TestPathsThatAreNoFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "folder.jsonl/x", nil)
	for name, want := range map[string]string{"folder.jsonl": "it is a folder, not a file", "gone.jsonl": "there is no such file. Nothing is deleted for it. Check the path and whether its folder is mounted"} {
		got := readOne(t, openFile(t, dir, file.Config{Path: name}), name)
		if diff := cmp.Diff(result{Problem: want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFileThatChangesIsIncomplete(t *testing.T) {
	content := bytes.Repeat([]byte("{\"a\":1}\n"), 300_000)
	changes := map[string]func(path string) error{
		"appended": func(path string) error { return os.WriteFile(path, append(content, content...), 0o666) },
		"replaced": func(path string) error {
			if err := os.WriteFile(path+"2", content, 0o666); err != nil {
				return err
			}
			return os.Rename(path+"2", path)
		},
		"removed": os.Remove,
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "p.jsonl", content)
			rec := &connectortest.Recorder{}
			rec.OnRecords = func(before, _ int) error {
				if before > 0 {
					return nil
				}
				return change(filepath.Join(dir, "p.jsonl"))
			}
			if err := openFile(t, dir, file.Config{Path: "p.jsonl"}).Read(t.Context(), rec); err != nil {
				t.Fatal(err)
			}
			if rec.ByName[""].Complete {
				t.Error("the read is complete")
			}
		})
	}
}

func TestLongRecords(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 5<<20) + `"}`
	tooLong := `{"a":"` + strings.Repeat("x", record.DefaultLimits().Size) + `"}`
	tests := []struct {
		file, start, end string
	}{
		{"p.jsonl", "{\"a\":1}\n", "\n"},
		{"p.json", "[{\"a\":1},\n", "]"},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		write(t, dir, tt.file, []byte(tt.start+long+tt.end))
		got := readOne(t, openFile(t, dir, file.Config{Path: tt.file}), tt.file)
		if !got.Complete || len(got.Records) != 2 || got.Records[1] != long {
			t.Errorf("%s: complete %v, %d records, %s", tt.file, got.Complete, len(got.Records), got.Problem)
		}
		write(t, dir, tt.file, []byte(tt.start+tooLong+tt.end))
		got = readOne(t, openFile(t, dir, file.Config{Path: tt.file}), tt.file)
		if got.Complete || !strings.HasPrefix(got.Problem, "line 2 (byte ") || !strings.HasSuffix(got.Problem, "a record is larger than 64 MiB") {
			t.Errorf("%s: complete %v, %s", tt.file, got.Complete, got.Problem)
		}
	}
}
