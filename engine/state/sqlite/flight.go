package sqlite

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
	"koppel/engine/state"
)

const (
	flightAll     = "SELECT batch, run, body FROM flight WHERE pipeline = ? ORDER BY batch"
	flightReplace = "INSERT OR REPLACE INTO flight (pipeline, batch, run, body) VALUES (?, ?, ?, ?)"
	flightDelete  = "DELETE FROM flight WHERE pipeline = ? AND batch = ?"
)

// Bits of the first byte of a flight's body, and of the operation of what is
// flown, which is a printable letter.
const (
	flightAsked = 1
	flownSrc    = 0x80
)

// appendFlight encodes a flight: a byte of switches, and for each key how many
// bytes it shares with the one before, the rest behind its length, the
// operation, and the source reference behind its length.
func appendFlight(dst []byte, f *state.Flight) []byte {
	var first byte
	if f.Asked {
		first = flightAsked
	}
	dst = append(dst, first)
	var before record.Key
	var src []byte
	for i := range f.Flown {
		one := &f.Flown[i]
		shared := sharedPrefix(before, one.Key)
		dst = binary.AppendUvarint(dst, uint64(shared))
		dst = binary.AppendUvarint(dst, uint64(len(one.Key)-shared))
		dst = append(dst, one.Key[shared:]...)
		before = one.Key
		if !one.HasSrc {
			dst = append(dst, byte(one.Op))
			continue
		}
		dst = append(dst, byte(one.Op)|flownSrc)
		src = appendSrc(src[:0], one.Src)
		dst = append(binary.AppendUvarint(dst, uint64(len(src))), src...)
	}
	return dst
}

func sharedPrefix(a, b record.Key) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// splitFlight is the reverse of appendFlight.
func splitFlight(b []byte, f *state.Flight) bool {
	f.Asked, f.Flown = false, nil
	if len(b) == 0 || b[0] > flightAsked {
		return false
	}
	f.Asked = b[0] == flightAsked
	b = b[1:]
	var key []byte
	for len(b) > 0 {
		shared, n := binary.Uvarint(b)
		if n <= 0 || shared > uint64(len(key)) {
			return false
		}
		rest, after, ok := split(b[n:])
		if !ok || len(after) == 0 {
			return false
		}
		key = append(key[:shared], rest...)
		one := state.Flown{Key: record.Key(key), Op: record.Op(after[0] &^ flownSrc), HasSrc: after[0]&flownSrc != 0}
		b = after[1:]
		if one.HasSrc {
			src, after, ok := split(b)
			if !ok {
				return false
			}
			if one.Src, ok = splitSrc(src); !ok {
				return false
			}
			b = after
		}
		f.Flown = append(f.Flown, one)
	}
	return true
}

// Flights yields the flights of a pipeline in the order of their batches.
func (v *view) Flights(pipeline int64) iter.Seq2[*state.Flight, error] {
	return rows(v, flightAll, []any{pipeline}, func(st *sqlite.Stmt, f *state.Flight) error {
		f.Batch, f.Run = st.ColumnInt64(0), st.ColumnInt64(1)
		batch := strconv.FormatInt(f.Batch, 10)
		body, err := v.unpack(nil, st, 2, "flight", pipeline, batch)
		if err != nil {
			return err
		}
		if !splitFlight(body, f) {
			return damaged("flight", record.Key(batch), "its body is cut")
		}
		return nil
	})
}

// PutFlight inserts or replaces a flight.
func (t *tx) PutFlight(pipeline int64, f *state.Flight) error {
	t.flight = appendFlight(t.flight[:0], f)
	body := t.pack("flight", pipeline, []string{strconv.FormatInt(f.Batch, 10)}, t.flight)
	return t.exec(flightReplace, pipeline, f.Batch, f.Run, blob(body))
}

// DropFlight removes a flight, if it is there.
func (t *tx) DropFlight(pipeline, batch int64) error {
	return t.exec(flightDelete, pipeline, batch)
}

// eraseFlown takes a key out of the flights of a pipeline.
func (t *tx) eraseFlown(pipeline int64, key record.Key) error {
	var touched []state.Flight
	for f, err := range t.Flights(pipeline) {
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(f.Flown, func(one state.Flown) bool { return one.Key == key })
		touched = append(touched, state.Flight{Batch: f.Batch, Run: f.Run, Asked: f.Asked, Flown: left})
	}
	for i := range touched {
		f := &touched[i]
		err := t.DropFlight(pipeline, f.Batch)
		if err == nil && len(f.Flown) > 0 {
			err = t.PutFlight(pipeline, f)
		}
		if err != nil {
			return fmt.Errorf("take a key out of a flight: %w", err)
		}
	}
	return nil
}
