package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// judge says what becomes of a key, and why in one sentence.
func (x *explaining) judge(k record.Key, e *plan.Entry, h *History) (outcome, why string) {
	given, here := x.fates[k]
	switch {
	case x.w.whole():
		return x.judgeWhole(given, here)
	case e != nil && e.Op != 0:
		return e.Op.String(), x.whyOp(e)
	case e != nil && e.Open != "":
		return reasonCode(state.Reason(e.Open)), x.whyOpen(state.Reason(e.Open), e.Note, e.Due, e.Code)
	case x.out.Blocked != "" && e != nil:
		return "blocked", x.out.Blocked
	case len(h.Open) > 0 && (e == nil || !e.Clear):
		o := &h.Open[0]
		return reasonCode(o.Reason), x.whyOpen(o.Reason, o.Note, o.Due, o.Code)
	case e != nil && e.Drop:
		return "forget", "nothing of it is left, neither at the source nor at the target"
	case here && given == fateFiltered || !here && h.Status == "filtered" && len(x.out.Records) > 0:
		return "filtered", x.whyFiltered()
	case here && given == fateMapped && x.collides(k):
		return "failed", "several records give this key, so that none of them is used; what was delivered stays as it is"
	case here && given == fateMapped && e != nil && (e.Item || e.Touch):
		return "remember", "the target holds it already; the run only remembers it"
	case here && given == fateMapped:
		return "unchanged", "the record is as it was delivered"
	case here:
		return reasonCode(state.Reason(fateName(given))), x.whyFate(given)
	}
	return x.judgeAbsent(h)
}

// collides tells whether a key is claimed by several records.
func (x *explaining) collides(k record.Key) bool {
	return slices.ContainsFunc(x.from[k], func(ref state.SourceRef) bool { return x.collided[ref] })
}

// judgeAbsent is for a key that no record gives and nothing is planned for.
func (x *explaining) judgeAbsent(h *History) (outcome, why string) {
	if len(x.out.Records) > 0 {
		for _, r := range x.out.Records {
			switch r.Fate {
			case "failed", "waiting":
				return r.Fate, "its source record " + r.Key + " " + fateWords(r.Fate) + ": " + r.Note + "; what was delivered stays as it is"
			case "gone":
				return "absent", "the source says that record " + r.Key + " is gone"
			}
		}
		for _, collided := range x.collided {
			if collided {
				return "failed", "its source record gives a key that others give too; what was delivered stays as it is"
			}
		}
		if keys := x.otherKeys(); len(keys) > 0 {
			return "other_key", "its source record gives another key now: " + strings.Join(keys, ", ")
		}
		return "filtered", x.whyFiltered()
	}
	switch {
	case h.Status == "kept":
		return "absent", "it is gone at the source, and the row was left at the target (deletes = keep)"
	case h.Status == "out of window":
		return "absent", "it left its window, and nobody looks after its row any more"
	case h.Status == "":
		return "absent", "the source has no such record, and nothing of it is left here but its history"
	case len(x.out.Incomplete) > 0:
		return "unproven", "it is not in what was read, but the read was not complete (" + x.out.Incomplete[0] + "), so it is not known to be gone"
	case x.w.tally.noDeletes != "":
		return "unproven", "it is not in what was read, but this run deletes nothing: " + x.w.tally.noDeletes
	}
	return "unproven", "it is not in what was read, and the read proves no absence"
}

// otherKeys lists the keys that the records give now.
func (x *explaining) otherKeys() []string {
	var keys []string
	for _, r := range x.out.Records {
		for _, it := range r.Items {
			if it.Key != "" {
				keys = append(keys, it.Key)
			}
		}
	}
	return keys
}

func (x *explaining) judgeWhole(given fate, here bool) (outcome, why string) {
	switch {
	case here && given == fateMapped:
		return "replace", "the file is written as a whole, with this record in it"
	case here:
		return reasonCode(state.Reason(fateName(given))), x.whyFate(given)
	}
	return "absent", "no record gives this key, and the file is written without it"
}

// whyOp is for a change that the next run makes.
func (x *explaining) whyOp(e *plan.Entry) string {
	why := string(e.Cause)
	if e.Approved {
		why += "; it was held, and someone approved it"
	}
	return why
}

// whyOpen says why a key is open.
func (x *explaining) whyOpen(reason state.Reason, note string, due time.Time, code string) string {
	words := func(text string) string {
		if note == "" {
			return text
		}
		return text + ": " + note
	}
	switch reason {
	case state.Held:
		return words("a guard holds it until someone approves or rejects it")
	case state.Refused:
		return words("the target refused it") + retryAt(due)
	case state.InDoubt:
		return words("the answer of the target was lost, and it is never sent again blindly")
	case state.Grace:
		return "it is gone, and is deleted after the grace, from " + due.UTC().Format(time.RFC3339) + " on, if it is still gone then"
	case state.Protected:
		return "the row at the target is protected, so it stays"
	case state.Rejected, state.Dismissed, state.Undone:
		return words("it was set aside by a person and stays so while exactly this is wanted")
	case state.Waiting:
		return words("it waits")
	case state.Failed:
		if code != "" {
			return words("the record failed (" + code + ")")
		}
	}
	return words("the record " + string(reason))
}

func retryAt(due time.Time) string {
	if due.IsZero() {
		return "; tried again by every run"
	}
	return "; scheduled runs try again from " + due.UTC().Format(time.RFC3339) + " on, runs by hand at once"
}

// whyFiltered names what dropped the record.
func (x *explaining) whyFiltered() string {
	for _, r := range x.out.Records {
		for _, j := range r.Joins {
			if j.Result == "dropped" {
				return fmt.Sprintf("join %q found no match, and none = \"skip\"", j.Name)
			}
		}
		for _, it := range r.Items {
			if strings.HasPrefix(it.Dropped, "join ") {
				return it.Dropped + " found no match, and none = \"skip\""
			}
		}
		if len(r.Items) == 0 && x.w.p.Program.HasEach() {
			return "each gives no item"
		}
	}
	return "where is not true for it"
}

// whyFate says why a record goes no further.
func (x *explaining) whyFate(f fate) string {
	for _, r := range x.out.Records {
		if r.Fate == fateName(f) && r.Note != "" {
			return "its source record " + fateWords(r.Fate) + ": " + r.Note
		}
	}
	switch f {
	case fateFiltered:
		return x.whyFiltered()
	case fateGone:
		return "the source says that it is gone"
	case fateExpired, fateAhead:
		return "it is outside of the window of the source"
	}
	return "its source record " + fateWords(fateName(f))
}

func fateWords(f string) string {
	switch f {
	case "failed":
		return "failed"
	case "waiting":
		return "waits"
	}
	return "is " + f
}

// reasonCode writes a reason as one word.
func reasonCode(r state.Reason) string {
	if r == "gone" || r == "out_of_window" {
		return "absent"
	}
	return strings.ReplaceAll(string(r), " ", "_")
}
