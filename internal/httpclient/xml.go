package httpclient

import (
	"bytes"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/soap"
	"koppel/internal/xmlrecord"
)

// JudgeFaults tells a fault of SOAP, with whatever status it comes, and of other
// answers what the connection's own judge says. It is for Request.Judge.
func (c *Client) JudgeFaults(resp *Response) Verdict {
	fault := soap.FaultOf(resp.Body, resp.Header.Get("Content-Type"))
	switch {
	case fault != nil:
		return Verdict{Failed: true, Words: fault.Words(), Final: fault.Final(), Credentials: fault.Denied()}
	case c.options.Judge != nil:
		return c.options.Judge(resp)
	}
	return Verdict{}
}

// Envelop looks for an envelope of SOAP in the body of a request, and gives it
// what belongs to it: the user of auth "wsse" in its header, the headers of its
// version where the request has none, and JudgeFaults.
func (c *Client) Envelop(r *Request) {
	if r.Judge == nil {
		r.Judge = c.JudgeFaults
	}
	if !strings.Contains(r.ContentType, "xml") {
		return
	}
	message, err := soap.Parse(string(r.Body))
	if err != nil || message.Version == "" {
		return
	}
	switch media := r.Header.Get("Content-Type"); {
	case message.Version == "1.1" && r.Header.Values("SOAPAction") == nil:
		r.Header.Set("SOAPAction", `""`)
	case message.Version == "1.2" && media == "":
		r.ContentType = "application/soap+xml; charset=utf-8"
	}
	if token := c.options.UsernameToken; token != nil {
		r.Renew = func() ([]byte, error) {
			header, err := soap.Security(token, c.now())
			return []byte(message.Dressed("", header)), err
		}
	}
}

// fromXML makes JSON of an XML answer: a list of what an XPath selects, or the
// root element as an object.
func fromXML(resp *Response, path string) ([]byte, error) {
	text, err := xmlrecord.Decode(resp.Body, resp.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	if path == "" {
		root, err := xmlrecord.Parse("/*", nil)
		if err != nil {
			return nil, err
		}
		return xmlrecord.All(text, xmlrecord.Options{Path: root})
	}
	selected, err := xmlrecord.Parse(path, nil)
	if err != nil {
		return nil, err
	}
	lines, err := xmlrecord.All(text, xmlrecord.Options{Path: selected})
	if err != nil {
		return nil, err
	}
	list := append([]byte{'['}, bytes.ReplaceAll(bytes.TrimSpace(lines), []byte{'\n'}, []byte{','})...)
	return append(list, ']'), nil
}

// CheckXPath says what is wrong with an XPath that selects records in answers.
func (c *Config) CheckXPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return &connector.FieldError{Field: "records", Problem: "is a text that is no XPath",
			Hint: "write a program for JSON, such as jq(\".items[]\"), and for XML a whole XPath, such as /Envelope/Body/ListResponse/person"}
	}
	_, err := xmlrecord.Parse(path, nil)
	return err
}
