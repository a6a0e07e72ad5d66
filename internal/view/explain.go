package view

import (
	"fmt"
	"strings"

	"koppel/engine"
	"koppel/engine/record"
)

// Explanation shows one record on its way through every stage of a pipeline.
func (t *Teller) Explanation(x *engine.Explanation, locate Locate) {
	p := t.Style.painter()
	read := Count(x.Read) + " read · complete"
	if !x.Complete {
		read = Count(x.Read) + " read · " + p.Yellow("not complete")
	}
	t.line("%s   %s   %s", p.Bold(Clean(x.Name)+" "+showKey(x.Key)), Clean(x.Title), read)
	for _, why := range x.Incomplete {
		t.line("  %s %s", p.Yellow("not complete:"), Clean(why))
	}
	if len(x.Records) == 0 {
		t.line("\n  1 source   %s", p.Yellow("no such record in what was read"))
	}
	for i := range x.Records {
		t.record(&x.Records[i], locate)
	}
	for i := range x.Keys {
		t.key(&x.Keys[i])
	}
	writeProblems(t, x.Problems, 0, t.Style)
}

// record shows the stages of one source record.
func (t *Teller) record(r *engine.RecordTrace, locate Locate) {
	p := t.Style.painter()
	head := "record " + showKey(r.Key)
	if r.Part != "" {
		head += " of " + Clean(r.Part)
	}
	t.line("\n  %s", p.Bold(head))
	switch {
	case r.Record == nil:
		t.line("    source   %s", p.Yellow(strings.ReplaceAll(r.Fate, "_", " ")))
	default:
		t.members("    source   ", r.Record)
	}
	if r.Record != nil && r.Fate == "out_of_window" {
		t.line("    window   %s", p.Yellow("outside of the source's window"))
	}
	t.joins(r.Joins)
	if r.Fate == "filtered" && len(r.Items) == 0 && (len(r.Joins) == 0 || r.Joins[len(r.Joins)-1].Result != "dropped") {
		t.line("    each     %s", p.Yellow("gives no item"))
	}
	for i := range r.Items {
		t.item(&r.Items[i], len(r.Items) > 1 || r.Items[i].Item != nil, locate)
	}
	if r.Note != "" && (r.Fate == "failed" || r.Fate == "waiting") {
		t.line("    %s   %s", p.Red(pad(r.Fate, 6)), Shorten(Clean(r.Note), maxMessage))
	}
}

// members shows a record field by field, the first one behind a title.
func (t *Teller) members(title string, body []byte) {
	wide := 0
	record.Members(body, func(name string, _ []byte) bool {
		wide = max(wide, columns(Clean(name)))
		return true
	})
	n := 0
	record.Members(body, func(name string, raw []byte) bool {
		if n++; n > 2*maxFields && !t.Style.All {
			t.line("%s… (--all shows all fields)", strings.Repeat(" ", columns(title)))
			return false
		}
		t.line("%s%s  %s", title, pad(Clean(name), min(wide, 30)), showValue(raw, "null"))
		title = strings.Repeat(" ", columns(title))
		return true
	})
	if n == 0 {
		t.line("%s%s", title, showValue(body, "null"))
	}
}

func (t *Teller) joins(all []engine.JoinTrace) {
	for _, j := range all {
		stage, verb := "join  ", "looked for "
		if j.Lookup {
			stage, verb = "lookup", "asked "
		}
		text := verb + "nothing: null and empty match nothing"
		if len(j.Keys) > 0 {
			text = verb + Shorten(Clean(strings.Join(j.Keys, ", ")), maxValue)
		}
		var found []string
		for i, f := range j.Found {
			if i == 3 {
				found = append(found, "…")
				break
			}
			if j.Lookup {
				found = append(found, Shorten(Clean(string(f.Record)), maxValue))
				break
			}
			found = append(found, showKey(f.Key))
		}
		text += ", found " + Count(int64(len(j.Found)))
		if len(found) > 0 {
			text += ": " + strings.Join(found, ", ")
		}
		if j.Result != "joined" {
			text += "   " + t.Style.painter().Yellow(j.Result)
		}
		t.line("    %s   %s: %s", stage, Clean(j.Name), text)
		if j.Note != "" {
			t.line("             %s", Shorten(Clean(j.Note), maxMessage))
		}
	}
}

