package change

import (
	"strconv"

	"koppel/engine/record"
)

// A Limit is a count or a share.
type Limit struct {
	Count   int64
	Share   float64 // 0.1 is 10 %
	IsShare bool
}

// String gives the limit as it is written: 25, 10%.
func (l Limit) String() string {
	if !l.IsShare {
		return strconv.FormatInt(l.Count, 10)
	}
	return strconv.FormatFloat(l.Share*100, 'g', 12, 64) + "%"
}

// Exceeded tells whether n is more than the limit allows of a whole.
func (l Limit) Exceeded(n, whole int64) bool {
	if !l.IsShare {
		return n > l.Count
	}
	// A share such as 0.29 of 100 is a little less than 29 in binary.
	return float64(n) > l.Share*float64(whole)*(1+1e-12)
}

// minGuarded is the least number of changes that trip a guard on a share.
const minGuarded = 5

// Guards bound the changes of one run of a pipeline; nil: no bound.
type Guards struct{ Creates, Updates, Deletes *Limit }

// A Tally counts what guards judge. Changes that were approved do not count;
// disables count as deletes; what is held already counts along, also when this
// run does not look at it.
type Tally struct {
	Creates, Updates, Deletes int64
	// Recent counts the deletes and disables of the last 24 hours, approved
	// ones apart.
	Recent int64
	// Of is what shares count against: the items delivered before the run
	// inside complete partitions; under scope = "target", the bounded rows of
	// the target.
	Of int64
}

// A Judgement is one guard as it was judged.
type Judgement struct {
	Op      record.Op
	Limit   Limit
	Count   int64 // changes that count
	Of      int64
	Tripped bool
}

// Judge judges the guards that are set, creates first, then updates, deletes.
func (g Guards) Judge(t Tally) []Judgement {
	var all []Judgement
	judge := func(op record.Op, l *Limit, now, recent int64) {
		if l == nil {
			return
		}
		n := now + recent
		tripped := now > 0 && l.Exceeded(n, t.Of) && !(l.IsShare && n < minGuarded)
		all = append(all, Judgement{Op: op, Limit: *l, Count: n, Of: t.Of, Tripped: tripped})
	}
	judge(record.Create, g.Creates, t.Creates, 0)
	judge(record.Update, g.Updates, t.Updates, 0)
	judge(record.Delete, g.Deletes, t.Deletes, t.Recent)
	return all
}

// ErrorsExceeded tells whether more of the records read failed before the sink
// than the limit allows; nothing is written then. nil: no bound.
func ErrorsExceeded(l *Limit, failed, read int64) bool {
	return l != nil && l.Exceeded(failed, read)
}
