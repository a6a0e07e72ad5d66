package engine

import "context"

// feed yields the records of a source or pipeline in the order of their keys, to
// a source that reads what they name. whole tells that none is missing: what
// claims a key twice, is outdated, or of which nobody knows what became, is not
// yielded.
func (s *session) feed(ctx context.Context, address string, yield func(body []byte) error) (whole bool, err error) {
	r, err := s.dataset(ctx, address, "")
	if err != nil {
		return false, err
	}
	if r != s.reads[address] {
		defer r.close()
	}
	whole = r.complete() && !r.events && r.unkeyed+r.unjudged == 0
	var buf []byte
	err = r.byKey(func(e *entry) error {
		switch {
		case e.twice, e.seen == seenUnsure, e.seen == seenOutdated:
			whole = false
			return nil
		case e.seen != seenPut:
			return nil
		}
		var err error
		if buf, err = r.body(e, s.Store.Hasher(), buf[:0]); err != nil {
			return err
		}
		return yield(buf)
	})
	return whole, err
}
