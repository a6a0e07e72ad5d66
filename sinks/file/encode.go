package file

import (
	"errors"
	"fmt"
	"slices"

	"koppel/engine/record"
)

// An encoder writes a set of records in one format. All methods append to dst.
type encoder interface {
	start(dst []byte) []byte
	record(dst, body []byte, n int) ([]byte, error) // n records stand before it
	end(dst []byte, n int) []byte                   // n records were written
	// ordered is the encoder for records whose members are those of the shape, in
	// its order. The two take turns as they like.
	ordered() encoder
}

func newEncoder(format string, shape record.Shape, keepFormulas bool) (encoder, error) {
	l := newLayout(shape)
	switch format {
	case "jsonl":
		return jsonLines{l}, nil
	case "json":
		return jsonArray{l}, nil
	case "csv":
		if shape.Open || len(l.fields) == 0 {
			return nil, errors.New("a csv file needs fields that are known")
		}
		return &table{layout: l, keep: keepFormulas}, nil
	case "xlsx":
		return newSheet(l, shape)
	}
	return nil, fmt.Errorf("format %q is unknown", format)
}

// A layout puts the members of mapped records in the order of the mapping and
// leaves out those that are not sent.
type layout struct {
	fields []field
	hidden []string
	open   bool // members beyond the fields follow them, sorted by name
	asIs   bool // records are written as they are
	scan   *record.Scanner
}

type field struct {
	name  string
	typ   string // as declared
	label []byte // `"name":`
	slot  int
}

func newLayout(shape record.Shape) *layout {
	l := &layout{open: shape.Open || len(shape.Fields) == 0}
	tree := record.NewTree()
	for _, f := range shape.Fields {
		if !f.Send {
			l.hidden = append(l.hidden, f.Name)
			continue
		}
		label := append(record.AppendString(nil, f.Name), ':')
		l.fields = append(l.fields, field{f.Name, f.Type, label, tree.Want(f.Name)})
	}
	sorted := slices.IsSortedFunc(l.fields, func(a, b field) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	l.asIs = sorted && len(l.hidden) == 0 && (!l.open || len(l.fields) == 0)
	l.scan = record.NewScanner(tree, record.Limits{})
	return l
}

// ordered is the layout of records whose members are those of the shape, in its
// order.
func (l *layout) ordered() *layout {
	o := *l
	o.asIs = l.asIs || len(l.hidden) == 0 && !l.open
	return &o
}

// object appends a mapped record; null for none.
func (l *layout) object(dst, body []byte) ([]byte, error) {
	if body == nil {
		return append(dst, "null"...), nil
	}
	if l.asIs {
		return append(dst, body...), nil
	}
	if err := l.scan.Scan(body); err != nil {
		return dst, fmt.Errorf("lay out a record: %w", err)
	}
	dst = append(dst, '{')
	from := len(dst)
	for i := range l.fields {
		f := &l.fields[i]
		if raw := l.scan.Slot(f.slot); raw != nil {
			dst = append(append(append(dst, f.label...), raw...), ',')
		}
	}
	if l.open {
		dst = l.others(dst, body)
	}
	if len(dst) > from {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}'), nil
}

// others appends the members that are no fields, each with a comma behind it.
func (l *layout) others(dst, body []byte) []byte {
	record.Members(body, func(name string, raw []byte) bool {
		if !slices.Contains(l.hidden, name) && !slices.ContainsFunc(l.fields, func(f field) bool { return f.name == name }) {
			dst = append(record.AppendString(dst, name), ':')
			dst = append(append(dst, raw...), ',')
		}
		return true
	})
	return dst
}

// jsonLines writes one object a line.
type jsonLines struct{ *layout }

func (jsonLines) start(dst []byte) []byte { return dst }

func (e jsonLines) record(dst, body []byte, _ int) ([]byte, error) {
	dst, err := e.object(dst, body)
	return append(dst, '\n'), err
}

func (e jsonLines) ordered() encoder { return jsonLines{e.layout.ordered()} }

func (jsonLines) end(dst []byte, _ int) []byte { return dst }

// jsonArray writes an array with one object a line.
type jsonArray struct{ *layout }

func (jsonArray) start(dst []byte) []byte { return append(dst, '[') }

func (e jsonArray) record(dst, body []byte, n int) ([]byte, error) {
	if n > 0 {
		dst = append(dst, ',')
	}
	return e.object(append(dst, '\n'), body)
}

func (e jsonArray) ordered() encoder { return jsonArray{e.layout.ordered()} }

func (jsonArray) end(dst []byte, n int) []byte {
	if n > 0 {
		dst = append(dst, '\n')
	}
	return append(dst, ']', '\n')
}
