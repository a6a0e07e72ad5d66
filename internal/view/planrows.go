package view

import (
	"fmt"
	"slices"
	"strings"

	"koppel/engine"
	"koppel/engine/plan"
	"koppel/engine/record"
)

const (
	// examplesPerKind is how many changes of one kind a long plan shows.
	examplesPerKind = 3
	// collectPerKind is how many are looked at to find out whether it is long.
	collectPerKind = 40
	// maxFields is how many fields of one change a plan shows.
	maxFields = 12
)

// A group is the changes of one kind.
type group struct {
	mark  byte
	word  string // to create
	rows  []row
	total int64
}

// A row is one change as it is shown.
type row struct {
	mark      byte
	key, name string
	remark    string // cause, protected, held
	fields    []fieldRow
	more      int // fields that are not shown
}

// A fieldRow is one field of a change.
type fieldRow struct {
	mark       byte
	name, text string
}

// newGroups are the kinds of changes in the order in which they are shown.
func newGroups() []group {
	return []group{
		{mark: '+', word: "to create"}, {mark: '~', word: "to update"}, {mark: '-', word: "to delete"},
		{mark: 'x', word: "to disable"}, {mark: '!', word: "protected"},
	}
}

// mark tells in which group an entry is shown; 0: in none.
func markOf(e *plan.Entry) byte {
	if op, _ := change(e); op != 0 {
		return op
	}
	if e.Open == protectedReason {
		return '!'
	}
	return 0
}

// examples collects the first changes of every kind, and counts them all.
func (v *planView) examples() (groups []group, total int64, err error) {
	groups = newGroups()
	err = v.data.Entries(v.p.Address, func(e *plan.Entry) error {
		for i := range groups {
			g := &groups[i]
			if g.mark != markOf(e) {
				continue
			}
			g.total++
			total++
			if len(g.rows) < collectPerKind {
				g.rows = append(g.rows, v.row(e))
			}
		}
		return nil
	})
	return slices.DeleteFunc(groups, func(g group) bool { return g.total == 0 }), total, err
}

// cut leaves the first n rows.
func (g *group) cut(n int) { g.rows = g.rows[:min(n, len(g.rows))] }

// lines is how many lines groups take.
func lines(groups []group) int {
	n := 0
	for _, g := range groups {
		for _, r := range g.rows {
			n += 1 + len(r.fields)
		}
	}
	return n
}

// row makes what is shown of an entry.
func (v *planView) row(e *plan.Entry) row {
	r := row{mark: markOf(e), key: showKey(engine.ShowKey(e.Key))}
	field, name := v.face.of(e)
	if name != r.key {
		r.name = name
	}
	op, held := change(e)
	switch record.Op(op) {
	case record.Create:
		v.created(&r, e, field)
	case record.Update, record.Disable:
		v.updated(&r, e)
	}
	r.remark = remarkOf(e, held)
	if n := len(r.fields); n > maxFields && !v.style.All {
		r.fields, r.more = r.fields[:maxFields], n-maxFields
	}
	return r
}

// remarkOf says why a change is made where that does not go without saying,
// and what stands against it.
func remarkOf(e *plan.Entry, held bool) string {
	text := ""
	if e.Cause != record.CauseNew && e.Cause != record.CauseSource {
		text = string(e.Cause)
	}
	switch {
	case e.Open == protectedReason:
		text = "protected, stays"
	case held && text == "":
		text = "held"
	case held:
		text += ", held"
	case e.Approved && text == "":
		text = "approved"
	case e.Approved:
		text += ", approved"
	}
	return Clean(text)
}

// created lists the fields of a new record, but for those that its head shows.
func (v *planView) created(r *row, e *plan.Entry, named string) {
	for _, name := range v.fieldNames(e.After) {
		raw := record.Member(e.After, name)
		if k := record.KindOf(raw); k == record.Null || k == record.Absent || v.unsent(name) {
			continue
		}
		if plain, _ := record.Text(raw); name == named && (!v.style.All || Clean(plain) == r.name) {
			continue
		}
		text := v.value(raw, "")
		if v.sensitive(name) {
			text = Masked
		} else if plain, ok := record.Text(raw); ok && plain == r.key {
			continue
		}
		r.fields = append(r.fields, fieldRow{mark: '+', name: Clean(name), text: text})
	}
}

// updated lists the fields that change, before and after.
func (v *planView) updated(r *row, e *plan.Entry) {
	for _, name := range e.Fields {
		before, after := record.Member(e.Before, name), record.Member(e.After, name)
		from, to := v.value(before, "(none)"), v.value(after, "(cleared)")
		if v.sensitive(name) {
			from, to = maskedUnlessNull(before, from), maskedUnlessNull(after, to)
		}
		r.fields = append(r.fields, fieldRow{mark: '~', name: Clean(name), text: from + " → " + to})
	}
}

