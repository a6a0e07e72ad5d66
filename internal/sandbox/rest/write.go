package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// one answers a single record.
func (s *System) one(x *traffic.Exchange) {
	def, row, ok := s.find(x)
	if ok {
		x.Call.Rows = 1
		tagged(x, http.StatusOK, encode(def, row))
	}
}

// find gives the record of a call; false: the call was refused.
func (s *System) find(x *traffic.Exchange) (def dataset.Def, row dataset.Row, ok bool) {
	if def, ok = s.Data.Def(x.Request.PathValue("collection")); ok {
		s.Data.View(func(tx *dataset.Tx) { row = tx.Get(def.Name, x.Request.PathValue("id")) })
	}
	if row == nil {
		fail(x, http.StatusNotFound, "not_found", "there is no such record")
		return def, nil, false
	}
	return def, row, true
}

// An invalid record is refused with what is wrong in each field.
type invalid struct{ fields []map[string]string }

func (e *invalid) Error() string { return "the record is not valid" }

// A conflict is a unique value that stands elsewhere already.
type conflict struct{ message string }

func (e *conflict) Error() string { return e.message }

// fields reads the body of a write.
func fields(x *traffic.Exchange, def dataset.Def) (dataset.Row, error) {
	if def.Name == documents {
		if !json.Valid(x.Body) {
			return nil, errors.New("the body is no JSON")
		}
		return dataset.Row{"body": json.RawMessage(x.Body)}, nil
	}
	d := json.NewDecoder(bytes.NewReader(x.Body))
	d.UseNumber()
	var row dataset.Row
	if err := d.Decode(&row); err != nil || row == nil {
		return nil, errors.New("the body is no JSON object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something stands behind the JSON object")
	}
	wrong := &invalid{}
	for name, v := range row {
		column := columnOf(def, name)
		switch _, err := column.Convert(v); {
		case column.Name == "":
			wrong.add(name, "is unknown")
		case name == "id" || name == def.Modified:
			wrong.add(name, "is set by the shop")
		case err != nil:
			wrong.add(name, err.Error())
		case name == "email" && v != nil && !strings.Contains(dataset.Text(v), "@"):
			wrong.add(name, "is no e-mail address")
		}
	}
	return row, wrong.orNil()
}

func columnOf(def dataset.Def, name string) dataset.Column {
	for _, c := range def.Columns {
		if c.Name == name {
			return c
		}
	}
	return dataset.Column{}
}

func (e *invalid) add(field, message string) {
	e.fields = append(e.fields, map[string]string{"field": field, "message": message})
}

func (e *invalid) orNil() error {
	if len(e.fields) == 0 {
		return nil
	}
	return e
}

// create adds a record. Without an Idempotency-Key, the same call makes another
// one each time, where no column is unique.
func (s *System) create(x *traffic.Exchange) {
	def, ok := s.Data.Def(x.Request.PathValue("collection"))
	if !ok {
		fail(x, http.StatusNotFound, "not_found", "there is no such collection")
		return
	}
	again := x.Request.Header.Get("Idempotency-Key")
	s.mu.Lock()
	before, known := s.repeated[def.Name+" "+again]
	s.mu.Unlock()
	if again != "" && known {
		before.send(x)
		return
	}
	row, err := fields(x, def)
	var made dataset.Row
	if err == nil {
		made, err = s.insert(def, row)
	}
	if err != nil {
		s.refused(x, err)
		return
	}
	id := dataset.Text(made["id"])
	a := answer{status: http.StatusCreated, location: Path + "/" + def.Name + "/" + id, body: encode(def, made)}
	if again != "" {
		s.mu.Lock()
		s.repeated[def.Name+" "+again] = a
		s.mu.Unlock()
	}
	x.Effect("insert", def.Name, id, json.RawMessage(a.body))
	a.send(x)
}

func (a answer) send(x *traffic.Exchange) {
	x.Header().Set("Location", a.location)
	tagged(x, a.status, a.body)
}

