package sql

import (
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

// mysqlFolds are the collations of a server that columns have, by name.
type mysqlFolds struct {
	mu    sync.Mutex
	known map[string]*mysqlFold
}

// mysqlFold is what a collation makes of text to compare it: the weights of
// its characters one behind the other.
type mysqlFold struct {
	pad     bool // blanks at the end count for nothing
	weights []string
	compose bool   // marks above letters count: é is e with one, however it is written
	beyond  string // of each character beyond the weights; empty: they differ
}

// learn asks the database how a collation weighs characters, the first time,
// and gives the name by which Fold knows it.
func (f *mysqlFolds) learn(c Conn, collation string) (string, error) {
	pad := !strings.Contains(collation, "nopad") && !strings.Contains(collation, "_0900_")
	bin := strings.HasSuffix(collation, "_bin")
	if collation == "" || collation == "binary" || bin && !pad {
		return "BINARY", nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known[collation] != nil {
		return collation, nil
	}
	fold := &mysqlFold{pad: pad, compose: strings.Contains(collation, "_as_")}
	if !bin {
		if err := fold.ask(c, collation); err != nil {
			return "", err
		}
	}
	if f.known == nil {
		f.known = map[string]*mysqlFold{}
	}
	f.known[collation] = fold
	return collation, nil
}

// ask reads the weights of the characters up to U+FFFF, and whether those
// beyond have different ones.
func (f *mysqlFold) ask(c Conn, collation string) error {
	charset, _, _ := strings.Cut(collation, "_")
	weight := func(codePoint string) string {
		return fmt.Sprintf("HEX(WEIGHT_STRING(CONVERT(CHAR(%s USING utf32) USING %s) COLLATE %s))", codePoint, charset, collation)
	}
	f.weights = make([]string, 1<<16)
	const bytes = "(SELECT h.n * 16 + l.n AS n FROM %[1]s AS h, %[1]s AS l)"
	digits := "(SELECT 0 AS n"
	for i := 1; i < 16; i++ {
		digits += fmt.Sprintf(" UNION ALL SELECT %d", i)
	}
	digits += ")"
	all := fmt.Sprintf(bytes, digits)
	shared := map[string]string{}
	err := rows(c, "SELECT x.n * 256 + y.n, "+weight("x.n * 256 + y.n")+" FROM "+all+" AS x, "+all+" AS y", nil, func(s Stmt) {
		w := string(s.Column(1).Text)
		if shared[w] == "" {
			shared[w] = w
		}
		f.weights[s.Column(0).Int] = shared[w]
	})
	if err != nil {
		return err
	}
	return rows(c, "SELECT "+weight("0x1F600")+", "+weight("0x1F648"), nil, func(s Stmt) {
		if a, b := string(s.Column(0).Text), string(s.Column(1).Text); a == b {
			f.beyond = a
		}
	})
}

// Fold gives text's weights in hexadecimal digits; text itself where a
// collation compares all but the blanks at the end by their bytes.
func (d mysqlDialect) Fold(collation, text string) string {
	d.folds.mu.Lock()
	f := d.folds.known[collation]
	d.folds.mu.Unlock()
	switch {
	case f == nil:
		return text
	case f.weights == nil:
		return strings.TrimRight(text, " ")
	}
	if f.compose {
		text = norm.NFC.String(text)
	}
	var b strings.Builder
	end := 0 // behind the last weight that is no blank's
	for _, r := range text {
		w := f.beyond
		switch {
		case int(r) < len(f.weights):
			w = f.weights[r]
		case w == "":
			w = hex.EncodeToString([]byte(string(r)))
		}
		b.WriteString(w)
		if !f.pad || w != "" && w != f.weights[' '] {
			end = b.Len()
		}
	}
	return b.String()[:end]
}
