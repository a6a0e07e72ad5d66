package sql

import (
	"fmt"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// keyColumns are the columns that hold the pipeline's key.
type keyColumns struct {
	columns []string
	parts   int
	// same[i]: the mapped field columns[i] has the expression of that part.
	same []bool
}

// newKeyColumns takes the configured columns without those of rows; else the
// mapped fields that are the key; else a column key.
func newKeyColumns(c Config, rows []constant, shape record.Shape) (keyColumns, error) {
	k := keyColumns{parts: max(1, len(shape.Key))}
	for _, name := range c.Key {
		if !isConstant(rows, name) {
			k.columns = append(k.columns, name)
		}
	}
	if len(c.Key) > 0 && len(k.columns) == 0 {
		return k, &connector.FieldError{Field: "key", Problem: "names only columns of rows"}
	}
	if len(c.Key) == 0 {
		k.columns = defaultKey(shape)
	}
	if len(k.columns) != k.parts && len(k.columns) != 1 {
		return k, &connector.FieldError{Field: "key", Problem: fmt.Sprintf("has %d columns, and the pipeline's key has %d parts", len(k.columns), k.parts)}
	}
	k.same = make([]bool, len(k.columns))
	for i := range k.columns {
		k.same[i] = len(k.columns) == len(shape.Key) && strings.EqualFold(shape.Key[i].Name, k.columns[i])
	}
	return k, k.check(shape, len(c.Key) == 0)
}

// Fits tells whether the key of the records has columns, and whether the
// mapped fields are no columns of rows and those of match.
func (c *Config) Fits(shape record.Shape) error {
	constants, err := c.constants()
	if err != nil {
		return nil // Validate says so
	}
	if _, err = newKeyColumns(*c, constants, shape); err != nil {
		return err
	}
	sent := map[string]bool{}
	for _, f := range shape.Fields {
		sent[f.Name] = f.Send
		if f.Send && isConstant(constants, f.Name) {
			return &connector.FieldError{Field: "rows", Problem: fmt.Sprintf("sets %q, which is mapped as well", f.Name)}
		}
	}
	for _, name := range c.Match {
		if !sent[name] && !shape.Open && len(shape.Fields) > 0 {
			return &connector.FieldError{Field: "match", Problem: fmt.Sprintf("names %q, which is no mapped field that is sent", name)}
		}
	}
	return nil
}

func (k keyColumns) check(shape record.Shape, defaulted bool) error {
	for _, f := range shape.Fields {
		i := k.index(f.Name)
		if i < 0 || !f.Send || k.same[i] {
			continue
		}
		if defaulted || len(k.columns) != k.parts {
			return &connector.FieldError{
				Field: "key", Problem: fmt.Sprintf("needs a column of its own, and %q is mapped to something else", f.Name),
				Hint: `name the column for the pipeline's key: key = ["external_id"]`,
			}
		}
	}
	return nil
}

func isConstant(rows []constant, name string) bool {
	for _, r := range rows {
		if strings.EqualFold(r.column, name) {
			return true
		}
	}
	return false
}

func defaultKey(shape record.Shape) []string {
	sent := map[string]bool{}
	for _, f := range shape.Fields {
		sent[f.Name] = f.Send
	}
	var names []string
	for _, k := range shape.Key {
		if k.Name == "" || len(shape.Fields) > 0 && !sent[k.Name] {
			return []string{"key"}
		}
		names = append(names, k.Name)
	}
	if len(names) == 0 {
		return []string{"key"}
	}
	return names
}

func (k keyColumns) index(name string) int {
	for i, c := range k.columns {
		if strings.EqualFold(c, name) {
			return i
		}
	}
	return -1
}

// texts gives the text of each key column. One column for a key of several
// parts holds them as a JSON list.
func (k keyColumns) texts(key record.Key) []string {
	parts := key.Parts()
	if len(k.columns) == len(parts) {
		return parts
	}
	b := []byte{'['}
	for i, p := range parts {
		if i > 0 {
			b = append(b, ',')
		}
		b = record.AppendString(b, p)
	}
	return []string{string(append(b, ']'))}
}

// key is what texts came from; empty when a column holds no key.
func (k keyColumns) key(values []sql.Value) record.Key {
	parts := make([]string, len(values))
	for i, v := range values {
		text, ok := v.KeyText()
		if !ok {
			return ""
		}
		parts[i] = text
	}
	if len(parts) == 1 && k.parts > 1 {
		list, err := record.Decode([]byte(parts[0]))
		elements, ok := list.([]any)
		if err != nil || !ok || len(elements) != k.parts {
			return ""
		}
		parts = parts[:0]
		for _, e := range elements {
			text, _ := e.(string)
			parts = append(parts, text)
		}
	}
	key, err := record.MakeKey(parts...)
	if err != nil {
		return ""
	}
	return key
}
