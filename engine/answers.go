package engine

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"koppel/engine/connector"
)

// answerMemory is what answers to lookups take in memory at most, in bytes.
const answerMemory = 32 << 20

// answerSize is what an answer takes beside its record, in bytes.
const answerSize = 256

// answers keep what lookups found, so that the same is not asked twice: within
// one session always, in later ones for as long as the lookup says. What would
// take too much memory is forgotten, the oldest first.
type answers struct {
	now   func() time.Time
	mu    sync.Mutex
	turn  int64
	room  int
	found map[[32]byte]*answer
	order *list.List // of *answer, the last used in front
}

// An answer is one question on its way, or answered.
type answer struct {
	key    [32]byte
	turn   int64
	at     time.Time
	record []byte // nil: none
	err    error
	done   chan struct{}
	place  *list.Element // nil: not kept
}

func newAnswers(room int, now func() time.Time) *answers {
	return &answers{now: now, room: room, found: map[[32]byte]*answer{}, order: list.New()}
}

// next starts a session.
func (c *answers) next() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	return c.turn
}

// answerKey tells apart what lookups ask and what they make of it.
func answerKey(l *Lookup, q *connector.Question) [32]byte {
	b := putBytes(nil, l.Connection)
	b = putBytes(b, l.Digest)
	b = putBytes(b, l.Records)
	b = putBytes(b, q.Method)
	b = putBytes(b, q.Path)
	for _, params := range [][]connector.Param{q.Query, q.Headers} {
		b = putUint(b, uint64(len(params)))
		for _, p := range params {
			b = putBytes(putBytes(b, p.Name), p.Value)
		}
	}
	return sha256.Sum256(putBytes(putBytes(b, q.Type), q.Body))
}

// find gives the answer that is known, waits for one that is on its way, or
// asks. Errors are not kept.
func (c *answers) find(ctx context.Context, key [32]byte, turn int64, keep time.Duration, ask func() ([]byte, error)) ([]byte, error) {
	for {
		c.mu.Lock()
		a := c.found[key]
		if a == nil || a.place != nil && a.turn != turn && c.now().Sub(a.at) >= keep {
			a = c.begin(key, turn)
			c.mu.Unlock()
			a.record, a.err = ask()
			c.end(a)
			return a.record, a.err
		}
		if a.place != nil {
			c.order.MoveToFront(a.place)
		}
		c.mu.Unlock()
		select {
		case <-a.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !errors.Is(a.err, context.Canceled) || ctx.Err() != nil {
			return a.record, a.err
		}
		// The one who asked gave up, not the system.
	}
}

func (c *answers) begin(key [32]byte, turn int64) *answer {
	c.drop(c.found[key])
	a := &answer{key: key, turn: turn, at: c.now(), done: make(chan struct{})}
	c.found[key] = a
	return a
}

// end makes an answer known to those who wait for it, and keeps it when it is
// one.
func (c *answers) end(a *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(a.done)
	if a.err != nil {
		delete(c.found, a.key)
		return
	}
	a.place = c.order.PushFront(a)
	for c.room -= a.size(); c.room < 0; {
		c.drop(c.order.Back().Value.(*answer))
	}
}

// drop forgets an answer.
func (c *answers) drop(a *answer) {
	if a == nil || a.place == nil {
		return
	}
	c.order.Remove(a.place)
	a.place = nil
	c.room += a.size()
	delete(c.found, a.key)
}

func (a *answer) size() int { return answerSize + len(a.record) }
