package afas

import (
	"maps"
	"net/http"
	"strings"

	"koppel/internal/sandbox/dataset"
)

// A writing is one element on its way into a table.
type writing struct {
	s      *System
	tx     *dataset.Tx
	o      *object
	action string // insert, update or delete
	values map[string]any
	parent *writing // nil: at the top
	row    dataset.Row
	key    string
	number int64          // of a new person within Profit
	nested map[string]int // elements below, by object
}

// An effect is what a write did, for the record of the call.
type effect struct {
	op, what, key string
	values        map[string]any
}

// results collects what a write has to tell.
type results struct {
	answers map[string]map[string]string
	effects []effect
}

// updater finds the object of a call; false: the call was refused.
func (s *System) updater(c *call) (*object, bool) {
	o := s.objects[c.Request.PathValue("connector")]
	switch {
	case o == nil || o.unlisted:
		s.notListed(c, "UpdateConnector")
	case !strings.Contains(o.verbs, c.Request.Method):
		s.fail(c.Exchange, generalProblem("Action %s is not supported by this UpdateConnector.",
			"Actie %s wordt niet ondersteund door deze UpdateConnector.", c.Request.Method))
	default:
		return o, true
	}
	return nil, false
}

// update answers a POST or a PUT: all elements are written, or none is.
func (s *System) update(c *call) {
	o, ok := s.updater(c)
	if !ok {
		return
	}
	body, err := parseBody(c.Body)
	if err != nil {
		s.fail(c.Exchange, err)
		return
	}
	action := map[string]string{"POST": "insert", "PUT": "update"}[c.Request.Method]
	if sub := c.Request.PathValue("sub"); sub != "" { // the main record is updated, the one below inserted
		action = "update"
		if o.sub(sub) == nil {
			s.notListed(c, "UpdateConnector")
			return
		}
		for i := range body.elements {
			for k := range body.elements[i].subs {
				for n := range body.elements[i].subs[k].elements {
					body.elements[i].subs[k].elements[n].action = "insert"
				}
			}
		}
	}
	if body.root != o.root {
		s.fail(c.Exchange, generalProblem("Object '%s' is unknown in this UpdateConnector.", "Object '%s' is onbekend in deze UpdateConnector.", body.root))
		return
	}
	s.commit(c, func(tx *dataset.Tx, res *results) error { return s.elements(tx, o, body.elements, action, nil, res) })
}

// remove answers a DELETE of /connectors/{UC}/{Object}/@{Key}/{value}.
func (s *System) remove(c *call) {
	o, ok := s.updater(c)
	if !ok {
		return
	}
	object, key := c.Request.PathValue("object"), c.Request.PathValue("key")
	names := strings.Split(key, ",")
	parts := strings.Split(c.Request.PathValue("value"), ",")
	if object != o.root || !strings.HasPrefix(key, "@") || len(names) != len(parts) {
		s.fail(c.Exchange, generalProblem("The object or its key is unknown in this UpdateConnector.",
			"Het object of de sleutel is onbekend in deze UpdateConnector."))
		return
	}
	e := element{values: map[string]any{}}
	for i, name := range names {
		e.values[strings.TrimPrefix(name, "@")] = parts[i]
	}
	s.commit(c, func(tx *dataset.Tx, res *results) error { return s.elements(tx, o, []element{e}, "delete", nil, res) })
}

// commit runs a write in one transaction and answers it.
func (s *System) commit(c *call, write func(*dataset.Tx, *results) error) {
	res := &results{answers: map[string]map[string]string{}}
	if err := s.Data.Change(func(tx *dataset.Tx) error { return write(tx, res) }); err != nil {
		s.fail(c.Exchange, err)
		return
	}
	for _, e := range res.effects {
		c.Effect(e.op, e.what, e.key, e.values)
	}
	status := http.StatusCreated
	if c.Request.Method == http.MethodDelete {
		status = http.StatusOK
	}
	if len(res.answers) == 0 || status == http.StatusOK {
		c.WriteHeader(status)
		return
	}
	c.JSON(status, map[string]any{"results": res.answers})
}

// elements writes records of one object, and what stands below them.
func (s *System) elements(tx *dataset.Tx, o *object, list []element, action string, parent *writing, res *results) error {
	if len(list) == 0 {
		return errJSON
	}
	for _, e := range list {
		w := &writing{s: s, tx: tx, o: o, action: action, values: maps.Clone(e.values), parent: parent, nested: map[string]int{}}
		if e.action != "" {
			if w.action = strings.ToLower(e.action); w.action != "insert" && w.action != "update" && w.action != "delete" {
				return generalProblem("Action '%s' is unknown.", "Actie '%s' is onbekend.", e.action)
			}
		}
		for _, n := range e.subs {
			w.nested[n.root] += len(n.elements)
		}
		if err := s.element(w, e, res); err != nil {
			return err
		}
	}
	return nil
}

func (s *System) element(w *writing, e element, res *results) error {
	late := e.subs
	if w.o.id == "KnEmployee" && w.action == "insert" { // the person is what the employee refers to
		for _, n := range e.subs {
			if err := s.below(w, n, res); err != nil {
				return err
			}
		}
		late = nil
	}
	if err := w.write(); err != nil {
		return err
	}
	res.effects = append(res.effects, effect{w.action, w.o.id, w.key, e.values})
	if len(w.o.answers) > 0 && w.action != "delete" {
		answer := map[string]string{}
		for _, name := range w.o.answers {
			answer[name] = dataset.Text(w.row[name])
		}
		res.answers[w.o.root] = answer
	}
	for _, n := range late {
		if err := s.below(w, n, res); err != nil {
			return err
		}
	}
	return nil
}

func (s *System) below(w *writing, n named, res *results) error {
	sub := w.o.sub(n.root)
	if sub == nil {
		return generalProblem("Object '%s' is unknown in this UpdateConnector.", "Object '%s' is onbekend in deze UpdateConnector.", n.root)
	}
	return s.elements(w.tx, sub, n.elements, w.action, w, res)
}
