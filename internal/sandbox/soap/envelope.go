package soap

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"

	"koppel/internal/sandbox/traffic"
)

// Namespaces of the two versions, of WS-Security and of the service.
const (
	envelope11 = "http://schemas.xmlsoap.org/soap/envelope/"
	envelope12 = "http://www.w3.org/2003/05/soap-envelope"
	security   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	utility    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	service    = "urn:example:directory"
)

// A node is an element of a request.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Nodes   []node     `xml:",any"`
	Text    string     `xml:",chardata"`
}

// child gives the first element of a name below a node; never nil.
func (n *node) child(space, local string) *node {
	for i := range n.Nodes {
		if n.Nodes[i].XMLName == (xml.Name{Space: space, Local: local}) {
			return &n.Nodes[i]
		}
	}
	return &node{}
}

// value is the text of an element of the service; "" where there is none.
func (n *node) value(local string) string { return strings.TrimSpace(n.child(service, local).Text) }

func (n *node) attr(local string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// A fault is a refusal in the words of SOAP.
type fault struct {
	status int
	code   string // Client, Server, VersionMismatch, MustUnderstand, or one of WS-Security
	reason string
	detail string // name of an element of the service; empty: no detail
}

func (f *fault) Error() string { return f.reason }

// A call is one request whose envelope was read.
type call struct {
	*traffic.Exchange
	version int // 11 or 12
	header  *node
	body    *node // the first element of the body
}

func (s *System) serve(x *traffic.Exchange) {
	switch {
	case x.Request.URL.Path != Path:
		http.Error(x, "not found", http.StatusNotFound)
		return
	case x.Request.Method == http.MethodGet && strings.EqualFold(x.Request.URL.RawQuery, "wsdl"):
		x.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = io.WriteString(x, wsdl("http://"+x.Request.Host+Path))
		return
	case x.Request.Method != http.MethodPost:
		http.Error(x, "only POST is allowed", http.StatusMethodNotAllowed)
		return
	}
	c, err := read(x)
	if c == nil {
		http.Error(x, "the media type is not one of SOAP", http.StatusUnsupportedMediaType)
		return
	}
	var answer string
	if err == nil {
		if err = s.admit(c); err == nil {
			answer, err = s.operate(c)
		}
	}
	if f, ok := err.(*fault); ok {
		c.fail(f)
		return
	}
	if err != nil {
		c.fail(&fault{status: http.StatusInternalServerError, code: "Server", reason: err.Error()})
		return
	}
	c.send(http.StatusOK, answer)
}

// read reads the envelope. Without a media type of SOAP there is no call.
func read(x *traffic.Exchange) (*call, error) {
	c := &call{Exchange: x}
	media, _, _ := strings.Cut(x.Request.Header.Get("Content-Type"), ";")
	switch strings.TrimSpace(strings.ToLower(media)) {
	case "text/xml":
		c.version = 11
	case "application/soap+xml":
		c.version = 12
	default:
		return nil, nil
	}
	var root node
	d := xml.NewDecoder(bytes.NewReader(x.Body))
	if err := d.Decode(&root); err != nil {
		return c, &fault{http.StatusInternalServerError, "Client", "the envelope is no XML", ""}
	}
	space := map[int]string{11: envelope11, 12: envelope12}[c.version]
	if root.XMLName != (xml.Name{Space: space, Local: "Envelope"}) {
		return c, &fault{http.StatusInternalServerError, "VersionMismatch", "the envelope is not one of the SOAP version of the media type", ""}
	}
	c.header = root.child(space, "Header")
	for _, h := range c.header.Nodes {
		if must := h.attr("mustUnderstand"); (must == "1" || must == "true") && h.XMLName.Space != security {
			return c, &fault{http.StatusInternalServerError, "MustUnderstand", "header " + h.XMLName.Local + " is not understood", ""}
		}
	}
	body := root.child(space, "Body")
	if len(body.Nodes) != 1 {
		return c, &fault{http.StatusInternalServerError, "Client", "the body holds not exactly one element", ""}
	}
	c.body = &body.Nodes[0]
	return c, c.sameAction()
}

// sameAction holds the action of the headers against the body: 1.1 demands it,
// 1.2 lets it be left out.
func (c *call) sameAction() error {
	if c.version == 11 && c.Request.Header.Get("SOAPAction") == "" {
		return &fault{http.StatusInternalServerError, "Client", "header SOAPAction is missing", ""}
	}
	if named := action(c.Request); named != "" && named != c.body.XMLName.Local {
		return &fault{http.StatusInternalServerError, "Client", "action " + named + " does not fit the body " + c.body.XMLName.Local, ""}
	}
	return nil
}

// prefix is that of the envelope: another one from call to call, as toolkits
// differ.
func (c *call) prefix() string {
	return []string{"soap", "SOAP-ENV", "s", "env"}[c.Call.N%4]
}

// send answers with an envelope around a body.
func (c *call) send(status int, body string) {
	space, media := envelope11, "text/xml; charset=utf-8"
	if c.version == 12 {
		space, media = envelope12, "application/soap+xml; charset=utf-8"
	}
	c.Header().Set("Content-Type", media)
	c.WriteHeader(status)
	p := c.prefix()
	_, _ = fmt.Fprintf(c, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<%[1]s:Envelope xmlns:%[1]s="%[2]s" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><%[1]s:Header/><%[1]s:Body>%[3]s</%[1]s:Body></%[1]s:Envelope>`,
		p, space, body)
}

// fail answers with a fault in the form of the version.
func (c *call) fail(f *fault) {
	p, detail := c.prefix(), ""
	if f.detail != "" {
		detail = fmt.Sprintf(`<d:%[1]s xmlns:d="%[2]s"><d:reason>%[3]s</d:reason></d:%[1]s>`, f.detail, service, escape(f.reason))
	}
	code := p + ":" + f.code
	if strings.HasPrefix(f.code, "wsse:") {
		code = f.code
	}
	if c.version == 11 {
		if detail != "" {
			detail = "<detail>" + detail + "</detail>"
		}
		c.send(f.status, fmt.Sprintf(`<%s:Fault xmlns:wsse="%s"><faultcode>%s</faultcode><faultstring xml:lang="en">%s</faultstring>%s</%[1]s:Fault>`,
			p, security, code, escape(f.reason), detail))
		return
	}
	if detail != "" {
		detail = fmt.Sprintf("<%[1]s:Detail>%[2]s</%[1]s:Detail>", p, detail)
	}
	sender, sub := code, ""
	if f.status == http.StatusInternalServerError && f.code != "Server" { // SOAP 1.2, part 2, table 20
		f.status = http.StatusBadRequest
	}
	switch {
	case strings.HasPrefix(f.code, "wsse:"):
		sender, sub = p+":Sender", fmt.Sprintf("<%[1]s:Subcode><%[1]s:Value>%[2]s</%[1]s:Value></%[1]s:Subcode>", p, f.code)
	case f.code == "Client":
		sender = p + ":Sender"
	case f.code == "Server":
		sender = p + ":Receiver"
	}
	c.send(f.status, fmt.Sprintf(`<%[1]s:Fault xmlns:wsse="%[2]s"><%[1]s:Code><%[1]s:Value>%[3]s</%[1]s:Value>%[4]s</%[1]s:Code>`+
		`<%[1]s:Reason><%[1]s:Text xml:lang="en">%[5]s</%[1]s:Text></%[1]s:Reason>%[6]s</%[1]s:Fault>`,
		p, security, sender, sub, escape(f.reason), detail))
}

// refuse answers with a status that a fault asks for: a fault of SOAP, with 200
// as well.
func (s *System) refuse(x *traffic.Exchange, f traffic.Fault, status int) bool {
	c := &call{Exchange: x, version: 11}
	if strings.HasPrefix(x.Request.Header.Get("Content-Type"), "application/soap+xml") {
		c.version = 12
	}
	reason := f.Message
	if reason == "" {
		reason = "the directory is closed"
	}
	c.fail(&fault{status: status, code: "Server", reason: reason, detail: "unavailable"})
	return true
}

func escape(s string) string {
	var buf bytes.Buffer
	_ = xml.EscapeText(&buf, []byte(s)) // a buffer takes everything
	return buf.String()
}
