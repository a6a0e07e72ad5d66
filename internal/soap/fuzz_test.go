package soap

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"
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
	header, err := Security(&UsernameToken{Username: "k", Password: "p<&", Digest: true}, time.Unix(0, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			return
		}
		whole := e.Dressed("1.1", header)
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
