package sqlite

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

// exportVersion is raised when the lines of an export change their meaning,
// exportSchema is the last step of the schema that changed what is exported,
// importSchema the first one whose exports are taken: tables came since.
const (
	exportVersion = 1
	exportSchema  = 7
	importSchema  = 2
)

// exportItems gives the rows of item with those of recent in place of them.
const exportItems = "SELECT pipeline, key, hash, status, born, run, src, body FROM item WHERE true" + unlessRecent +
	" UNION ALL SELECT pipeline, key, hash, status, born, run, src, body FROM recent ORDER BY pipeline, key"

// An exportHeader is the first line of an export.
type exportHeader struct {
	FormatVersion int  `json:"format_version"`
	Schema        int  `json:"schema"`
	Sealed        bool `json:"sealed"`
}

// An exportLine is each further line: a row, or the end with the number of
// rows. Integers are numbers, texts strings, bytes strings in base64.
type exportLine struct {
	Table string                     `json:"table,omitempty"`
	Row   map[string]json.RawMessage `json:"row,omitempty"`
	End   *int64                     `json:"end,omitempty"`
}

// rawText is a text that is no valid UTF-8, as its bytes.
type rawText struct {
	Bytes []byte `json:"bytes"`
}

func exportedTables() []string {
	return []string{
		"meta", "pipeline", "source", "part", "position", "based", "mirror", "item",
		"open", "change", "run", "number", "plan", "held_read",
		"flight", "layout", "delivery", "attempt", "token", "told",
	}
}

// Export writes the whole state as JSON lines: a header, rows table by table,
// and an end. Sealed bodies stay sealed; keys and addresses are clear.
func (s *Store) Export(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err := s.View(ctx, func(sv state.View) error {
		v := sv.(*view)
		err := enc.Encode(exportHeader{FormatVersion: exportVersion, Schema: exportSchema, Sealed: v.seal != nil})
		if err != nil {
			return err
		}
		var rows int64
		for _, table := range exportedTables() {
			if err := exportTable(v, enc, table, &rows); err != nil {
				return err
			}
		}
		return enc.Encode(exportLine{End: &rows})
	})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("export the state: %w", err)
	}
	return nil
}

func exportTable(v *view, enc *json.Encoder, table string, rows *int64) error {
	query := "SELECT * FROM " + table
	switch table {
	case "meta":
		query += " WHERE name = '" + metaSeal + "'"
	case "item":
		query = exportItems
	}
	err := v.c.each(query, nil, func(st *sqlite.Stmt) error {
		line := exportLine{Table: table, Row: map[string]json.RawMessage{}}
		for i := range st.ColumnCount() {
			text, err := exportValue(st, i)
			if err != nil {
				return err
			}
			line.Row[st.ColumnName(i)] = text
		}
		*rows++
		return enc.Encode(line)
	})
	return v.problem(err)
}

func exportValue(st *sqlite.Stmt, col int) (json.RawMessage, error) {
	switch st.ColumnType(col) {
	case sqlite.TypeNull:
		return json.RawMessage("null"), nil
	case sqlite.TypeInteger:
		return json.Marshal(st.ColumnInt64(col))
	case sqlite.TypeText:
		text := st.ColumnText(col)
		if !utf8.ValidString(text) {
			return json.Marshal(rawText{Bytes: []byte(text)})
		}
		return json.Marshal(text)
	case sqlite.TypeBlob:
		b := columnBytes(st, col)
		if b == nil {
			b = []byte{}
		}
		return json.Marshal(b)
	}
	return nil, fmt.Errorf("column %s: %w: it holds a %v", st.ColumnName(col), state.ErrCorrupt, st.ColumnType(col))
}
