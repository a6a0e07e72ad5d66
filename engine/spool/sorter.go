package spool

import (
	"errors"
	"math"
)

const (
	// fanIn is how many runs are merged at once.
	fanIn = 512
	// minBuffer is the least buffer of a run that is merged, in bytes.
	minBuffer = 16 << 10
	// maxEntry bounds keys and payloads, in bytes.
	maxEntry = 1 << 30
)

var (
	errSorted   = errors.New("add to a sorter that was sorted or closed")
	errDrained  = errors.New("use of a sorter that was drained")
	errMissing  = errors.New("entries of a sorter are missing")
	errTooLarge = errors.New("an entry is larger than 1 GiB")
)

// A Sorter sorts entries of a key and a payload within bounded memory. It is
// for one goroutine at a time.
type Sorter struct {
	dir     *Dir
	mem     int
	later   int // mem once something was written; 0: as before
	chunk   int
	batch   batch
	spilled batch        // that was full before it
	writing chan written // what becomes of spilled; nil: nothing is under way
	runs    []run
	writer  runWriter // belongs to what is under way
	count   int
	sorted  bool
	err     error // of the first write that failed, or why nothing is here any more
}

// A written is a batch that became a run, or did not.
type written struct {
	run run
	err error
}

// Sorter returns an empty sorter that holds about mem bytes before it writes a
// sorted run, and while one is written up to as many again. No file is made
// before that.
func (d *Dir) Sorter(mem int) *Sorter {
	return &Sorter{dir: d, mem: mem, chunk: min(block, max(mem/8, 1<<10))}
}

// OnceWritten makes the sorter hold about mem bytes only from its first run on:
// much memory is worth it while it spares the disk.
func (s *Sorter) OnceWritten(mem int) { s.later = mem }

// InMemory returns an empty sorter that never writes: for what is known to be
// little.
func InMemory() *Sorter { return &Sorter{mem: math.MaxInt, chunk: 1 << 10} }

// Add takes a copy of an entry. After an error no more can be added.
func (s *Sorter) Add(key, payload []byte) error {
	switch {
	case s.err != nil:
		return s.err
	case s.sorted:
		return errSorted
	case len(key) > maxEntry || len(payload) > maxEntry:
		return errTooLarge
	}
	if len(s.batch.index) > 0 && s.batch.used+len(key)+len(payload)+headSize+entrySize > s.mem {
		if s.err = s.spill(); s.err != nil {
			return s.err
		}
	}
	s.batch.add(key, payload, s.chunk)
	s.count++
	return nil
}

// Held is about how many bytes of memory the entries take that are not written
// to disk yet.
func (s *Sorter) Held() int {
	if s.writing != nil {
		return s.batch.used + s.spilled.used
	}
	return s.batch.used
}

// Len is the number of entries.
func (s *Sorter) Len() int { return s.count }

// spill has the batch written as one run, while more is added to another.
func (s *Sorter) spill() error {
	if err := s.settle(); err != nil {
		return err
	}
	if s.writer.file == nil {
		f, err := s.dir.create("runs")
		if err != nil {
			return err
		}
		s.writer = runWriter{file: f}
	}
	s.batch, s.spilled = s.spilled, s.batch
	s.writing = make(chan written, 1)
	s.dir.writes.Go(func() {
		r, err := s.writer.run(&s.spilled)
		s.writing <- written{r, err}
	})
	if s.later > 0 {
		s.mem = min(s.mem, s.later)
	}
	return nil
}

// settle waits for the run that is under way.
func (s *Sorter) settle() error {
	if s.writing == nil {
		return nil
	}
	w := <-s.writing
	s.writing = nil
	if s.spilled.used > s.mem {
		s.spilled = batch{}
	}
	s.spilled.reset(s.chunk)
	if w.err == nil {
		s.runs = append(s.runs, w.run)
	}
	return w.err
}

// Sort ends the adding and returns an iterator over all entries, ordered by
// key, those of equal keys in the order they were added. Each further call
// returns an iterator that starts again; several may be in use.
func (s *Sorter) Sort() (*Iter, error) {
	if s.err != nil {
		return nil, s.err
	}
	if !s.sorted {
		s.sorted = true
		if s.err = s.finish(); s.err != nil {
			return nil, s.err
		}
	}
	if len(s.runs) == 0 {
		return &Iter{batch: &s.batch}, nil
	}
	return &Iter{merger: newMerger(s.runs, s.buffer(len(s.runs))), missing: s.count}, nil
}

