package spool

import (
	"encoding/binary"
	"math"
	"slices"
)

// A Distinct finds out whether numbers are all different, within bounded
// memory. It is made for hashes: where most numbers are alike in their upper
// bits it takes more memory. It is for one goroutine at a time.
type Distinct struct {
	dir   *Dir
	most  int // numbers in memory
	held  []uint64
	file  *file // of the runs; nil: none was written
	off   int64
	runs  []run // sorted, eight bytes a number
	twice bool  // a number came again: nothing else matters any more
	err   error // of the first write that failed
}

// fewNumbers is for how many room is made at first.
const fewNumbers = 1 << 10

// Distinct returns an empty one that holds about mem bytes before it writes. No
// file is made before that.
func (d *Dir) Distinct(mem int) *Distinct { return &Distinct{dir: d, most: max(mem/8, 1)} }

// Add takes a number. After an error no more can be added.
func (s *Distinct) Add(n uint64) error {
	if s.twice || s.err != nil {
		return s.err
	}
	if len(s.held) == s.most {
		if s.err = s.spill(); s.err != nil {
			return s.err
		}
	}
	if len(s.held) == cap(s.held) {
		// Growing little by little would leave as much again behind.
		s.held = slices.Grow(s.held, min(max(fewNumbers, 3*len(s.held)), s.most-len(s.held)))
	}
	s.held = append(s.held, n)
	return nil
}

// All tells whether all numbers that were added differ. None can be added
// afterwards.
func (s *Distinct) All() (bool, error) {
	if s.err == nil && len(s.runs) == 0 {
		s.settle()
		return !s.twice, nil
	}
	if s.err == nil && !s.twice {
		s.err = s.spill()
	}
	if s.err == nil && !s.twice {
		s.err = s.merge()
	}
	return !s.twice, s.err
}

// Close frees memory and disk. It may be called more than once.
func (s *Distinct) Close() error {
	f := s.file
	*s = Distinct{dir: s.dir, most: s.most, err: errSorted}
	if f == nil {
		return nil
	}
	return f.remove()
}

// settle sorts what is held and looks for numbers that came again.
func (s *Distinct) settle() {
	sortNumbers(s.held, 56)
	for i := 1; i < len(s.held) && !s.twice; i++ {
		s.twice = s.held[i-1] == s.held[i]
	}
}

// spill writes what is held as one run.
func (s *Distinct) spill() (err error) {
	if s.settle(); s.twice {
		return nil
	}
	if s.file == nil {
		if s.file, err = s.dir.create("hashes"); err != nil {
			return err
		}
	}
	from := s.off
	for part := range slices.Chunk(s.held, minBuffer/8) {
		buf := make([]byte, 0, minBuffer)
		for _, n := range part {
			buf = binary.LittleEndian.AppendUint64(buf, n)
		}
		if err := s.file.writeAt(buf, s.off); err != nil {
			return err
		}
		s.off += int64(len(buf))
	}
	s.runs = append(s.runs, run{s.file, from, s.off})
	s.held = s.held[:0]
	return nil
}

// merge compares the runs: the numbers of one range at a time, taken from all
// of them. Of hashes a range holds about half as many as may be held.
func (s *Distinct) merge() error {
	readers := make([]numberReader, len(s.runs))
	for i, r := range s.runs {
		readers[i] = numberReader{file: r.file, off: r.from, to: r.to}
	}
	width := math.MaxUint64 / uint64(2*len(s.runs))
	for last, end := uint64(0), false; !end && !s.twice; {
		end = last > math.MaxUint64-width-1
		if last += width; end {
			last = math.MaxUint64
		}
		s.held = s.held[:0]
		for i := range readers {
			var err error
			if s.held, err = readers[i].upTo(last, s.held); err != nil {
				return err
			}
		}
		s.settle()
	}
	return nil
}

// A numberReader reads the numbers of one run.
type numberReader struct {
	file    *file
	off, to int64
	buf     []byte // read and not taken
	room    [minBuffer]byte
}

// upTo appends the next numbers that are not larger than last.
func (r *numberReader) upTo(last uint64, dst []uint64) ([]uint64, error) {
	for {
		for len(r.buf) > 0 {
			n := binary.LittleEndian.Uint64(r.buf)
			if n > last {
				return dst, nil
			}
			dst, r.buf = append(dst, n), r.buf[8:]
		}
		if r.off == r.to {
			return dst, nil
		}
		r.buf = r.room[:min(minBuffer, r.to-r.off)]
		if err := r.file.readAt(r.buf, r.off); err != nil {
			return dst, err
		}
		r.off += int64(len(r.buf))
	}
}

// sortNumbers sorts by the byte at shift and those below it, within the slice.
func sortNumbers(ns []uint64, shift int) {
	if len(ns) <= fewEntries || shift < 0 {
		slices.Sort(ns)
		return
	}
	var ends, next [256]int
	for _, n := range ns {
		ends[byte(n>>shift)]++
	}
	sum := 0
	for v, n := range ends {
		next[v] = sum
		sum += n
		ends[v] = sum
	}
	for v := range next {
		for next[v] < ends[v] {
			n := ns[next[v]]
			for w := byte(n >> shift); w != byte(v); w = byte(n >> shift) {
				n, ns[next[w]] = ns[next[w]], n
				next[w]++
			}
			ns[next[v]] = n
			next[v]++
		}
	}
	from := 0
	for _, to := range ends {
		sortNumbers(ns[from:to], shift-8)
		from = to
	}
}
