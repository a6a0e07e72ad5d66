package graph

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// A Page is one answer of a collection.
type Page struct {
	Rows [][]byte // checked JSON objects, views of the answer
	// Context is what the answer says that it is about, behind the # of
	// @odata.context, such as users(id,mail); empty: it does not say.
	Context string
	// Next leads to the next page, Delta to what changes after this round; at
	// most one of them is there, and without Delta a page without Next is the
	// last.
	Next, Delta string
}

// Page asks a question about a collection.
func (c *Client) Page(ctx context.Context, q Question) (*Page, error) {
	body, err := c.Get(ctx, q)
	if err != nil {
		return nil, err
	}
	page, err := ParsePage(body)
	if err == nil {
		err = q.answeredBy(page)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", shown(q.Path), err)
	}
	return page, nil
}

// answeredBy tells whether a page is about what was asked.
func (q Question) answeredBy(p *Page) error {
	if p.Context == "" || len(q.About) == 0 || strings.HasPrefix(p.Context, "Collection(") {
		return nil // it may be about anything
	}
	for _, set := range q.About {
		if rest, ok := strings.CutPrefix(p.Context, set); ok && (rest == "" || strings.ContainsRune("(/", rune(rest[0]))) {
			return nil
		}
	}
	return fmt.Errorf("%w: the answer is about %q", connector.ErrIncomplete, p.Context[:min(len(p.Context), 60)])
}

// shown is a path or link without its query, which may hold a token.
func shown(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}

// isLink tells a link that Graph gave from a path.
func isLink(path string) bool {
	return strings.HasPrefix(path, "https://") || strings.HasPrefix(path, "http://")
}

// ParsePage reads the body of an answer and keeps it.
func ParsePage(body []byte) (*Page, error) {
	if err := record.Valid(body, record.Limits{Size: 1 << 30}); err != nil {
		return nil, fmt.Errorf("%w: the answer is no JSON: %w", connector.ErrIncomplete, err)
	}
	list := record.Member(body, "value")
	if record.KindOf(list) != record.List {
		return nil, fmt.Errorf("%w: the answer has no list of values: it is not that of Graph; check url of the connection", connector.ErrIncomplete)
	}
	p := &Page{}
	sound := true
	record.Elements(list, func(raw []byte) bool {
		sound = sound && record.KindOf(raw) == record.Object
		p.Rows = append(p.Rows, raw)
		return sound
	})
	if !sound {
		return nil, fmt.Errorf("%w: the answer lists something that is no object", connector.ErrIncomplete)
	}
	about, _ := record.Text(record.Member(body, "@odata.context"))
	_, p.Context, _ = strings.Cut(about, "#")
	p.Next, _ = record.Text(record.Member(body, "@odata.nextLink"))
	p.Delta, _ = record.Text(record.Member(body, "@odata.deltaLink"))
	if p.Next != "" && p.Delta != "" {
		return nil, fmt.Errorf("%w: the answer leads on and ends at once", connector.ErrIncomplete)
	}
	return p, nil
}

// ID gives the id of a row; empty: it has none.
func ID(row []byte) string {
	id, _ := record.Text(record.Member(row, "id"))
	return id
}

// TypeName is the name of a type without what stands before it: user of
// #microsoft.graph.user.
func TypeName(kind string) string { return kind[strings.LastIndexByte(kind, '.')+1:] }

// IsAdvanced tells whether the directory judges a condition only in an advanced
// query: with the header ConsistencyLevel and $count (aad-advanced-queries).
func IsAdvanced(filter string) bool { return advanced.MatchString(filter) }

var advanced = regexp.MustCompile(`(?i)(^|[\s(])(ne|not)[\s(]|endswith\s*\(|/\$count`)

// Removed gives the reason for which a row is a tombstone: changed (it can be
// restored) or deleted; false: it is none.
func Removed(row []byte) (string, bool) {
	raw := record.Member(row, "@removed")
	if record.KindOf(raw) != record.Object {
		return "", false
	}
	reason, _ := record.Text(record.Member(raw, "reason"))
	return reason, true
}

// AppendRow appends a row as one line without its end: its members but for the
// annotations of OData, and but for those that replace takes over. replace
// appends what stands in place of a member and returns true, or returns false;
// nil: none is replaced.
func AppendRow(dst, row []byte, replace func(dst []byte, name string, raw []byte) ([]byte, bool)) []byte {
	dst = append(dst, '{')
	from := len(dst)
	record.Members(row, func(name string, raw []byte) bool {
		at := len(dst)
		if at > from {
			dst = append(dst, ',')
		}
		mark := len(dst)
		if replace != nil {
			if out, done := replace(dst, name, raw); done {
				if dst = out; len(dst) == mark {
					dst = dst[:at]
				}
				return true
			}
		}
		if strings.Contains(name, "@") {
			dst = dst[:at]
			return true
		}
		dst = append(record.AppendString(dst, name), ':')
		dst = appendOneLine(dst, raw)
		return true
	})
	return append(dst, '}')
}

// appendOneLine appends a value without line ends, which stand between its parts
// only.
func appendOneLine(dst, raw []byte) []byte {
	at := len(dst)
	dst = append(dst, raw...)
	for i := at; i < len(dst); i++ {
		if dst[i] == '\n' || dst[i] == '\r' {
			dst[i] = ' '
		}
	}
	return dst
}
