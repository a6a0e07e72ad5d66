package plan

import (
	"encoding/binary"

	"koppel/engine/record"
)

// What an encoded entry has beyond key, operation and cause, and which of its
// switches are on.
const (
	hasHad = 1 << iota
	hasItem
	hasHasSrc
	hasClear
	hasApproved
	hasDrop
	hasBefore
	hasAfter
	hasFields
	hasRef
	hasOrder
	hasLane
	hasExpect
	hasRaw
	hasMapped
	hasStatus
	hasSrcPart
	hasSrcKey
	hasPart
	hasSeq
	hasOpen
	hasOpenOp
	hasSince
	hasDue
	hasAttempts
	hasNote
	hasCode
	hasField
	hasUpstream
	hasTouch
	hasStranger
	hasUnknown // this bit and those above it have no meaning yet
)

func appendEntry(dst []byte, e *Entry) []byte {
	has := presence(e)
	dst = appendText(dst, e.Key)
	dst = append(dst, byte(e.Op))
	dst = appendText(dst, e.Cause)
	dst = binary.LittleEndian.AppendUint32(dst, has)
	dst = appendChange(dst, e, has)
	dst = appendItem(dst, e, has)
	dst = appendOpen(dst, e, has)
	if has&hasUpstream != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(e.Upstream)))
		for i := range e.Upstream {
			u := &e.Upstream[i]
			dst = appendText(dst, u.Pipeline)
			dst = appendText(dst, u.Key)
			dst = append(dst, u.Hash[:]...)
		}
	}
	return dst
}

func presence(e *Entry) uint32 {
	var has uint32
	set := func(bit uint32, there bool) {
		if there {
			has |= bit
		}
	}
	set(hasHad, e.Had)
	set(hasItem, e.Item)
	set(hasHasSrc, e.HasSrc)
	set(hasClear, e.Clear)
	set(hasApproved, e.Approved)
	set(hasDrop, e.Drop)
	set(hasBefore, e.Before != nil)
	set(hasAfter, e.After != nil)
	set(hasFields, e.Fields != nil)
	set(hasRef, e.Ref != nil)
	set(hasOrder, e.Order != 0)
	set(hasLane, e.Lane != "")
	set(hasExpect, e.Expect != record.Hash{})
	set(hasRaw, e.Raw != record.Hash{})
	set(hasMapped, e.Mapped != record.Hash{})
	set(hasStatus, e.Status != 0)
	set(hasSrcPart, e.SrcPart != "")
	set(hasSrcKey, e.SrcKey != "")
	set(hasPart, e.Part != "")
	set(hasSeq, e.Seq != 0)
	set(hasOpen, e.Open != "")
	set(hasOpenOp, e.OpenOp != 0)
	set(hasSince, !e.Since.IsZero())
	set(hasDue, !e.Due.IsZero())
	set(hasAttempts, e.Attempts != 0)
	set(hasNote, e.Note != "")
	set(hasCode, e.Code != "")
	set(hasField, e.Field != "")
	set(hasUpstream, e.Upstream != nil)
	set(hasTouch, e.Touch)
	set(hasStranger, e.Stranger)
	return has
}

func appendChange(dst []byte, e *Entry, has uint32) []byte {
	if has&hasBefore != 0 {
		dst = appendText(dst, e.Before)
	}
	if has&hasAfter != 0 {
		dst = appendText(dst, e.After)
	}
	if has&hasFields != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(e.Fields)))
		for _, f := range e.Fields {
			dst = appendText(dst, f)
		}
	}
	if has&hasRef != 0 {
		dst = appendText(dst, e.Ref)
	}
	if has&hasOrder != 0 {
		dst = binary.AppendUvarint(dst, e.Order)
	}
	if has&hasLane != 0 {
		dst = appendText(dst, e.Lane)
	}
	if has&hasPart != 0 {
		dst = appendText(dst, e.Part)
	}
	if has&hasSeq != 0 {
		dst = binary.AppendUvarint(dst, e.Seq)
	}
	return dst
}

func appendItem(dst []byte, e *Entry, has uint32) []byte {
	if has&hasExpect != 0 {
		dst = append(dst, e.Expect[:]...)
	}
	if has&hasRaw != 0 {
		dst = append(dst, e.Raw[:]...)
	}
	if has&hasMapped != 0 {
		dst = append(dst, e.Mapped[:]...)
	}
	if has&hasStatus != 0 {
		dst = append(dst, e.Status)
	}
	if has&hasSrcPart != 0 {
		dst = appendText(dst, e.SrcPart)
	}
	if has&hasSrcKey != 0 {
		dst = appendText(dst, e.SrcKey)
	}
	return dst
}

func appendOpen(dst []byte, e *Entry, has uint32) []byte {
	if has&hasOpen != 0 {
		dst = appendText(dst, e.Open)
	}
	if has&hasOpenOp != 0 {
		dst = append(dst, byte(e.OpenOp))
	}
	if has&hasSince != 0 {
		dst = appendTime(dst, e.Since)
	}
	if has&hasDue != 0 {
		dst = appendTime(dst, e.Due)
	}
	if has&hasAttempts != 0 {
		dst = binary.AppendVarint(dst, int64(e.Attempts))
	}
	if has&hasNote != 0 {
		dst = appendText(dst, e.Note)
	}
	if has&hasCode != 0 {
		dst = appendText(dst, e.Code)
	}
	if has&hasField != 0 {
		dst = appendText(dst, e.Field)
	}
	return dst
}
