package plan

import "koppel/engine/record"

// entry fills e, whose slices then lie in the cursor's bytes. It reports
// false when the bytes are not exactly one entry.
func (c *cursor) entry(e *Entry) bool {
	fields, upstream := e.Fields[:0], e.Upstream[:0]
	*e = Entry{Key: record.Key(c.text()), Op: record.Op(c.byte()), Cause: record.Cause(c.name())}
	has := c.uint32()
	if has >= hasUnknown {
		return false
	}
	e.Had, e.Item, e.HasSrc = has&hasHad != 0, has&hasItem != 0, has&hasHasSrc != 0
	e.Clear, e.Approved, e.Drop = has&hasClear != 0, has&hasApproved != 0, has&hasDrop != 0
	e.Touch, e.Stranger = has&hasTouch != 0, has&hasStranger != 0
	c.change(e, has, fields)
	c.item(e, has)
	c.open(e, has)
	if has&hasUpstream != 0 {
		if upstream == nil {
			upstream = []Expectation{}
		}
		for range c.count(2 + len(record.Hash{})) {
			upstream = append(upstream, Expectation{Pipeline: c.name(), Key: record.Key(c.text()), Hash: c.hash()})
		}
		e.Upstream = upstream
	}
	return !c.bad && len(c.b) == 0
}

func (c *cursor) change(e *Entry, has uint32, fields []string) {
	if has&hasBefore != 0 {
		e.Before = c.bytes()
	}
	if has&hasAfter != 0 {
		e.After = c.bytes()
	}
	if has&hasFields != 0 {
		if fields == nil {
			fields = []string{}
		}
		for range c.count(1) {
			fields = append(fields, c.name())
		}
		e.Fields = fields
	}
	if has&hasRef != 0 {
		e.Ref = c.bytes()
	}
	if has&hasOrder != 0 {
		e.Order = c.uvarint()
	}
	if has&hasLane != 0 {
		e.Lane = c.text()
	}
	if has&hasPart != 0 {
		e.Part = c.name()
	}
	if has&hasSeq != 0 {
		e.Seq = c.uvarint()
	}
}

func (c *cursor) item(e *Entry, has uint32) {
	if has&hasExpect != 0 {
		e.Expect = c.hash()
	}
	if has&hasRaw != 0 {
		e.Raw = c.hash()
	}
	if has&hasMapped != 0 {
		e.Mapped = c.hash()
	}
	if has&hasStatus != 0 {
		e.Status = c.byte()
	}
	if has&hasSrcPart != 0 {
		e.SrcPart = c.name()
	}
	if has&hasSrcKey != 0 {
		e.SrcKey = record.Key(c.text())
	}
}

func (c *cursor) open(e *Entry, has uint32) {
	if has&hasOpen != 0 {
		e.Open = c.name()
	}
	if has&hasOpenOp != 0 {
		e.OpenOp = record.Op(c.byte())
	}
	if has&hasSince != 0 {
		e.Since = c.time()
	}
	if has&hasDue != 0 {
		e.Due = c.time()
	}
	if has&hasAttempts != 0 {
		e.Attempts = int(c.varint())
	}
	if has&hasNote != 0 {
		e.Note = c.text()
	}
	if has&hasCode != 0 {
		e.Code = c.name()
	}
	if has&hasField != 0 {
		e.Field = c.name()
	}
}