// item shows what one record, or one output of each, is mapped to.
func (t *Teller) item(it *engine.ItemTrace, titled bool, locate Locate) {
	p := t.Style.painter()
	if titled {
		t.line("    item     %s   %s", showKey(it.Key), Shorten(Clean(string(it.Item)), maxValue))
	}
	t.joins(it.Joins)
	wide := 0
	for _, s := range it.Steps {
		wide = max(wide, columns(Clean(s.Field)))
	}
	stage := ""
	for _, s := range it.Steps {
		title := stageOf(s.Field)
		if title == stage {
			title = ""
		} else {
			stage = title
		}
		text, _ := locate(s.Pos)
		value := showValue(s.Value, "null")
		if s.Error != "" {
			value = p.Red("error: " + Shorten(Clean(s.Error), 200))
		}
		if text != "" {
			value += "   " + p.Dim("← "+Shorten(strings.Join(strings.Fields(Clean(strings.ReplaceAll(text, "\n", " "))), " "), 70))
		}
		name := pad(Clean(s.Field), min(wide, 30))
		if s.Field == stage {
			name = pad("", min(wide, 30))
		}
		t.line("    %s %s  %s", pad(title, 8), name, value)
	}
	if it.Fate == "filtered" {
		t.line("    %s", p.Yellow(it.Dropped+" drops it"))
	}
}

// stageOf is the stage that an expression belongs to.
func stageOf(field string) string {
	if field == "where" || field == "key" {
		return field
	}
	return "map"
}

// key shows what becomes of one key.
func (t *Teller) key(k *engine.KeyTrace) {
	p := t.Style.painter()
	what := "key " + showKey(k.Key)
	if k.OfRecord {
		what = "record " + showKey(k.Key) + " as a whole"
	}
	t.line("\n  %s   %s", p.Bold(what), t.outcome(k.Outcome))
	t.line("    %s", Shorten(Clean(k.Why), maxMessage))
	if n := k.Next; n != nil {
		t.change("    ", n.Op, nextHead(k), n.Changes)
		for _, g := range n.Guards {
			t.line("    %s %s", p.Yellow("Held by guard:"), guardText(g))
		}
	}
	if k.Status != "" {
		t.line("    so far: %s, after %s", k.Status, plural(int64(len(k.Events)), "change"))
	}
	for i := range k.Open {
		t.line("    %s %s", p.Yellow("open:"), t.openLine(&k.Open[i]))
	}
	from := max(0, len(k.Events)-5)
	if t.Style.All {
		from = 0
	}
	for i := from; i < len(k.Events); i++ {
		ev := &k.Events[i]
		t.line("    %s", p.Dim(fmt.Sprintf("%s   run %d   %s, %s", t.when(ev.At), ev.Run, ev.Op, Clean(string(ev.Cause)))))
	}
}

// nextHead says whether a change is made or only wanted.
func nextHead(k *engine.KeyTrace) string {
	if k.Outcome == k.Next.Op.String() {
		return "the next run will " + k.Outcome + " it: " + Clean(string(k.Next.Cause))
	}
	return "would " + k.Next.Op.String() + ": " + Clean(string(k.Next.Cause))
}

// outcome paints what becomes of a key.
func (t *Teller) outcome(o string) string {
	p := t.Style.painter()
	text := strings.ReplaceAll(o, "_", " ")
	switch o {
	case "unchanged", "create", "update", "replace", "remember":
		return p.Green(text)
	case "failed", "refused", "delete", "disable", "in_doubt", "blocked":
		return p.Red(text)
	}
	return p.Yellow(text)
}

// RunExplanation shows what one run did to one record.
func (t *Teller) RunExplanation(x *engine.RunExplanation) {
	p := t.Style.painter()
	t.line("%s   run %d, %s   %s   %s", p.Bold(Clean(x.Name)+" "+showKey(x.Key)), x.Run, Clean(x.Kind), t.when(x.Started), statusText(x.Status, p))
	t.line("  %s", Clean(x.Why))
	for i := range x.Events {
		ev := &x.Events[i]
		if op := opOf(ev.Op); op != 0 {
			t.change("  ", op, eventHead(ev, ev.Op+"d"), ev.Changes)
		}
	}
	writeProblems(t, x.Reported, 0, t.Style)
	t.open(x.Open)
}
