package http

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// nextLink finds the target of rel="next" in Link headers (RFC 8288); empty:
// there is none.
func nextLink(headers []string) string {
	for _, header := range headers {
		for header != "" {
			open := strings.IndexByte(header, '<')
			end := strings.IndexByte(header, '>')
			if open < 0 || end < open {
				break
			}
			target := header[open+1 : end]
			params, rest := linkParams(header[end+1:])
			if slices.ContainsFunc(strings.Fields(params["rel"]), func(rel string) bool { return strings.EqualFold(rel, "next") }) {
				return target
			}
			header = rest
		}
	}
	return ""
}

// linkParams reads the parameters of one link, up to the comma before the
// next one; of a parameter that comes twice the first counts.
func linkParams(text string) (params map[string]string, rest string) {
	params = map[string]string{}
	for {
		text = strings.TrimLeft(text, " \t;")
		if text == "" || text[0] == ',' {
			return params, strings.TrimPrefix(text, ",")
		}
		end := strings.IndexAny(text, "=;,")
		if end < 0 {
			return params, ""
		}
		name := strings.ToLower(strings.TrimSpace(text[:end]))
		if text[end] != '=' {
			text = text[end:]
			continue
		}
		var value string
		value, text = linkValue(strings.TrimLeft(text[end+1:], " \t"))
		if _, twice := params[name]; !twice {
			params[name] = value
		}
	}
}

// linkValue reads a token or a quoted text.
func linkValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ";,")
		if end < 0 {
			end = len(text)
		}
		return strings.TrimSpace(text[:end]), text[end:]
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == '"':
			return b.String(), text[i+1:]
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), ""
}

// numberNames are the names of query values that count pages or records.
var numberNames = []string{
	"page", "p", "pagenumber", "pageno", "pageindex", "currentpage", "page[number]",
	"offset", "skip", "start", "startindex", "from", "$skip", "page[offset]",
}

// isNumbered tells whether a next URL counts pages or records, so that it
// proves no more than a number does.
func isNumbered(u *url.URL) bool {
	for name, values := range u.Query() {
		plain := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
		if !slices.Contains(numberNames, plain) || len(values) == 0 {
			continue
		}
		if _, err := strconv.Atoi(values[0]); err == nil {
			return true
		}
	}
	return false
}