func (s *System) insert(def dataset.Def, row dataset.Row) (made dataset.Row, err error) {
	c, wrong := collections()[def.Name], &invalid{}
	for _, name := range c.required {
		if dataset.Text(row[name]) == "" {
			wrong.add(name, "is required")
		}
	}
	if err := wrong.orNil(); err != nil {
		return nil, err
	}
	err = s.Data.Change(func(tx *dataset.Tx) error {
		if err := taken(tx, def, row, nil); err != nil {
			return err
		}
		if def.Name == documents {
			row["id"] = fmt.Sprint(len(tx.Rows(documents)) + 1)
		} else {
			row["id"] = tx.Next(def.Name, "id", 0)
		}
		key, err := tx.Insert(def.Name, row)
		if err == nil {
			made = tx.Get(def.Name, key)
		}
		return err
	})
	return made, err
}

// taken refuses a unique value that another record has.
func taken(tx *dataset.Tx, def dataset.Def, row, self dataset.Row) error {
	unique := collections()[def.Name].unique
	value := dataset.Text(row[unique])
	if unique == "" || value == "" {
		return nil
	}
	for _, other := range tx.Rows(def.Name) {
		if strings.EqualFold(dataset.Text(other[unique]), value) && (self == nil || other["id"] != self["id"]) {
			return &conflict{fmt.Sprintf("%s %s exists already as %s", unique, value, dataset.Text(other["id"]))}
		}
	}
	return nil
}

// update changes a record: PATCH the fields that are sent, PUT all of them.
func (s *System) update(x *traffic.Exchange) {
	def, before, ok := s.find(x)
	if !ok || !unchanged(x, def, before) {
		return
	}
	row, err := fields(x, def)
	if err == nil && x.Request.Method == http.MethodPut {
		for _, c := range def.Columns {
			if _, sent := row[c.Name]; !sent && c.Name != "id" && c.Name != def.Modified {
				row[c.Name] = nil
			}
		}
	}
	id, after := x.Request.PathValue("id"), before
	if err == nil {
		err = s.Data.Change(func(tx *dataset.Tx) error {
			if err := taken(tx, def, row, before); err != nil {
				return err
			}
			if err := tx.Update(def.Name, id, row); err != nil {
				return err
			}
			after = tx.Get(def.Name, id)
			return nil
		})
	}
	if err != nil {
		s.refused(x, err)
		return
	}
	x.Effect("update", def.Name, id, json.RawMessage(x.Body))
	tagged(x, http.StatusOK, encode(def, after))
}

// unchanged holds If-Match against the record; false: the call was refused.
func unchanged(x *traffic.Exchange, def dataset.Def, row dataset.Row) bool {
	if want := x.Request.Header.Get("If-Match"); want != "" && want != "*" && want != tagOf(encode(def, row)) {
		fail(x, http.StatusPreconditionFailed, "precondition_failed", "the record has changed since")
		return false
	}
	return true
}

func (s *System) remove(x *traffic.Exchange) {
	def, row, ok := s.find(x)
	if !ok || !unchanged(x, def, row) {
		return
	}
	id := x.Request.PathValue("id")
	if err := s.Data.Delete(def.Name, id); err != nil {
		s.refused(x, err)
		return
	}
	x.Effect("delete", def.Name, id, nil)
	x.WriteHeader(http.StatusNoContent)
}

// refused answers a write that was not done.
func (s *System) refused(x *traffic.Exchange, err error) {
	var wrong *invalid
	var twice *conflict
	var gone *dataset.MissingError
	switch {
	case errors.As(err, &wrong):
		x.JSON(http.StatusUnprocessableEntity, map[string]any{"errors": wrong.fields})
	case errors.As(err, &twice):
		fail(x, http.StatusConflict, "conflict", twice.message)
	case errors.As(err, &gone):
		fail(x, http.StatusNotFound, "not_found", "there is no such record")
	default:
		fail(x, http.StatusBadRequest, "bad_request", err.Error())
	}
}
