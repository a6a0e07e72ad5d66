package afas

import (
	"encoding/json"
	"slices"

	"koppel/internal/sandbox/dataset"
)

// write checks an element and writes its row.
func (w *writing) write() error {
	for _, name := range w.o.inherits {
		w.values[name] = w.parent.row[name]
	}
	if w.o.before != nil {
		if err := w.o.before(w); err != nil {
			return err
		}
	}
	row, err := w.columns()
	if err != nil {
		return err
	}
	def, _ := w.s.Data.Def(w.o.table)
	if w.action != "insert" {
		if err := w.find(def, row); err != nil {
			return err
		}
	}
	if err := w.check(row); err != nil {
		return err
	}
	switch w.action {
	case "insert":
		if w.number > 0 {
			row["BcId"] = w.number
		}
		w.key, err = w.tx.Insert(w.o.table, row)
	case "update":
		for _, name := range def.Key {
			delete(row, name)
		}
		err = w.tx.Update(w.o.table, w.key, row)
	case "delete":
		err = w.tx.Delete(w.o.table, w.key)
	}
	if err != nil {
		return err
	}
	if w.action != "delete" {
		w.row = w.tx.Get(w.o.table, w.key)
	}
	if w.o.after != nil {
		return w.o.after(w)
	}
	return nil
}

// steering are fields that say how to write and are not stored.
var steering = map[string]bool{"MatchPer": true, "AutoNum": true, "SpNm": true}

// columns gives the values their types; "" clears.
func (w *writing) columns() (dataset.Row, error) {
	row := dataset.Row{}
	for name, v := range w.values {
		f := w.o.field(name)
		switch {
		case f == nil && !slices.Contains(w.o.inherits, name):
			return nil, generalProblem("Field '%s' is unknown in object '%s'.", "Veld '%s' is onbekend in object '%s'.", name, w.o.root)
		case steering[name]:
			continue
		}
		switch v.(type) {
		case nil, string, bool, json.Number, int64:
		default:
			return nil, errJSON
		}
		if b, ok := v.(bool); ok {
			v = dataset.Text(b)
		}
		if v == "" {
			v = nil
		}
		c := w.s.objectColumn(w.o, field{id: name})
		value, err := c.Convert(v)
		if err != nil {
			return nil, generalProblem("The value for '%s' is not valid: %s.", "De waarde bij '%s' is niet geldig: %s.", c.Label, err)
		}
		row[name] = value
	}
	return row, nil
}

// find looks up the row that is to be changed or deleted.
func (w *writing) find(def dataset.Def, row dataset.Row) error {
	for _, name := range def.Key {
		if row[name] == nil {
			return w.mandatory(name)
		}
	}
	var err error
	if w.key, err = def.KeyOf(row); err != nil {
		return err
	}
	if w.row = w.tx.Get(w.o.table, w.key); w.row != nil {
		return nil
	}
	for _, name := range def.Key { // the first part that refers to nothing is named
		if f := w.o.field(name); f != nil && f.refers != "" && w.tx.Get(f.refers, dataset.Text(row[name])) == nil {
			return missingValue(w.label(name))
		}
	}
	return missingValue(w.label(def.Key[len(def.Key)-1]))
}

// check holds the rules of the fields against a row.
func (w *writing) check(row dataset.Row) error {
	if w.action == "delete" {
		return nil
	}
	for _, f := range w.o.fields {
		v, given := row[f.id]
		if f.mandatory && v == nil && (w.action == "insert" || given) {
			return w.mandatory(f.id)
		}
		if f.refers != "" && v != nil && w.tx.Get(f.refers, dataset.Text(v)) == nil {
			return missingValue(w.label(f.id))
		}
		if f.unique && v != nil && w.taken(f.id, v) {
			return generalProblem("The value for '%s' already exists.", "De waarde bij '%s' bestaat al.", w.label(f.id))
		}
	}
	return nil
}

// taken tells whether any row has a value, the row that is written included:
// Profit refuses a unique value also where it is the one that stands there.
func (w *writing) taken(name string, v any) bool {
	for _, row := range w.tx.Rows(w.o.table) {
		if row[name] == v {
			return true
		}
	}
	return false
}

func (w *writing) mandatory(name string) *problem {
	label := w.label(name)
	return generalProblem("The field '%s' is mandatory. (FieldId: %s)", "Het veld '%s' is verplicht. (FieldId: %s)", label, name)
}

func (w *writing) label(name string) string { return w.s.objectColumn(w.o, field{id: name}).Label }
