package soap

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// The sizes of pages of ListPersons.
const (
	usualPage = 10
	maxPage   = 500
)

// operate runs the operation that the body names.
func (s *System) operate(c *call) (string, error) {
	operations := map[string]func(*call) (string, error){
		"ListPersons": s.list, "GetPerson": s.get, "SavePerson": s.save, "RemovePerson": s.remove,
	}
	do, ok := operations[c.body.XMLName.Local]
	if !ok || c.body.XMLName.Space != service {
		return "", &fault{http.StatusInternalServerError, "Client", "operation " + c.body.XMLName.Local + " does not exist", ""}
	}
	return do(c)
}

// list gives one page of the persons: page from 1, size, changedSince,
// department.
func (s *System) list(c *call) (string, error) {
	page, size := number(c.body.value("page"), 1), min(number(c.body.value("size"), usualPage), maxPage)
	var since time.Time
	if text := c.body.value("changedSince"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return "", &fault{http.StatusInternalServerError, "Client", "changedSince is no date and time with a zone", "invalid"}
		}
	}
	rows := slices.DeleteFunc(s.Data.Rows("persons"), func(row dataset.Row) bool {
		department := c.body.value("department")
		return row["changed"].(time.Time).Before(since) || department != "" && row["department"] != department
	})
	slices.SortFunc(rows, func(a, b dataset.Row) int { return dataset.Compare(a["id"], b["id"]) })
	total := len(rows)
	from := min((page-1)*size, total)
	rows = rows[from:min(from+size, total)]
	c.Call.Rows = len(rows)
	w := dress(c)
	w.open("ListPersonsResponse")
	for _, row := range rows {
		w.person(row)
	}
	w.leaf("total", strconv.Itoa(total))
	if from+size < total {
		w.leaf("nextPage", strconv.Itoa(page+1))
	} else {
		w.nothing("nextPage")
	}
	w.close("ListPersonsResponse")
	return w.b.String(), nil
}

func number(text string, usual int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return usual
}

func unknown(id string) error {
	return &fault{http.StatusInternalServerError, "Client", "person " + id + " is unknown", "personUnknown"}
}

func (s *System) get(c *call) (string, error) {
	id := c.body.value("id")
	var row dataset.Row
	s.Data.View(func(tx *dataset.Tx) { row = tx.Get("persons", id) })
	if row == nil {
		return "", unknown(id)
	}
	c.Call.Rows = 1
	w := dress(c)
	w.open("GetPersonResponse")
	w.person(row)
	w.close("GetPersonResponse")
	return w.b.String(), nil
}

// save changes the person of an id; without one it makes another person each
// time.
func (s *System) save(c *call) (string, error) {
	p := c.body.child(service, "person")
	row := dataset.Row{}
	for _, name := range []string{"reference", "first", "prefix", "last", "email", "department", "note", "active"} {
		if n := p.child(service, name); n.XMLName.Local != "" {
			row[name] = strings.TrimSpace(n.Text)
			if n.attr("nil") == "true" {
				row[name] = nil
			}
		}
	}
	id, op := c.body.value("id"), "update"
	err := s.Data.Change(func(tx *dataset.Tx) (err error) {
		if id != "" {
			return tx.Update("persons", id, row)
		}
		if dataset.Text(row["last"]) == "" {
			return &fault{http.StatusInternalServerError, "Client", "last is required", "invalid"}
		}
		op, row["id"] = "insert", tx.Next("persons", "id", 800)
		id, err = tx.Insert("persons", row)
		return err
	})
	if err != nil {
		return "", asFault(err, id)
	}
	delete(row, "id")
	c.Effect(op, "persons", id, row)
	w := dress(c)
	w.open("SavePersonResponse")
	w.leaf("id", id)
	w.close("SavePersonResponse")
	return w.b.String(), nil
}

func (s *System) remove(c *call) (string, error) {
	id := c.body.value("id")
	if err := s.Data.Delete("persons", id); err != nil {
		return "", asFault(err, id)
	}
	c.Effect("delete", "persons", id, nil)
	w := dress(c)
	w.open("RemovePersonResponse")
	w.close("RemovePersonResponse")
	return w.b.String(), nil
}

func asFault(err error, id string) error {
	switch err.(type) {
	case *fault:
		return err
	case *dataset.MissingError:
		return unknown(id)
	}
	return &fault{http.StatusInternalServerError, "Client", err.Error(), "invalid"}
}

// A writer writes elements of the service, with or without a prefix.
type writer struct {
	b      strings.Builder
	prefix string
	n      int
}

// dress chooses between a prefix and the default namespace.
func dress(c *call) *writer {
	w := &writer{n: c.Call.N}
	if c.Call.N%2 == 0 {
		w.prefix = "d:"
	}
	return w
}

func (w *writer) open(name string) {
	colon := strings.TrimSuffix(":"+w.prefix, ":")
	fmt.Fprintf(&w.b, `<%s%s xmlns%s="%s">`, w.prefix, name, colon, service)
}

func (w *writer) close(name string) { fmt.Fprintf(&w.b, "</%s%s>", w.prefix, name) }

// leaf writes an element with text, now and then as CDATA.
func (w *writer) leaf(name, text string) {
	if strings.ContainsAny(text, "<&") && w.n%3 == 0 {
		text = "<![CDATA[" + text + "]]>"
	} else {
		text = escape(text)
	}
	fmt.Fprintf(&w.b, "<%[1]s%[2]s>%[3]s</%[1]s%[2]s>", w.prefix, name, text)
}

func (w *writer) nothing(name string) {
	fmt.Fprintf(&w.b, `<%s%s xsi:nil="true"/>`, w.prefix, name)
}

// person writes a person: an attribute, a group, nil, empty and absent
// elements, and a list of none, one or two.
func (w *writer) person(row dataset.Row) {
	p := w.prefix
	fmt.Fprintf(&w.b, `<%sperson id="%s" changed="%s"><!-- test person --><%sname>`, p, dataset.Text(row["id"]),
		row["changed"].(time.Time).Format(time.RFC3339), p)
	w.leaf("first", dataset.Text(row["first"]))
	w.leaf("prefix", dataset.Text(row["prefix"]))
	w.leaf("last", dataset.Text(row["last"]))
	fmt.Fprintf(&w.b, "</%sname>", p)
	if row["email"] == nil {
		w.nothing("email")
	} else {
		w.leaf("email", dataset.Text(row["email"]))
	}
	if row["note"] != nil {
		w.leaf("note", dataset.Text(row["note"]))
	}
	if row["reference"] != nil {
		w.leaf("reference", dataset.Text(row["reference"]))
	}
	fmt.Fprintf(&w.b, "<%sphones>", p)
	for _, phone := range phones(row["phones"]) {
		w.leaf("phone", phone)
	}
	fmt.Fprintf(&w.b, "</%sphones>", p)
	w.leaf("department", dataset.Text(row["department"]))
	w.leaf("active", dataset.Text(row["active"]))
	fmt.Fprintf(&w.b, "</%sperson>", p)
}

func phones(v any) []string {
	switch x := v.(type) {
	case []string:
		return x
	case []any:
		list := make([]string, len(x))
		for i, e := range x {
			list[i] = dataset.Text(e)
		}
		return list
	}
	return nil
}
