package soap

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	"koppel/internal/xmlrecord"
)

// FuzzEnvelope: a message that is taken is one document, also with a security
// header in it, and that header stands there once.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`<List/>`, `<?xml version="1.0"?> <a b="/>">t</a>`, `<e:Envelope xmlns:e="` + space11 + `"><e:Header/><e:Body/></e:Envelope>`,
		`<Envelope xmlns="` + space12 + `"><Header a="1"><x/></Header><Body><Header/></Body></Envelope>`, `<a/><b/>`,
		`<e:Envelope xmlns:e="` + space11 + `"><e:Body><Header xmlns="` + space11 + `"/></e:Body></e:Envelope>`,
	} {
		f.Add(seed)
	}
	header, err := security(&httpclient.UsernameToken{Username: "k", Password: "p<&", Digest: true}, time.Unix(0, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseEnvelope(text)
		if err != nil {
			return
		}
		whole := e.dressed("1.1", header)
		d := xml.NewDecoder(strings.NewReader(whole))
		d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
		tokens := 0
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%q gives %q: %v", text, whole, err)
			}
			if s, ok := token.(xml.StartElement); ok && s.Name.Space == securityName && s.Name.Local == "UsernameToken" {
				tokens++
			}
		}
		if want := 1 + strings.Count(text, "UsernameToken"); tokens == 0 || tokens > want {
			t.Fatalf("%q gives %q with %d tokens", text, whole, tokens)
		}
	})
}

// FuzzAnswer: what is taken for an answer gives whole lines of strict JSON, and
// a fault has words of its own.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`<e:Envelope xmlns:e="`+space11+`"><e:Body><l><r a="1">x</r></l></e:Body></e:Envelope>`), "text/xml")
	f.Add([]byte(`<Envelope xmlns="`+space12+`"><Header/><Body><Fault><Code><Value>Sender</Value></Code><Reason><Text xml:lang="en">no</Text></Reason></Fault></Body></Envelope>`), "application/soap+xml; charset=iso-8859-1")
	f.Add([]byte(`<e:Envelope xmlns:e="`+space11+`"><e:Body/></e:Envelope>`), "text/xml; charset=utf-16")
	path, err := xmlrecord.Parse("/Envelope/Body/*/*", nil)
	if err != nil {
		f.Fatal(err)
	}
	s := &source{path: path, config: Config{Pagination: &Pagination{Kind: "cursor", Value: count{}}}}
	if s.body, err = xmlrecord.Parse("/Envelope/Body", nil); err != nil {
		f.Fatal(err)
	}
	if s.fault, err = xmlrecord.Parse("/Envelope/Body/Fault", nil); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, media string) {
		if len(body) == 0 {
			return
		}
		resp := &httpclient.Response{Status: 200, Body: body, Header: http.Header{"Content-Type": {media}}}
		s.judge(resp)
		p, err := s.page(t.Context(), resp)
		if err != nil {
			return
		}
		lines := 0
		for line := range strings.Lines(string(p.lines)) {
			if err := record.Valid([]byte(line), record.Limits{}); err != nil {
				t.Fatalf("%q gives %q: %v", body, line, err)
			}
			lines++
		}
		if lines != p.count {
			t.Fatalf("%d records in %d lines", p.count, lines)
		}
	})
}

// count is a program that gives the number of members.
type count struct{}

var _ connector.Program = count{}

func (count) Source() string { return "length" }

func (count) Run(_ context.Context, input any) ([]any, error) {
	m, _ := input.(map[string]any)
	return []any{len(m)}, nil
}
