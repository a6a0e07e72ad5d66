package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"koppel/engine/record"
	"koppel/internal/xmlrecord"
)

// Payload looks at the start of an answer, whose text is UTF-8: it must be an
// envelope whose body holds something.
func Payload(text []byte) (isFault bool, err error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	space, depth, inBody := "", 0, false
	for {
		t, err := d.Token()
		if err != nil {
			return false, errors.New("the answer is no envelope of SOAP: it has no body, or is cut")
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch {
			case depth == 0:
				if t.Name.Local != "Envelope" || VersionOf(t.Name.Space) == "" {
					return false, fmt.Errorf("the answer is no envelope of SOAP, but <%s>", t.Name.Local)
				}
				space = t.Name.Space
			case depth == 1:
				inBody = t.Name.Local == "Body" && t.Name.Space == space
			case depth == 2 && inBody:
				return t.Name == xml.Name{Space: space, Local: "Fault"}, nil
			}
			depth++
		case xml.EndElement:
			if depth--; depth == 1 && inBody {
				return false, errors.New("the body of the answer is empty")
			}
		}
	}
}

// A Fault is what a service answers that did not do what it was asked (SOAP 1.1,
// section 4.4; 1.2, section 5.4).
type Fault struct {
	// Raw is the element Fault as a JSON object; nil: it can't be read.
	Raw []byte
}

// FaultOf finds the fault in an answer, with whatever status it comes and in
// whatever namespace it stands; nil: it is none. mediaType is its Content-Type.
func FaultOf(body []byte, mediaType string) *Fault {
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return nil
	}
	text, err := xmlrecord.Decode(body, mediaType)
	if err != nil || !bytes.Contains(text, []byte("Fault")) {
		return nil
	}
	if path, err := xmlrecord.Parse("/Envelope/Body/Fault", nil); err == nil {
		raw, _ := xmlrecord.All(text, xmlrecord.Options{Path: path})
		if raw, _, _ = bytes.Cut(raw, []byte{'\n'}); len(raw) > 0 {
			return &Fault{Raw: raw}
		}
	}
	if isFault, err := Payload(text); err == nil && isFault {
		return &Fault{} // it is cut
	}
	return nil
}

// Final tells that the fault is about the message: the same one would get it
// again.
func (f *Fault) Final() bool {
	return f.hasCode("Client", "Sender", "VersionMismatch", "MustUnderstand", "DataEncodingUnknown")
}

// Denied tells that the fault is about who asks.
func (f *Fault) Denied() bool {
	return f.hasCode("FailedAuthentication", "InvalidSecurity", "InvalidSecurityToken", "SecurityTokenUnavailable", "MessageExpired")
}

func (f *Fault) hasCode(any ...string) bool {
	return slices.ContainsFunc(f.codes(), func(code string) bool { return slices.Contains(any, code) })
}

// codes are those of a fault without their prefixes and without what is put
// behind a point.
func (f *Fault) codes() []string {
	var list []string
	for _, path := range [][]string{{"faultcode"}, {"Code", "Value"}, {"Code", "Subcode", "Value"}} {
		code := textAt(f.Raw, path...)
		code = code[strings.LastIndexByte(code, ':')+1:]
		code, _, _ = strings.Cut(code, ".")
		if code != "" {
			list = append(list, code)
		}
	}
	return list
}

// textAt is a text in a JSON object, also where it has attributes or stands in
// a list.
func textAt(raw []byte, path ...string) string {
	for _, name := range path {
		raw = record.Member(raw, name)
	}
	if record.KindOf(raw) == record.List {
		if list, ok := record.DecodeTrusted(raw).([]any); ok && len(list) > 0 {
			raw, _ = record.Append(nil, list[0])
		}
	}
	if record.KindOf(raw) == record.Object {
		raw = record.Member(raw, "#text")
	}
	text, _ := record.Text(raw)
	return strings.TrimSpace(text)
}

// Words are the fault's code and its text.
func (f *Fault) Words() string {
	if f.Raw == nil {
		return "a fault that can't be read"
	}
	said := textAt(f.Raw, "faultstring")
	if said == "" {
		said = textAt(f.Raw, "Reason", "Text")
	}
	if list := f.codes(); len(list) > 0 {
		said = strings.TrimSuffix(strings.Join(list, " ")+": "+said, ": ")
	}
	if said == "" {
		return "a fault that says nothing"
	}
	return strings.Join(strings.Fields(said), " ")
}
