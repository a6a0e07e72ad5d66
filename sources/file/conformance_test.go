package file_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/sources/file"
)

// form is one way in which records stand in a file.
type form struct {
	name string
	make func(t testing.TB, records []string) []byte
	want func(records []string) []string
	// hidden: a cut at this place leaves a good file with fewer records.
	hidden func(content []byte, place int) bool
	flat   bool
	empty  bool // an empty set can be told from a lost one
}

func forms() []form {
	afterLine := func(b []byte, place int) bool { return place > 0 && b[place-1] == '\n' }
	never := func([]byte, int) bool { return false }
	return []form{
		{name: "p.jsonl", make: asLines, hidden: afterLine},
		{name: "p.jsonl.gz", make: func(t testing.TB, r []string) []byte { return zip(t, string(asLines(t, r))) }, hidden: never},
		{name: "p.json", make: asArray, hidden: afterArray, empty: true},
		{name: "p.csv", make: asTable, want: asText, hidden: afterLine, flat: true, empty: true},
		{name: "p.xml", make: asElements, want: asText, hidden: afterArray, flat: true, empty: true},
		{name: "p.xlsx", make: once(asSheet), want: asCells, hidden: never, flat: true, empty: true},
	}
}

// once keeps what was made of each list of records: a fault at every place of a
// file makes it as often.
func once(form func(testing.TB, []string) []byte) func(testing.TB, []string) []byte {
	made := map[string][]byte{}
	return func(t testing.TB, records []string) []byte {
		t.Helper()
		key := strings.Join(records, "\n")
		if made[key] == nil {
			made[key] = form(t, records)
		}
		return bytes.Clone(made[key])
	}
}

func asLines(_ testing.TB, records []string) []byte {
	var b []byte
	for _, r := range records {
		b = append(append(b, r...), '\n')
	}
	return b
}

func asArray(_ testing.TB, records []string) []byte {
	return []byte("[" + strings.Join(records, ",\n  ") + "]\n")
}

// afterArray: only the line end behind the array may be missing.
func afterArray(b []byte, place int) bool { return place == len(b)-1 }

// asTable writes a header row and all values as text. The line ends of rows
// alone are of the kind that cells do not hold.
func asTable(t testing.TB, records []string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{}}
	for _, r := range connectortest.Records(1, true) {
		record.Members([]byte(r), func(name string, _ []byte) bool {
			rows[0] = append(rows[0], name)
			return true
		})
	}
	for _, r := range records {
		var row []string
		record.Members([]byte(r), func(_ string, raw []byte) bool {
			text, _ := record.Text(raw)
			if record.KindOf(raw) == record.Number {
				text = string(raw)
			}
			row = append(row, text)
			return true
		})
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// asText is what is left of records in CSV: text, and null for empty text.
func asText(records []string) []string {
	out := make([]string, len(records))
	for i, r := range records {
		b := []byte{'{'}
		record.Members([]byte(r), func(name string, raw []byte) bool {
			b = append(record.AppendString(b, name), ':')
			switch {
			case record.KindOf(raw) == record.String && len(raw) > 2:
				b = append(b, raw...)
			case record.KindOf(raw) == record.String || record.KindOf(raw) == record.Null:
				b = append(b, "null"...)
			default:
				b = record.AppendString(b, raw)
			}
			b = append(b, ',')
			return true
		})
		out[i] = string(b[:len(b)-1]) + "}"
	}
	return out
}

func (f form) origin(t testing.TB, records []string, content []byte) connectortest.Origin {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, f.name, content)
	config := file.Kind().Config().(*file.Config)
	config.Path = f.name
	o := connectortest.Origin{Config: config, Env: connector.Env{Dir: dir}, Canaries: []string{dir}}
	if f.want != nil {
		o.Want = f.want(records)
	}
	return o
}

func TestConformance(t *testing.T) {
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			connectortest.Source(t, connectortest.SourceSuite{
				Kind:       file.Kind(),
				Page:       1500, // the largest read takes several chunks
				Flat:       f.flat,
				NeverEmpty: !f.empty,
				Setup: func(t testing.TB, records []string) connectortest.Origin {
					return f.origin(t, records, f.make(t, records))
				},
				Faults: []connectortest.Fault{{Name: "cut", Records: 3, Setup: f.cut}, {Name: "gone", Setup: f.gone}},
				Wrong: []connectortest.Wrong{
					{Name: "format", Change: func(c any) { c.(*file.Config).Format = "pdf" }, Want: "unknown"},
					{Name: "encoding", Change: func(c any) { c.(*file.Config).Encoding = "klingon" }, Want: "encoding"},
				},
			})
		})
	}
}

// cut keeps the first bytes of the file: each length in turn that does not
// leave a good file, and with -short each seventh.
func (f form) cut(t testing.TB, records []string, place int) (connectortest.Origin, bool) {
	content := f.make(t, records)
	step := 1
	if testing.Short() {
		step = 7
	}
	for n := 0; n < len(content); n += step {
		if f.hidden(content, n) {
			continue
		}
		if place == 0 {
			return f.origin(t, records, content[:n]), true
		}
		place--
	}
	return connectortest.Origin{}, false
}

// gone has no file at all.
func (f form) gone(t testing.TB, records []string, place int) (connectortest.Origin, bool) {
	o := f.origin(t, records, nil)
	o.Config.(*file.Config).Path = "gone" + f.name
	return o, place == 0
}
