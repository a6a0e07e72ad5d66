package afas

import (
	"encoding/base64"
	"regexp"
	"strings"

	"koppel/engine/connector"
)

var (
	tokenXML  = regexp.MustCompile(`(?is)^<token>\s*(?:<version>\s*([0-9]+)\s*</version>)?\s*<data>\s*([^<>\s]+)\s*</data>\s*</token>$`)
	tokenData = regexp.MustCompile(`^[A-Za-z0-9._\-]+$`)
)

// ParseToken gives the one form of a classic token that goes into a request,
// <token><version>1</version><data>…</data></token>, of what people have: that
// form, with blanks and line ends between, its data part alone, or the Base64
// of it.
func ParseToken(token connector.Secret) (connector.Secret, error) {
	text := strings.TrimSpace(string(token))
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil && strings.Contains(string(decoded), "<token>") {
		text = strings.TrimSpace(string(decoded))
	}
	version, data := "1", text
	if m := tokenXML.FindStringSubmatch(text); m != nil {
		data = m[2]
		if m[1] != "" {
			version = m[1]
		}
	}
	if !tokenData.MatchString(data) {
		return "", &connector.FieldError{
			Field: "token", Problem: "is no token of AFAS",
			Hint: "give the whole XML, <token><version>1</version><data>…</data></token>, or what stands between <data> and </data>",
		}
	}
	return connector.Secret("<token><version>" + version + "</version><data>" + data + "</data></token>"), nil
}

// authorization is the value of the header that carries a token of that form.
func authorization(token connector.Secret) connector.Secret {
	return connector.Secret("AfasToken " + base64.StdEncoding.EncodeToString([]byte(token)))
}

// dataPart is the part of a token that is secret.
func dataPart(token connector.Secret) connector.Secret {
	_, rest, _ := strings.Cut(string(token), "<data>")
	data, _, _ := strings.Cut(rest, "</data>")
	return connector.Secret(data)
}
