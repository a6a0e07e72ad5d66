package change

import (
	"cmp"
	"slices"

	"koppel/engine/record"
)

// changed names the fields in which the desired record differs from what was
// delivered, sorted by name.
func (d *Decider) changed(item *Item, want *Want) ([]string, error) {
	if item.Status == Unsure {
		return membersOf(item.Body, want.Body), nil
	}
	known := item.Mapped != record.Hash{} && item.Status != Disabled
	if known && item.Mapped == want.Mapped {
		return nil, nil
	}
	return record.Differ(item.Body, want.Body, d.compare)
}

// membersOf names the members of two records, sorted by name.
func membersOf(a, b []byte) []string {
	var names []string
	for _, body := range [][]byte{a, b} {
		record.Members(body, func(name string, _ []byte) bool {
			names = append(names, name)
			return true
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// drifted names the fields that the pipeline looks after and in which a row of
// the target is not as it should be, in mapping order. Columns that the target
// does not have can't drift.
func (d *Decider) drifted(row, want []byte) ([]string, error) {
	names, err := record.Differ(row, want, d.compare)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		shown, written := record.Member(row, name), record.Member(want, name)
		return shown == nil || written == nil || d.rules.Same != nil && d.rules.Same(name, shown, written)
	})
	return d.sendable(names, want), nil
}

// sendable leaves of names, in mapping order, what an update sends.
func (d *Decider) sendable(names []string, after []byte) []string {
	var send []string
	for _, name := range names {
		if d.sends(name, after) {
			send = append(send, name)
		}
	}
	d.sort(send)
	return send
}

func (d *Decider) sends(name string, after []byte) bool {
	i, ruled := d.order[name]
	if !ruled {
		// A member that a disable wrote and no mapping gives stays.
		return d.rules.Open || record.Member(after, name) != nil
	}
	f := &d.rules.Fields[i]
	return f.Send && !f.CreateOnly && !(f.OnNull == KeepNull && isNull(after, name))
}

func isNull(body []byte, name string) bool {
	kind := record.KindOf(record.Member(body, name))
	return kind == record.Null || kind == record.Absent
}

// sort puts names in mapping order, those without a place there last, by name.
func (d *Decider) sort(names []string) {
	place := func(name string) int {
		if i, ok := d.order[name]; ok {
			return i
		}
		return len(d.order)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
	})
}

func (d *Decider) union(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	all := slices.Concat(a, b)
	d.sort(all)
	return slices.Compact(all)
}

// managed is the part of a row that the mapping gives; all of the row when that
// is not known.
func (d *Decider) managed(row, want []byte) []byte {
	if len(d.order) == 0 && want == nil {
		return row
	}
	var names []string
	record.Members(row, func(name string, _ []byte) bool {
		if _, ruled := d.order[name]; ruled || record.Member(want, name) != nil {
			names = append(names, name)
		}
		return true
	})
	return object(names, row)
}

// pick is the part of a row with these names; nil when there is none.
func (d *Decider) pick(row *Row, names []string) []byte {
	if row == nil || len(names) == 0 {
		return nil
	}
	return object(slices.Sorted(slices.Values(names)), row.Body)
}

// object makes an object of the members of body with these sorted names.
func object(names []string, body []byte) []byte {
	dst := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(record.AppendString(dst, name), ':')
		dst = append(dst, record.Member(body, name)...)
	}
	return append(dst, '}')
}

// overlay is body with the members of over in place of its own, sorted by name.
func overlay(body, over []byte) []byte {
	if over == nil {
		return body
	}
	values := map[string][]byte{}
	for _, b := range [][]byte{body, over} {
		record.Members(b, func(name string, raw []byte) bool {
			values[name] = raw
			return true
		})
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	dst := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(record.AppendString(dst, name), ':')
		dst = append(dst, values[name]...)
	}
	return append(dst, '}')
}
