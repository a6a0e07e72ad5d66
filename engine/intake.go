package engine

import (
	"bytes"
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Bounds of what is shared out among the goroutines that check records.
const (
	// chunkBytes is how much one of them gets at a time.
	chunkBytes = 128 << 10
	// minShared is how much must be handed over at once to be shared out.
	minShared  = 64 << 10
	maxWorkers = 8
)

// An intake takes the lines that a source hands over: several goroutines check
// them, and map them where that is wanted at once, while the source reads on
// and another notes what they found, in order.
type intake struct {
	ctx  context.Context
	scan []*lineScan
	// note takes what was found in a chunk. Calls follow the order of the lines.
	note func(*chunk) error

	todo, ordered, free chan *chunk
	running             sync.WaitGroup
	under               sync.WaitGroup // chunks that are not noted yet
	failed              atomic.Pointer[error]
	small               chunk
}

// A chunk is a number of whole lines of one partition with what they hold.
type chunk struct {
	part     *partState
	base     int64
	lines    []byte
	found    []scanned
	outcomes []outcome // one for each found, where records are mapped at once
	mapped   []byte    // where the mapped records stand
	done     chan struct{}
}

func readWorkers() int { return min(runtime.GOMAXPROCS(0), maxWorkers) }

// start makes the goroutines, when the first large piece comes.
func (in *intake) start() {
	room := 2 * len(in.scan)
	in.todo, in.ordered, in.free = make(chan *chunk, room), make(chan *chunk, room), make(chan *chunk, 2*room)
	for _, scan := range in.scan {
		in.running.Go(func() {
			for c := range in.todo {
				scan.chunk(c)
				c.done <- struct{}{}
			}
		})
	}
	in.running.Go(func() {
		for c := range in.ordered {
			<-c.done
			if in.err() == nil && in.ctx.Err() == nil {
				if err := in.note(c); err != nil {
					in.failed.Store(&err)
				}
			}
			select {
			case in.free <- c:
			default:
			}
			in.under.Done()
		}
	})
}

// err is the first error of noting what was found.
func (in *intake) err() error {
	if err := in.failed.Load(); err != nil {
		return *err
	}
	return in.ctx.Err()
}

// settle waits until everything that was given is noted.
func (in *intake) settle() error {
	in.under.Wait()
	return in.err()
}

// close settles, and ends the goroutines.
func (in *intake) close() error {
	err := in.settle()
	if in.todo != nil {
		close(in.todo)
		close(in.ordered)
		in.running.Wait()
		in.todo = nil
	}
	return err
}

// give takes whole lines, which are the caller's again after the return.
func (in *intake) give(p *partState, base int64, lines []byte) error {
	if len(lines) < minShared {
		return in.giveSmall(p, base, lines)
	}
	if in.todo == nil {
		in.start()
	}
	for len(lines) > 0 {
		n := len(lines)
		if n > chunkBytes {
			if end := bytes.IndexByte(lines[chunkBytes:], '\n'); end >= 0 {
				n = chunkBytes + end + 1
			}
		}
		if err := in.send(p, base, lines[:n]); err != nil {
			return err
		}
		base, lines = base+int64(n), lines[n:]
	}
	return in.err()
}

// giveSmall checks a few lines at once: to share them out would cost more.
func (in *intake) giveSmall(p *partState, base int64, lines []byte) error {
	if err := in.settle(); err != nil || len(lines) == 0 {
		return err
	}
	c := &in.small
	c.part, c.base, c.lines = p, base, append(c.lines[:0], lines...)
	in.scan[0].chunk(c)
	if err := in.note(c); err != nil {
		in.failed.Store(&err)
		return err
	}
	return nil
}

func (in *intake) send(p *partState, base int64, lines []byte) error {
	c := in.chunk()
	c.part, c.base, c.lines = p, base, append(c.lines[:0], lines...)
	in.under.Add(1)
	for _, ch := range []chan *chunk{in.todo, in.ordered} {
		select {
		case ch <- c:
		case <-in.ctx.Done():
			in.under.Done()
			return in.ctx.Err()
		}
	}
	return nil
}

// chunk finds or makes an empty chunk.
func (in *intake) chunk() *chunk {
	select {
	case c := <-in.free:
		if cap(c.mapped) > 4*chunkBytes {
			c.mapped = nil
		}
		if cap(c.lines) > 4*chunkBytes {
			c.lines = nil
		}
		return c
	default:
		return &chunk{done: make(chan struct{}, 1)}
	}
}