// Drain is Sort for the last time: what the iterator has passed is freed on
// disk, where the system can, so that what is written meanwhile may take its
// room.
func (s *Sorter) Drain() (*Iter, error) {
	it, err := s.Sort()
	if err != nil {
		return nil, err
	}
	s.err = errDrained
	if it.merger != nil {
		it.merger.drains()
	}
	return it, nil
}

// buffer is the size that lets n runs be merged within the memory.
func (s *Sorter) buffer(n int) int { return min(block, max(minBuffer, s.mem/n)) }

// finish leaves either a sorted batch or few enough runs.
func (s *Sorter) finish() error {
	if s.writer.file == nil {
		s.batch.sort()
		return nil
	}
	if len(s.batch.index) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	if err := s.settle(); err != nil {
		return err
	}
	s.batch, s.spilled, s.writer.buf = batch{}, batch{}, nil
	for len(s.runs) > fanIn {
		if err := s.mergePass(); err != nil {
			return err
		}
	}
	return nil
}

// mergePass merges neighbouring runs into a new file, so that their order
// remains, and removes the old one.
func (s *Sorter) mergePass() error {
	f, err := s.dir.create("runs")
	if err != nil {
		return err
	}
	old := s.writer.file
	s.writer = runWriter{file: f}
	var merged []run
	for rest := s.runs; len(rest) > 0; {
		n := min(fanIn, len(rest))
		from := s.writer.off
		if err := s.mergeInto(rest[:n]); err != nil {
			return err
		}
		merged = append(merged, run{f, from, s.writer.off})
		rest = rest[n:]
	}
	s.runs, s.writer.buf = merged, nil
	return old.remove()
}

func (s *Sorter) mergeInto(runs []run) error {
	m := newMerger(runs, s.buffer(len(runs)))
	for {
		r, err := m.next()
		if err != nil {
			return err
		}
		if r == nil {
			return s.writer.flush()
		}
		if err := s.writer.put(r.whole); err != nil {
			return err
		}
	}
}

// Close frees the sorter's memory and disk; its iterators end with it. It may
// be called more than once, and need not be called before Dir.Close.
func (s *Sorter) Close() error {
	// What could not be written is not needed any more.
	_ = s.settle()
	f := s.writer.file
	*s = Sorter{dir: s.dir, sorted: true, err: errSorted}
	if f == nil {
		return nil
	}
	return f.remove()
}

// An Iter goes through the entries of a Sorter in order.
type Iter struct {
	key, payload []byte
	batch        *batch // all entries, when nothing was spilled
	at           int
	merger       *merger
	missing      int // entries that the merger has not given yet
	err          error
}

// Next goes to the next entry. It returns false after the last one, and when
// there is an error.
func (it *Iter) Next() bool {
	it.key, it.payload = nil, nil
	if it.err != nil {
		return false
	}
	if it.batch != nil {
		if it.at == len(it.batch.index) {
			return false
		}
		e := &it.batch.index[it.at]
		it.key, it.payload = it.batch.key(e), it.batch.payload(e)
		it.at++
		return true
	}
	if it.merger == nil {
		return false
	}
	r, err := it.merger.next()
	if r == nil {
		if it.err = err; err == nil && it.missing != 0 {
			it.err = errMissing
		}
		return false
	}
	it.missing--
	it.key, it.payload = r.key, r.payload
	return true
}

// Key is the key of the entry, valid until Next.
func (it *Iter) Key() []byte { return it.key }

// Payload is the payload of the entry, valid until Next.
func (it *Iter) Payload() []byte { return it.payload }

// Err is the error that ended the iteration, nil when all entries were seen.
func (it *Iter) Err() error { return it.err }

// Close frees the iterator's buffers. The sorter stays as it is.
func (it *Iter) Close() error {
	it.batch, it.merger = nil, nil
	it.key, it.payload = nil, nil
	return nil
}
