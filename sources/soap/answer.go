package soap

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/htmlindex"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	"koppel/internal/xmlrecord"
)

// decoded is the body of an answer as UTF-8: a byte order mark decides, then
// the media type (RFC 7303, section 3), then the document's declaration.
func decoded(resp *httpclient.Response) ([]byte, error) {
	body := resp.Body
	if rest, marked := bytes.CutPrefix(body, []byte("\xef\xbb\xbf")); marked {
		return rest, nil
	}
	e, err := xmlrecord.Declared(body[:min(len(body), 512)])
	if err != nil {
		return nil, err
	}
	if _, params, mediaErr := mime.ParseMediaType(resp.Header.Get("Content-Type")); mediaErr == nil && params["charset"] != "" {
		if named, err := htmlindex.Get(params["charset"]); err == nil {
			if e = named; strings.EqualFold(params["charset"], "utf-8") || strings.HasPrefix(strings.ToLower(params["charset"]), "utf-16") && body[0] == '<' && !bytes.Contains(body[:min(len(body), 4)], []byte{0}) {
				e = nil
			}
		}
	}
	if e == nil {
		return body, nil
	}
	text, err := e.NewDecoder().Bytes(body)
	if err != nil || bytes.Contains(text, []byte("\ufffd")) {
		return nil, errors.New("its bytes are no text in the encoding that it names")
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}

// payload looks at the start of an answer: it must be an envelope whose body
// holds something.
func payload(text []byte) (isFault bool, err error) {
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
				if t.Name.Local != "Envelope" || versionOf(t.Name.Space) == "" {
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

// only gives the one element that a path selects, as a JSON object; nil: there
// is none.
func only(text []byte, path *xmlrecord.Path, lists []string) ([]byte, error) {
	var out []byte
	err := xmlrecord.Read(bufio.NewReader(bytes.NewReader(text)), xmlrecord.Options{Path: path, Lists: lists}, func(lines []byte) error {
		out = append(out, lines...)
		return nil
	})
	return out, err
}

// judge tells a fault, with whatever status it comes. One that is about the
// message is final; another may pass.
func (s *source) judge(resp *httpclient.Response) httpclient.Verdict {
	text, err := decoded(resp)
	if err != nil || !bytes.Contains(text, []byte("Fault")) {
		return httpclient.Verdict{}
	}
	isFault, err := payload(text)
	if err != nil || !isFault {
		return httpclient.Verdict{}
	}
	body, err := only(text, s.fault, nil)
	if err != nil || len(body) == 0 {
		return httpclient.Verdict{Failed: true, Words: "a fault that can't be read"}
	}
	v := httpclient.Verdict{Failed: true, Words: s.words(body)}
	for _, code := range codes(body) {
		switch code {
		case "FailedAuthentication", "InvalidSecurity", "InvalidSecurityToken", "SecurityTokenUnavailable", "MessageExpired":
			v.Credentials = true
		case "Client", "Sender", "VersionMismatch", "MustUnderstand", "DataEncodingUnknown":
			v.Final = true
		}
	}
	return v
}

// codes are those of a fault without their prefixes and without what is put
// behind a point.
func codes(fault []byte) []string {
	var list []string
	for _, path := range [][]string{{"faultcode"}, {"Code", "Value"}, {"Code", "Subcode", "Value"}} {
		code := textAt(fault, path...)
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

// words are what a fault says: what the program finds, or its code and its
// text.
func (s *source) words(fault []byte) string {
	if s.config.Fault != nil {
		outputs, err := s.config.Fault.Run(context.Background(), record.DecodeTrusted(fault))
		if err == nil && len(outputs) > 0 {
			if text, ok := outputs[0].(string); ok && strings.TrimSpace(text) != "" {
				return text
			}
		}
	}
	said := textAt(fault, "faultstring")
	if said == "" {
		said = textAt(fault, "Reason", "Text")
	}
	if list := codes(fault); len(list) > 0 {
		said = strings.TrimSuffix(strings.Join(list, " ")+": "+said, ": ")
	}
	return said
}

// A page is what one answer holds.
type page struct {
	lines []byte
	count int
	value any // of the program value
	total int // -1: it is not told
	more  *bool
}

// page reads an answer: its records, and what its programs tell.
func (s *source) page(ctx context.Context, resp *httpclient.Response) (*page, error) {
	text, err := decoded(resp)
	if err != nil {
		return nil, err
	}
	if _, err := payload(text); err != nil {
		return nil, err
	}
	p := &page{total: -1}
	err = xmlrecord.Read(bufio.NewReader(bytes.NewReader(text)), xmlrecord.Options{Path: s.path, Lists: s.config.Lists}, func(lines []byte) error {
		p.lines = append(p.lines, lines...)
		p.count += bytes.Count(lines, []byte{'\n'})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, s.tell(ctx, p, text)
}

// tell runs the programs of the pagination over the body of an answer.
func (s *source) tell(ctx context.Context, p *page, text []byte) error {
	programs := s.config.Pagination
	if programs.Value == nil && programs.Total == nil && programs.More == nil {
		return nil
	}
	raw, err := only(text, s.body, s.config.Lists)
	if err != nil {
		return err
	}
	body := record.DecodeTrusted(raw)
	if p.value, err = one(ctx, "value", programs.Value, body); err != nil {
		return err
	}
	total, err := one(ctx, "total", programs.Total, body)
	if err != nil {
		return err
	}
	if programs.Total != nil {
		if p.total, err = strconv.Atoi(strings.TrimSpace(fmt.Sprint(total))); err != nil || p.total < 0 {
			return fmt.Errorf("pagination: total gives %s, which is no number of records", shown(total))
		}
	}
	more, err := one(ctx, "more", programs.More, body)
	if err != nil {
		return err
	}
	if programs.More != nil {
		answer := map[any]bool{true: true, "true": true, "1": true, false: false, "false": false, "0": false}
		yes, known := answer[comparable(more)]
		if !known {
			return fmt.Errorf("pagination: more gives %s, neither true nor false", shown(more))
		}
		p.more = &yes
	}
	return nil
}

// comparable makes what can't be the key of a map nil.
func comparable(v any) any {
	switch v.(type) {
	case bool, string:
		return v
	}
	return nil
}

func one(ctx context.Context, name string, program connector.Program, body any) (any, error) {
	if program == nil {
		return nil, nil
	}
	outputs, err := program.Run(ctx, body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("pagination: %s: %w", name, err)
	case len(outputs) > 1:
		return nil, fmt.Errorf("pagination: %s gives %d values, where one is due", name, len(outputs))
	case len(outputs) == 0:
		return nil, nil
	}
	return outputs[0], nil
}

// shown is the kind of a value: values may be sensitive.
func shown(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case bool:
		return "a truth value"
	}
	return "a number"
}