// value shows the raw JSON of a field: whole where every change is shown, a text
// of several lines below its name.
func (v *planView) value(raw []byte, null string) string {
	const indent = "\n            "
	text, isText := record.Text(raw)
	switch {
	case !v.style.All || record.KindOf(raw) == record.Absent || record.KindOf(raw) == record.Null:
		return showValue(raw, null)
	case isText && strings.ContainsRune(text, '\n'):
		return indent + strings.ReplaceAll(CleanLines(strings.TrimRight(text, "\n")), "\n", indent)
	case isText:
		return `"` + strings.ReplaceAll(Clean(text), `"`, `\"`) + `"`
	}
	return Clean(string(raw))
}

// maskedUnlessNull hides a value, but not that there is none.
func maskedUnlessNull(raw []byte, shown string) string {
	if k := record.KindOf(raw); k == record.Null || k == record.Absent {
		return shown
	}
	return Masked
}

// unsent tells whether a field is not delivered.
func (v *planView) unsent(name string) bool {
	return slices.ContainsFunc(v.p.Fields, func(f record.Field) bool { return f.Name == name && !f.Send })
}

// fieldNames gives the fields of a record in the order of the mapping, and then
// what else it has.
func (v *planView) fieldNames(body []byte) []string { return fieldNames(v.p, body) }

func fieldNames(p *plan.Pipeline, body []byte) []string {
	var names []string
	known := map[string]bool{}
	for _, f := range p.Fields {
		known[f.Name] = true
		if record.Member(body, f.Name) != nil {
			names = append(names, f.Name)
		}
	}
	record.Members(body, func(name string, _ []byte) bool {
		if !known[name] {
			names = append(names, name)
		}
		return true
	})
	return names
}

// writeGroups shows rows in columns, and how many more there are.
func (v *planView) writeGroups(groups []group) {
	key, name := widths(groups)
	if len(groups) > 0 {
		v.WriteByte('\n')
	}
	for _, g := range groups {
		for i := range g.rows {
			v.writeRow(&g.rows[i], key, name)
		}
		if more := g.total - int64(len(g.rows)); more > 0 {
			text := fmt.Sprintf("… and %s more %s", Count(more), g.word)
			if !v.style.Quiet {
				text += " (--all shows them)"
			}
			v.WriteString("  " + v.paint.Dim(text) + "\n")
		}
	}
}

// widths are the columns that keys and names take.
func widths(groups []group) (key, name int) {
	for _, g := range groups {
		for _, r := range g.rows {
			key, name = max(key, columns(r.key)), max(name, columns(r.name))
		}
	}
	return min(key, 32), min(name, 40)
}

// writeRow shows one change and its fields.
func (v *planView) writeRow(r *row, key, name int) {
	v.WriteString("  " + v.marked(r.mark) + " ")
	switch {
	case r.remark != "" && name > 0:
		v.WriteString(pad(r.key, key) + "   " + pad(r.name, name) + "   " + v.paint.Dim(r.remark))
	case r.remark != "":
		v.WriteString(pad(r.key, key) + "   " + v.paint.Dim(r.remark))
	case r.name != "":
		v.WriteString(pad(r.key, key) + "   " + r.name)
	default:
		v.WriteString(r.key)
	}
	v.WriteByte('\n')
	width := 0
	for _, f := range r.fields {
		width = max(width, columns(f.name))
	}
	for _, f := range r.fields {
		v.WriteString("      " + v.marked(f.mark) + " " + pad(f.name, min(width, 32)) + "  " + f.text + "\n")
	}
	if r.more > 0 {
		v.WriteString("        " + v.paint.Dim(fmt.Sprintf("… and %s", plural(int64(r.more), "more field"))) + "\n")
	}
}

// marked is a mark in its colour.
func (v *planView) marked(mark byte) string {
	s := string(rune(mark))
	switch mark {
	case '+':
		return v.paint.Green(s)
	case '-', 'x':
		return v.paint.Red(s)
	}
	return v.paint.Yellow(s)
}

// writeAll shows every change, kind by kind, without holding them in memory.
func (v *planView) writeAll() error {
	first := true
	for _, g := range newGroups() {
		err := v.data.Entries(v.p.Address, func(e *plan.Entry) error {
			if markOf(e) != g.mark {
				return nil
			}
			if first {
				v.WriteByte('\n')
				first = false
			}
			r := v.row(e)
			v.writeRow(&r, max(columns(r.key), 8), max(columns(r.name), 24))
			return nil
		})
		if err != nil {
			return err
		}
	}
	v.WriteByte('\n')
	v.counts()
	v.remarks()
	return nil
}
