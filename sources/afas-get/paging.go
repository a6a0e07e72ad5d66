package afasget

import (
	"context"
	"errors"
	"fmt"

	"koppel/internal/afas"
)

// A place is where a page begins: at the rows whose first key column is from
// or more, without the first skip of these.
type place struct {
	from  string
	keyed bool // from counts
	skip  int
}

// read reads all pages. Each page after the first begins with the last row of
// the one before: when that row is there, no row between the two is lost, and
// a page that brings nothing new, though it could, is the proof of the end. An
// error that is a *lie says that pages do not join.
//
// AFAS keeps no snapshot between pages. By key, rows that come and go elsewhere
// move nothing; by number, they move what follows, which the last row shows.
func (r *reading) read(ctx context.Context) error {
	at, began := place{}, place{} // of this page, and of the one before
	for n := 1; ; n++ {
		page, err := r.fetch(ctx, at)
		if err != nil {
			return err
		}
		back := n > 1 && !r.joins(page, at, r.page[len(r.page)-1:])
		if back {
			if page, at, err = r.stepBack(ctx, began); err != nil {
				return err
			}
		}
		if n == 1 {
			if err := r.checkReplaced(page); err != nil {
				return err
			}
		}
		fresh, err := r.takeIn(page, back)
		if err != nil {
			return err
		}
		if len(fresh) > 0 {
			if err := r.out.Records("", 0, fresh); err != nil {
				return err
			}
		}
		switch {
		case len(page.Rows) == 0, len(fresh) == 0 && len(page.Rows) < r.take:
			return nil
		case len(fresh) == 0:
			return &lie{"a full page brought no row that the page before it did not have"}
		}
		began, at = at, r.placeOf(at, len(r.page)-1)
	}
}

// fetch asks for the page at a place.
func (r *reading) fetch(ctx context.Context, at place) (*afas.Page, error) {
	q := afas.Query{Filter: r.filter, OrderBy: r.s.env.Key, Skip: at.skip, Take: r.take}
	if at.keyed {
		q.Filter = r.filter.And(afas.Or{{{Field: r.s.env.Key[0], Op: ">=", Value: at.from}}})
	}
	page, err := r.s.client.Rows(ctx, r.s.config.Connector, q, r.buf)
	var tooLong *afas.LengthError
	if errors.As(err, &tooLong) && at.keyed {
		return nil, &lie{"the key makes the query too long: " + tooLong.Error()}
	}
	if err != nil {
		return nil, err
	}
	r.buf = page.Lines[:0]
	switch {
	case page.Skip >= 0 && page.Skip != at.skip:
		return nil, &lie{fmt.Sprintf("the answer is that of row %d on, and row %d was asked for", page.Skip, at.skip)}
	case len(page.Rows) > r.take:
		return nil, &lie{fmt.Sprintf("a page has %d rows, and %d were asked for", len(page.Rows), r.take)}
	case page.Take >= 2 && page.Take < r.take:
		r.take = page.Take // fewer than were asked for is then no end
	}
	return page, nil
}

// joins tells whether a page begins where it should: with the row that the page
// before it ended with, or with any of that page's where it steps back. When
// nothing is skipped, rows that compare equal to the first may stand before it.
func (r *reading) joins(page *afas.Page, at place, with []row) bool {
	wanted := make(map[string]bool, len(with))
	for _, one := range with {
		wanted[one.key] = true
	}
	for _, line := range page.Rows {
		if r.scan.Scan(line) != nil {
			continue // told when the row is taken
		}
		if one, err := r.row(); err == nil && wanted[one.key] {
			return true
		}
		if at.counts() {
			return false
		}
	}
	return false
}

// counts tells whether rows are skipped by number, so that those that come and
// go before them move the page.
func (p place) counts() bool { return !p.keyed || p.skip > 0 }

// stepBack asks for the page from the middle of the one before on, which began
// at a place: its last row may have been deleted since, or rows before it came
// or went.
func (r *reading) stepBack(ctx context.Context, began place) (*afas.Page, place, error) {
	middle := len(r.page) / 2
	back := r.placeOf(began, middle)
	if back.keyed && (!began.keyed || back.from != began.from) {
		back.skip = 0 // the first row of that value is in the page as well
	}
	page, err := r.fetch(ctx, back)
	if err == nil && !r.joins(page, back, r.page) {
		err = &lie{"a page did not begin with the row that the page before it ended with"}
	}
	return page, back, err
}

// placeOf is the place of row i of the page that began at a place.
func (r *reading) placeOf(at place, i int) place {
	if !r.byKey || r.page[i].null {
		at.skip += i
		return at
	}
	first := r.page[i].first
	n := 0 // rows of the same value before it
	for n < i && r.page[i-n-1].first == first && !r.page[i-n-1].null {
		n++
	}
	if at.keyed && n == i && first == at.from {
		at.skip += i // the page began among them
		return at
	}
	return place{from: first, keyed: true, skip: n}
}
