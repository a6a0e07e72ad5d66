// Package soap is what SOAP 1.1 and 1.2 share over HTTP: messages, their
// security header, and faults.
package soap

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"koppel/engine/connector"
)

// The namespaces of the envelopes, and of WS-Security (OASIS Web Services
// Security: SOAP Message Security 1.1 and UsernameToken Profile 1.1).
const (
	space11      = "http://schemas.xmlsoap.org/soap/envelope/"
	space12      = "http://www.w3.org/2003/05/soap-envelope"
	securityName = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	utilityName  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	passwordName = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#Password"
	encodingName = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)

// VersionOf is the version of an envelope in a namespace, 1.1 or 1.2; empty: it
// is none.
func VersionOf(space string) string {
	switch space {
	case space11:
		return "1.1"
	case space12:
		return "1.2"
	}
	return ""
}

// A Message is one that was taken apart as far as its header goes.
type Message struct {
	// Version is 1.1 or 1.2; empty: the text is what a body holds.
	Version string
	text    string
	prefix  string // of the envelope, with its colon
	open    int    // the place behind its start tag
	header  int    // the place behind that of its header; 0: it has none
	empty   bool   // the header is one tag that closes itself
}

// Parse reads a message to its end: an envelope, or what a body holds.
func Parse(text string) (e Message, err error) {
	e.text = text
	d := xml.NewDecoder(strings.NewReader(text))
	depth, roots := 0, 0
	for {
		from := d.InputOffset()
		t, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return e, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			tag := text[from:d.InputOffset()]
			if depth == 0 {
				roots++
				if t.Name.Local == "Envelope" {
					if e.Version = VersionOf(t.Name.Space); e.Version == "" {
						return e, fmt.Errorf("the namespace of its Envelope is none of SOAP: %s is 1.1, %s 1.2", space11, space12)
					}
					e.open, e.prefix = int(d.InputOffset()), prefixOf(tag)
				}
			}
			if depth == 1 && t.Name.Local == "Header" && e.Version != "" && VersionOf(t.Name.Space) == e.Version {
				e.header, e.empty = int(d.InputOffset()), strings.HasSuffix(tag, "/>")
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && strings.TrimSpace(string(t)) != "" {
				return e, errors.New("text stands outside of its elements")
			}
		}
	}
	switch {
	case roots == 0:
		return e, errors.New("it holds no element")
	case roots > 1 && e.Version != "":
		return e, errors.New("something follows the envelope")
	}
	return e, nil
}

// prefixOf is the prefix of a start tag, with its colon.
func prefixOf(tag string) string {
	name := strings.TrimPrefix(tag, "<")
	if i := strings.IndexAny(name, " \t\r\n/>"); i >= 0 {
		name = name[:i]
	}
	prefix, _, found := strings.Cut(name, ":")
	if !found {
		return ""
	}
	return prefix + ":"
}

// Dressed is the whole message, with the security header when it is not empty.
// version counts where the message has none.
func (e Message) Dressed(version, security string) string {
	if e.Version == "" {
		space := space11
		if version == "1.2" {
			space = space12
		}
		header := ""
		if security != "" {
			header = "<soap:Header>" + security + "</soap:Header>"
		}
		text := e.text
		if i := strings.Index(text, "?>"); i >= 0 && strings.HasPrefix(strings.TrimSpace(text), "<?xml") {
			text = text[i+2:]
		}
		return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<soap:Envelope xmlns:soap="` + space + `">` + header + `<soap:Body>` + text + `</soap:Body></soap:Envelope>`
	}
	switch {
	case security == "":
		return e.text
	case e.header == 0:
		return e.text[:e.open] + "<" + e.prefix + "Header>" + security + "</" + e.prefix + "Header>" + e.text[e.open:]
	case e.empty:
		tag := e.text[:e.header]
		name := tag[strings.LastIndexByte(tag, '<')+1:]
		name = name[:strings.IndexAny(name, " \t\r\n/>")]
		return strings.TrimSuffix(tag, "/>") + ">" + security + "</" + name + ">" + e.text[e.header:]
	}
	return e.text[:e.header] + security + e.text[e.header:]
}

// A UsernameToken is a user that messages name in their header (WS-Security).
type UsernameToken struct {
	Username string
	Password connector.Secret
	Digest   bool // the password travels as a hash
}

// Security makes the header of a UsernameToken; of nil it is empty. A digest is
// Base64(SHA-1(nonce + created + password)) and good for one message.
func Security(t *UsernameToken, now time.Time) (string, error) {
	if t == nil {
		return "", nil
	}
	kind, password, rest := "Text", string(t.Password), ""
	if t.Digest {
		nonce := make([]byte, 16)
		if _, err := rand.Read(nonce); err != nil {
			return "", fmt.Errorf("make a nonce: %w", err)
		}
		created := now.UTC().Format("2006-01-02T15:04:05Z")
		sum := sha1.Sum([]byte(string(nonce) + created + password))
		kind, password = "Digest", base64.StdEncoding.EncodeToString(sum[:])
		rest = `<wsse:Nonce EncodingType="` + encodingName + `">` + base64.StdEncoding.EncodeToString(nonce) + `</wsse:Nonce><wsu:Created>` + created + `</wsu:Created>`
	}
	user, err := Escape(t.Username)
	if err != nil {
		return "", fmt.Errorf("username: %w", err)
	}
	if password, err = Escape(password); err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	return `<wsse:Security xmlns:wsse="` + securityName + `" xmlns:wsu="` + utilityName + `"><wsse:UsernameToken><wsse:Username>` + user +
		`</wsse:Username><wsse:Password Type="` + passwordName + kind + `">` + password + `</wsse:Password>` + rest + `</wsse:UsernameToken></wsse:Security>`, nil
}

// Escape writes a text as XML does, in elements and attributes. Characters that
// XML has no place for are an error.
func Escape(text string) (string, error) {
	for _, r := range text {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff || r == 0xfffd {
			return "", fmt.Errorf("the character %U can't stand in XML", r)
		}
	}
	var b strings.Builder
	err := xml.EscapeText(&b, []byte(text))
	return b.String(), err
}
