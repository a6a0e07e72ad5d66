package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"slices"
	"time"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/state"
)

// openSource opens a source for this session and takes note of the place that
// it reads.
func (s *session) openSource(ctx context.Context, src *Source) (connector.Source, error) {
	env := s.env()
	env.Key = src.Key
	if src.Event {
		env.Inbox = Inbox(s.Store, src.Address)
	}
	if src.Window != nil {
		env.Window = func() (string, string) { return src.Window.bounds(s.clock) }
	}
	if src.Upstream != "" {
		env.Upstream = s.feed
	}
	conn, err := src.Open(ctx, env)
	if err == nil {
		s.placed[src.Address] = placedFingerprint(src, conn)
	}
	return conn, err
}

// placedFingerprint identifies what an opened source reads: its arguments, and
// behind them the place that only a secret names. Cursors and mirrors belong to
// both.
func placedFingerprint(src *Source, conn connector.Source) []byte {
	place := ""
	if p, ok := conn.(connector.Placed); ok {
		place = p.Place()
	}
	if place == "" {
		return src.Fingerprint
	}
	sum := sha256.Sum256([]byte(place))
	return append(slices.Clip(src.Fingerprint), sum[:]...)
}

// same tells whether a fingerprint that was stored is that of a source. One that
// was not opened is known by its arguments alone.
func (s *session) same(src *Source, stored []byte) bool {
	if placed, ok := s.placed[src.Address]; ok {
		return bytes.Equal(stored, placed)
	}
	return sameArguments(src, stored)
}

func sameArguments(src *Source, stored []byte) bool {
	return bytes.HasPrefix(stored, src.Fingerprint)
}

// readAs tells whether a source is what it was when a plan read it. Where it
// can't be opened any more (a secret that is not set), its arguments decide: the
// plan knows what it read.
func (s *session) readAs(ctx context.Context, src *Source, read *plan.Source) bool {
	if !sameArguments(src, read.Fingerprint) {
		return false
	}
	if len(read.Fingerprint) > len(src.Fingerprint) {
		conn, err := s.openSource(ctx, src)
		if closer, ok := conn.(io.Closer); ok && err == nil {
			s.closers = append(s.closers, closer)
		}
		if err == nil && !s.same(src, read.Fingerprint) {
			return false
		}
	}
	s.placed[src.Address] = read.Fingerprint
	return true
}

// putSource makes sure that a source has a row under its present fingerprint.
// A new fingerprint starts a new epoch: cursors and proofs of the earlier one
// no longer count.
func (s *session) putSource(tx state.Tx, src *Source) (int64, error) {
	row, known, err := tx.Source(src.Address)
	if err != nil {
		return 0, err
	}
	if known && s.same(src, row.Fingerprint) {
		return row.ID, nil
	}
	if known {
		row.Epoch++
		parts, err := tx.Parts(row.ID)
		if err != nil {
			return 0, err
		}
		for _, p := range parts {
			p.Cursor, p.FullAt = nil, time.Time{}
			if err := tx.PutPart(p); err != nil {
				return 0, err
			}
		}
	}
	row.Address, row.Fingerprint = src.Address, src.Fingerprint
	if placed, ok := s.placed[src.Address]; ok {
		row.Fingerprint = placed
	}
	return tx.PutSource(row)
}
