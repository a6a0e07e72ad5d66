package soap

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	"koppel/internal/xmlrecord"
)

const (
	space11 = "http://schemas.xmlsoap.org/soap/envelope/"
	space12 = "http://www.w3.org/2003/05/soap-envelope"
)

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
