package file_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/unicode"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/sources/file"
)

// constant is a records argument that is a plain value.
func constant(v any) connector.Program { return fixed{v} }

type fixed struct{ v any }

func (f fixed) Source() string                          { return fmt.Sprint(f.v) }
func (f fixed) Run(context.Context, any) ([]any, error) { return []any{f.v}, nil }

func readXML(t *testing.T, content, records string) result {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "p.xml", []byte(content))
	c := file.Config{Path: "p.xml"}
	if records != "" {
		c.Records = constant(records)
	}
	return readOne(t, openFile(t, dir, c), "p.xml")
}

func TestReadXML(t *testing.T) {
	utf16, _ := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String(`<?xml version="1.0" encoding="UTF-16"?><a><b c="ë"/></a>`)
	marked, _ := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(`<?xml version="1.0" encoding="utf-16"?><a><b c="ë"/></a>`)
	tests := []struct {
		name, content, records string
		want                   result
	}{
		{name: "texts", content: `<a><r><x>1</x><y> two </y><z/></r></a>`, want: result{[]string{`{"x":"1","y":" two ","z":null}`}, true, ""}},
		{name: "attributes", content: `<a><r id="7" e=""><x u="kg">1</x><y v="1"/></r></a>`, want: result{[]string{`{"@id":"7","@e":"","x":{"@u":"kg","#text":"1"},"y":{"@v":"1"}}`}, true, ""}},
		{name: "repeated", content: `<a><r><x>1</x><y><z>0</z></y><x/><x><y>2</y></x></r></a>`, want: result{[]string{`{"x":["1",null,{"y":"2"}],"y":{"z":"0"}}`}, true, ""}},
		{name: "nil", content: `<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><r><x xsi:nil="true"/><y xsi:nil="false">1</y><z xsi:nil="1" why="?"> </z></r></a>`,
			want: result{[]string{`{"x":null,"y":"1","z":{"@why":"?"}}`}, true, ""}},
		{name: "nil with content", content: `<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><r/><r><x xsi:nil="true">1</x></r></a>`,
			want: result{[]string{`{}`}, false, "line 1 (byte 87): an element says xsi:nil and has content"}},
		{name: "namespaces", content: `<s:a xmlns:s="urn:s" xmlns="urn:d"><s:r xmlns:q="urn:q" q:k="1"><q:x>1</q:x><x>2</x></s:r></s:a>`, records: "/soap:a/x:r",
			want: result{[]string{`{"@k":"1","x":["1","2"]}`}, true, ""}},
		{name: "mixed content", content: "<a><r><p>Dear <b>Zoë</b>,\n bye </p></r></a>", want: result{[]string{"{\"p\":{\"b\":\"Zoë\",\"#text\":\"Dear ,\\n bye\"}}"}, true, ""}},
		{name: "cdata, entities, comments", content: "<a><!-- x --><r><x><![CDATA[<b> & ]]>&lt;&#235;<!-- y -->&quot;<?pi z?></x></r></a>", want: result{[]string{`{"x":"<b> & <ë\""}`}, true, ""}},
		{name: "records that are texts", content: `<a><r>1</r><r/><r k="2">3</r></a>`, want: result{[]string{`{"#text":"1"}`, `{}`, `{"@k":"2","#text":"3"}`}, true, ""}},
		{name: "line ends", content: "<a>\r\n<r><x>1\r\n2</x></r>\r\n</a>\r\n", want: result{[]string{`{"x":"1\n2"}`}, true, ""}},
		{name: "latin-1", content: "<?xml version='1.0' encoding='ISO-8859-1'?><a><r><x>Zo\xeb</x></r></a>", want: result{[]string{`{"x":"Zoë"}`}, true, ""}},
		{name: "windows-1252", content: "<?xml version=\"1.0\" encoding=\"windows-1252\" ?><a><r><x>\x80</x></r></a>", want: result{[]string{`{"x":"€"}`}, true, ""}},
		{name: "ibm850", content: "<?xml version=\"1.0\" encoding=\"IBM850\" ?><a><r><x>\x82</x></r></a>", want: result{[]string{`{"x":"é"}`}, true, ""}},
		{name: "unknown encoding", content: "<?xml version=\"1.0\" encoding=\"klingon\"?><a/>", want: result{nil, false, `its declaration names the encoding "klingon", which is unknown`}},
		{name: "no utf-8", content: "<a><r/>\n<r><x>Zo\xeb</x></r></a>", want: result{[]string{`{}`}, false, "line 2 (byte 17): invalid UTF-8"}},
		{name: "utf-16 without a mark", content: utf16, want: result{[]string{`{"@c":"ë"}`}, true, ""}},
		{name: "utf-16 with a mark", content: marked, want: result{[]string{`{"@c":"ë"}`}, true, ""}},
		{name: "utf-8 with a mark", content: "\xef\xbb\xbf<?xml version='1.0' encoding='windows-1252'?><a><b c=\"ë\"/></a>", want: result{[]string{`{"@c":"ë"}`}, true, ""}},
		{name: "utf-16 by the declaration only", content: `<?xml version="1.0" encoding="utf-16"?><a><b c="ë"/></a>`, want: result{[]string{`{"@c":"ë"}`}, true, ""}},

		{name: "path", content: `<a><l><r n="1"/></l><l><r n="2"/><q/></l><r n="3"/></a>`, records: "/a/l/r", want: result{[]string{`{"@n":"1"}`, `{"@n":"2"}`}, true, ""}},
		{name: "path of any depth", content: `<a><l><r n="1"/></l><r n="3"/></a>`, records: "//r", want: result{[]string{`{"@n":"1"}`, `{"@n":"3"}`}, true, ""}},
		{name: "path with conditions", content: `<a><r t="p" n="1"/><r t="q"/><r n="4"/><l t="p" n="2"/></a>`, records: `a/*[@t][@t != "q"]`, want: result{[]string{`{"@t":"p","@n":"1"}`, `{"@t":"p","@n":"2"}`}, true, ""}},
		{name: "path by local name", content: `<a><x><r t="]"/></x></a>`, records: `/*/*[local-name()='x']/r[@t=']']`, want: result{[]string{`{"@t":"]"}`}, true, ""}},
		{name: "steps between", content: `<a><b><x><c><r n="1"/></c></x></b><c><r/></c></a>`, records: `/a/b//c/r`, want: result{[]string{`{"@n":"1"}`}, true, ""}},
		{name: "records in each other", content: `<a><r n="1"/><r><x><r/></x></r></a>`, records: "//r", want: result{[]string{`{"@n":"1"}`}, false, "line 1 (byte 23): records selects <r> inside of a record"}},

		{name: "no records", content: `<Export><Rows/></Export>`, records: "/Export/Rows/Row", want: result{nil, true, ""}},
		{name: "no records by default", content: `<Export/>`, want: result{nil, true, ""}},
		{name: "login page", content: `<html><body/></html>`, records: "/Export/Rows/Row", want: result{nil, false,
			"no element is what records selects, nor what such elements stand in; so nothing tells that the set is empty"}},
		{name: "others instead of records", content: `<Export><Rows><Rwo n="1"/><Rwo n="2"/></Rows></Export>`, records: "/Export/Rows/Row", want: result{nil, false,
			"no element is what records selects, but several <Rwo> stand where they would: an element that was renamed, or a slip in records, is no empty set"}},
		{name: "no records, but what goes with them", content: `<Export><Rows><Total>0</Total></Rows><Rows><Total>0</Total></Rows></Export>`, records: "/Export/Rows/Row", want: result{nil, true, ""}},
		{name: "no records that meet a condition", content: `<Export><Row t="p"/><Row t="p"/></Export>`, records: `/Export/Row[@t="q"]`, want: result{nil, true, ""}},
		{name: "no records of any depth", content: `<html><body/></html>`, records: "//Row", want: result{nil, false,
			"no element is what records selects, nor what such elements stand in; so nothing tells that the set is empty"}},

		{name: "empty", want: result{nil, false, "it is empty, not an XML document"}},
		{name: "cut", content: "<a><r/>\n<r>", want: result{[]string{"{}"}, false, "line 2 (byte 11): the document is not closed: it breaks off"}},
		{name: "cut behind a record", content: "<a><r/>", want: result{[]string{"{}"}, false, "line 1 (byte 7): the document is not closed: it breaks off"}},
		{name: "text behind", content: "<a><r/></a>\nx", want: result{[]string{"{}"}, false, "line 2 (byte 13): text follows the end of the document"}},
		{name: "document behind", content: "<a><r/></a><a/>", want: result{[]string{"{}"}, false, "line 1 (byte 15): another element follows the end of the document"}},
		{name: "declaration behind", content: "<a><r/></a>\n<?xml version='1.0'?>", want: result{[]string{"{}"}, false, "line 2 (byte 33): an XML declaration stands inside the document"}},
		{name: "text before", content: "x<a/>", want: result{nil, false, "line 1 (byte 1): text stands before the document"}},
		{name: "crossing tags", content: "<a><r></a></r>", want: result{nil, false, "line 1 (byte 10): element <r> closed by </a>"}},
		{name: "attribute twice", content: `<a><r k="1" k="2"/></a>`, want: result{nil, false, "line 1 (byte 19): the attribute k stands twice in one tag"}},

		{name: "document type", content: `<!DOCTYPE a SYSTEM "file:///etc/hostname"><a><r/></a>`, want: result{[]string{"{}"}, true, ""}},
		{name: "external entity", content: `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a><r>&x;</r></a>`, want: result{nil, false,
			"line 1 (byte 56): its document type defines entities or defaults, which are not read: remove the part in brackets"}},
		{name: "declared elements", content: "<!DOCTYPE a [\n<!-- with > and ' -->\n<!ELEMENT a (r*)>\n<!ATTLIST\n\tr k CDATA #REQUIRED\n\tm (x|y) #IMPLIED>\n<?p x ?>\n]>\n<a><r k='1'/></a>",
			want: result{[]string{`{"@k":"1"}`}, true, ""}},
		{name: "declared default", content: `<!DOCTYPE a [<!ATTLIST r k CDATA "1">]><a><r/></a>`, want: result{nil, false,
			"line 1 (byte 39): its document type defines entities or defaults, which are not read: remove the part in brackets"}},
		{name: "declared entity behind an element", content: `<!DOCTYPE a [<!ELEMENT a ANY><!ENTITY x "y">]><a><r/></a>`, want: result{nil, false,
			"line 1 (byte 46): its document type defines entities or defaults, which are not read: remove the part in brackets"}},
		{name: "parameter entity", content: `<!DOCTYPE a [%x;]><a><r/></a>`, want: result{nil, false,
			"line 1 (byte 18): its document type defines entities or defaults, which are not read: remove the part in brackets"}},
		{name: "bracket in the name of a document type", content: `<!DOCTYPE a SYSTEM "x[1].dtd"><a><r/></a>`, want: result{[]string{"{}"}, true, ""}},
		{name: "unknown entity", content: `<!DOCTYPE a SYSTEM "x.dtd"><a><r>&x;</r></a>`, want: result{nil, false, "line 1 (byte 36): invalid character entity &x;: only those of XML itself are known"}},
		{name: "document type inside", content: `<a><!DOCTYPE a><r/></a>`, want: result{nil, false, "line 1 (byte 15): a document type stands inside the document"}},
		{name: "deep", content: strings.Repeat("<a>", 121), want: result{nil, false, "line 1 (byte 363): elements are nested more than 120 deep"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, readXML(t, tt.content, tt.records)); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestXMLRecordsPassTheLimits(t *testing.T) {
	deep := strings.Repeat("<a/><a>", 118)
	got := readXML(t, "<r>"+deep+strings.Repeat("</a>", 118)+"</r>", "/r")
	if !got.Complete || len(got.Records) != 1 {
		t.Fatalf("read: %.200v", got)
	}
	if err := record.Valid([]byte(got.Records[0]), record.Limits{}); err != nil {
		t.Errorf("the deepest record: %v", err)
	}
}

func TestXMLRecordHasABound(t *testing.T) {
	forms := []string{"<a><r>%s</r></a>", "<!--%s--><a/>"}
	if testing.Short() {
		forms = forms[1:]
	}
	for _, text := range forms {
		got := readXML(t, fmt.Sprintf(text, strings.Repeat(" ", 65<<20)), "")
		if !strings.HasSuffix(got.Problem, "a record is larger than 64 MiB") || got.Complete {
			t.Errorf("%s: %q", text, got.Problem)
		}
	}
}

func TestXMLMembersByTheHundred(t *testing.T) {
	var doc, want strings.Builder
	for i := range 200 {
		fmt.Fprintf(&doc, "<m%d>%d</m%d>", i, i, i)
		fmt.Fprintf(&want, `,"m%d":["%d","%d"]`, i, i, i)
	}
	got := readXML(t, "<a><r>"+doc.String()+doc.String()+"</r><r/></a>", "")
	if diff := cmp.Diff(result{[]string{"{" + want.String()[1:] + "}", "{}"}, true, ""}, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestReadXMLOfSeveralChunks(t *testing.T) {
	records := connectortest.Records(9000, true)
	dir := t.TempDir()
	write(t, dir, "p.xml.gz", zip(t, string(asElements(t, records))))
	got := readOne(t, openFile(t, dir, file.Config{Path: "p.xml.gz"}), "p.xml.gz")
	if diff := cmp.Diff(bodies(t, asBytes(asText(records))), bodies(t, asBytes(got.Records))); diff != "" || !got.Complete {
		t.Errorf("read, complete %v (-want +got):\n%s", got.Complete, diff)
	}
}

func asBytes(texts []string) [][]byte {
	out := make([][]byte, len(texts))
	for i, s := range texts {
		out[i] = []byte(s)
	}
	return out
}
