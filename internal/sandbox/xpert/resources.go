package xpert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// The sizes of pages.
const (
	usualPage = 25
	maxPage   = 500
)

// list answers a page of a collection in the order of the ids:
// ?after=CURSOR&limit=N&modifiedSince=TIME, {"items":[…],"next":"…"}; next is
// null on the last page. A column in the query filters by it.
func (s *System) list(c *call) {
	q := c.Request.URL.Query()
	var since time.Time
	if text := q.Get("modifiedSince"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			fail(c.Exchange, http.StatusBadRequest, "modifiedSince is no date and time with a zone")
			return
		}
	}
	after, err := strconv.ParseInt(q.Get("after"), 10, 64)
	if err != nil && q.Has("after") {
		fail(c.Exchange, http.StatusBadRequest, "after is no cursor of this collection")
		return
	}
	rows := s.Data.Rows(c.def.Name)
	slices.SortFunc(rows, func(a, b dataset.Row) int { return dataset.Compare(a["id"], b["id"]) })
	rows = slices.DeleteFunc(rows, func(row dataset.Row) bool {
		changed, _ := row["modifiedAt"].(time.Time)
		id, _ := row["id"].(int64)
		return changed.Before(since) || q.Has("after") && id <= after || !fits(c.def, row, q)
	})
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 {
		limit = usualPage
	}
	limit = min(limit, maxPage, len(rows))
	items := make([]json.RawMessage, limit)
	for i, row := range rows[:limit] {
		items[i] = encode(c.def, row)
	}
	c.Call.Rows = limit
	var next any
	if limit < len(rows) {
		next = dataset.Text(rows[limit-1]["id"])
	}
	c.JSON(http.StatusOK, map[string]any{"items": items, "next": next})
}

// fits tells whether a row has the values that the query names by column.
func fits(def dataset.Def, row dataset.Row, q url.Values) bool {
	for _, column := range def.Columns {
		if q.Has(column.Name) && dataset.Text(row[column.Name]) != q.Get(column.Name) {
			return false
		}
	}
	return true
}

// one answers a single record.
func (s *System) one(c *call) {
	var row dataset.Row
	s.Data.View(func(tx *dataset.Tx) { row = tx.Get(c.def.Name, c.Request.PathValue("id")) })
	if row == nil {
		fail(c.Exchange, http.StatusNotFound, "there is no such record")
		return
	}
	c.Call.Rows = 1
	c.JSON(http.StatusOK, encode(c.def, row))
}

// errTaken: a user name or an employee number that stands elsewhere already.
var errTaken = errors.New("exists already")

// unique is the column of a collection in which a value stands once; empty: none.
func unique(collection string) string {
	return map[string]string{"accounts": "userName", "employees": "employeeNumber"}[collection]
}

func (s *System) create(c *call) {
	row, err := c.fields()
	if err == nil && unique(c.def.Name) != "" && dataset.Text(row[unique(c.def.Name)]) == "" {
		err = fmt.Errorf("%s is missing", unique(c.def.Name))
	}
	var made dataset.Row
	if err == nil {
		err = s.Data.Change(func(tx *dataset.Tx) error {
			row["id"] = tx.Next(c.def.Name, "id", 0)
			if err := taken(tx, c.def.Name, row, ""); err != nil {
				return err
			}
			key, err := tx.Insert(c.def.Name, row)
			made = tx.Get(c.def.Name, key)
			return err
		})
	}
	if c.refused(err) {
		return
	}
	id := dataset.Text(made["id"])
	c.Effect("insert", c.def.Name, id, c.effect())
	c.Header().Set("Location", Path+"/"+c.def.Name+"/"+id)
	c.JSON(http.StatusCreated, encode(c.def, made))
}

func (s *System) update(c *call) {
	row, err := c.fields()
	id := c.Request.PathValue("id")
	var now dataset.Row
	if err == nil {
		err = s.Data.Change(func(tx *dataset.Tx) error {
			if err := taken(tx, c.def.Name, row, id); err != nil {
				return err
			}
			err := tx.Update(c.def.Name, id, row)
			now = tx.Get(c.def.Name, id)
			return err
		})
	}
	if c.refused(err) {
		return
	}
	c.Effect("update", c.def.Name, id, c.effect())
	c.JSON(http.StatusOK, encode(c.def, now))
}

func (s *System) remove(c *call) {
	id := c.Request.PathValue("id")
	if c.refused(s.Data.Delete(c.def.Name, id)) {
		return
	}
	c.Effect("delete", c.def.Name, id, map[string]string{"by": c.session.who()})
	c.WriteHeader(http.StatusNoContent)
}

// effect is what was sent, and whose action it counts as.
func (c *call) effect() map[string]any {
	return map[string]any{"by": c.session.who(), "sent": json.RawMessage(c.Body)}
}

// taken refuses a value that another record has.
func taken(tx *dataset.Tx, collection string, row dataset.Row, self string) error {
	column := unique(collection)
	value := dataset.Text(row[column])
	for _, other := range tx.Rows(collection) {
		if value != "" && strings.EqualFold(dataset.Text(other[column]), value) && dataset.Text(other["id"]) != self {
			return fmt.Errorf("%s %s %w, with id %s", column, value, errTaken, dataset.Text(other["id"]))
		}
	}
	return nil
}

// fields reads the body of a write.
func (c *call) fields() (dataset.Row, error) {
	d := json.NewDecoder(bytes.NewReader(c.Body))
	d.UseNumber()
	var row dataset.Row
	if err := d.Decode(&row); err != nil || row == nil {
		return nil, errors.New("the body is no JSON object")
	}
	for _, name := range []string{"id", "modifiedAt", "authorisations"} {
		if _, sent := row[name]; sent {
			return nil, fmt.Errorf("%s can't be set", name)
		}
	}
	return row, nil
}

// refused answers a write that was not done; false: it was.
func (c *call) refused(err error) bool {
	var missing *dataset.MissingError
	switch {
	case err == nil:
		return false
	case errors.As(err, &missing):
		fail(c.Exchange, http.StatusNotFound, "there is no such record")
	case errors.Is(err, errTaken):
		fail(c.Exchange, http.StatusConflict, err.Error())
	default:
		fail(c.Exchange, http.StatusUnprocessableEntity, err.Error())
	}
	return true
}

// encode writes a record, its members in the order of the columns. Who may do
// what is not shown.
func encode(def dataset.Def, row dataset.Row) json.RawMessage {
	var buf bytes.Buffer
	for _, column := range def.Columns {
		if column.Name == "authorisations" {
			continue
		}
		v := row[column.Name]
		if t, ok := v.(time.Time); ok {
			v = t.Format("2006-01-02T15:04:05.000Z")
		}
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte("null")
		}
		fmt.Fprintf(&buf, ",%q:%s", column.Name, text)
	}
	return append(append([]byte{'{'}, bytes.TrimPrefix(buf.Bytes(), []byte{','})...), '}')
}
