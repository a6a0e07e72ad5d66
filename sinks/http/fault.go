package http

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// faultOf is what a SOAP fault says (SOAP 1.1, section 4.4; 1.2, section 5.4);
// empty: the body is none.
func faultOf(body []byte) string {
	if body = bytes.TrimSpace(body); len(body) == 0 || body[0] != '<' || !bytes.Contains(body, []byte("Fault")) {
		return ""
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	var path []string
	var words strings.Builder
	fault := false
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			path = append(path, t.Name.Local)
			fault = fault || len(path) == 3 && path[0] == "Envelope" && path[1] == "Body" && path[2] == "Fault"
		case xml.EndElement:
			path = path[:max(0, len(path)-1)]
		case xml.CharData:
			at := strings.Join(path, "/")
			if strings.HasSuffix(at, "Fault/faultstring") || strings.HasSuffix(at, "Fault/Reason/Text") {
				words.Write(t)
			}
		}
	}
	switch text := strings.Join(strings.Fields(words.String()), " "); {
	case !fault:
		return ""
	case text == "":
		return "the service answers with a fault that says nothing"
	default:
		return text
	}
}
