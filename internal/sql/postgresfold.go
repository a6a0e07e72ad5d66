package sql

import (
	"strings"
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// Fold knows citext, char(n), uuid, and the collations of ICU that are not
// deterministic, whose names start with "icu:".
func (d postgresDialect) Fold(collation, text string) string {
	switch collation {
	case "":
		return text
	case "citext":
		return strings.ToLower(text)
	case "bpchar":
		return strings.TrimRight(text, " ")
	case "uuid":
		return strings.NewReplacer("-", "", "{", "", "}", "").Replace(strings.ToLower(text))
	}
	locale, icu := strings.CutPrefix(collation, "icu:")
	if !icu || d.folds == nil {
		return text
	}
	return d.folds.key(locale, text)
}

// collations makes the sort keys of collations, which are equal for texts that
// compare as equal. It is safe for use by several goroutines.
type collations struct {
	mu    sync.Mutex
	known map[string]*collate.Collator
	buf   collate.Buffer
}

func (c *collations) key(locale, text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.known[locale]
	if one == nil {
		one = newCollator(locale)
		c.known[locale] = one
	}
	c.buf.Reset()
	return string(one.KeyFromString(&c.buf, text))
}

// newCollator compares as the root locale does where it does not know one.
func newCollator(locale string) *collate.Collator {
	tag, err := language.Parse(strings.ReplaceAll(locale, "@", "-"))
	if err != nil {
		tag = language.Und
	}
	var options []collate.Option
	switch strength, _ := strings.CutPrefix(tag.TypeForKey("ks"), "level"); strength {
	case "1":
		options = append(options, collate.IgnoreCase, collate.IgnoreDiacritics)
	case "2":
		options = append(options, collate.IgnoreCase)
	}
	return collate.New(tag, options...)
}
