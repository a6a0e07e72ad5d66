package sql

import (
	"koppel/engine/record"
	"koppel/internal/sql"
)

// Same tells that a column of JSON shows a list or an object for a text that
// stands for it. Databases that tell the two apart show the text.
func (s *sink) Same(field string, shown, written []byte) bool {
	if k := record.KindOf(shown); k != record.List && k != record.Object {
		return false
	}
	text, ok := record.Text(written)
	if !ok || record.KindOf(written) != record.String {
		return false
	}
	column := sql.Column{Name: field, Type: "JSON", Base: "json", Class: sql.Native, JSON: true}
	if v, err := s.db.Dialect.Fit(&column, sql.Value{Kind: sql.Text, Text: []byte(text)}); err != nil || v.Kind == sql.JSON {
		return false
	}
	differ, err := record.Differ(oneMember(shown), oneMember([]byte(text)), nil)
	return err == nil && len(differ) == 0
}

// oneMember makes an object of a JSON value.
func oneMember(value []byte) []byte {
	return append(append([]byte(`{"v":`), value...), '}')
}
