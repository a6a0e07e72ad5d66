package graph

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"koppel/engine/connector"
)

// Bounds of a walk along next links.
const (
	// mostPages is more pages than any collection has.
	mostPages = 1_000_000
	// mostAlike is how often the same ids in the same order may come: small pages
	// of a delta query may be alike, and a walk in a circle is found soon.
	mostAlike = 20
)

// ErrAstray marks an error of Walk: the pages do not join, so that what was read
// is not all there is, or links go on without end. Read again, they may join.
var ErrAstray = errors.New("the pages do not join")

// A Walk follows the links from page to page.
type Walk struct {
	c    *Client
	q    Question
	seen map[[16]byte]bool // links
	like map[[16]byte]int  // pages by their ids
	// Pages and Most: how many were read, and how many may be.
	Pages, Most int
}

// Walk starts where a question leads.
func (c *Client) Walk(q Question) *Walk {
	return &Walk{c: c, q: q, seen: map[[16]byte]bool{}, like: map[[16]byte]int{}, Most: mostPages}
}

// Next gives the next page; nil: there is none.
func (w *Walk) Next(ctx context.Context) (*Page, error) {
	if w.q.Path == "" {
		return nil, nil
	}
	if w.Pages >= w.Most {
		return nil, fmt.Errorf("%w: %w after %d pages", connector.ErrIncomplete, ErrAstray, w.Pages)
	}
	w.seen[digest(w.q.Path)] = true
	page, err := w.c.Page(ctx, w.q)
	if err != nil {
		return nil, err
	}
	w.Pages++
	if page.Next != "" && w.seen[digest(page.Next)] {
		return nil, fmt.Errorf("%w: %w: page %d of %s leads back to one that was read", connector.ErrIncomplete, ErrAstray, w.Pages, shown(w.q.Path))
	}
	if len(page.Rows) > 0 {
		alike := fingerprint(page)
		if w.like[alike]++; w.like[alike] > mostAlike {
			return nil, fmt.Errorf("%w: %w: the same page of %s comes again and again", connector.ErrIncomplete, ErrAstray, shown(w.q.Path))
		}
	}
	w.q.Path = page.Next
	return page, nil
}

// fingerprint is a hash of the ids of a page in their order.
func fingerprint(p *Page) [16]byte {
	h := sha256.New()
	for _, row := range p.Rows {
		h.Write([]byte(ID(row)))
		h.Write([]byte{0})
	}
	return [16]byte(h.Sum(nil))
}

func digest(link string) [16]byte {
	sum := sha256.Sum256([]byte(link))
	return [16]byte(sum[:16])
}
