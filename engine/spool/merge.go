package spool

import "bytes"

// A merger yields the entries of several runs in order. Its readers are a heap
// with the least entry on top.
type merger struct {
	heap    []*runReader
	started bool
}

// newMerger opens runs with buffers of size bytes each.
func newMerger(runs []run, size int) *merger {
	m := &merger{}
	for i, r := range runs {
		m.heap = append(m.heap, &runReader{
			order: i,
			file:  r.file,
			off:   r.from,
			to:    r.to,
			buf:   make([]byte, 0, min(int64(size), r.to-r.from)),
		})
	}
	return m
}

// drains lets the readers free what they have read.
func (m *merger) drains() {
	for _, r := range m.heap {
		r.drains, r.freed = true, r.off
	}
}

// next returns the reader that stands on the next entry; nil at the end.
func (m *merger) next() (*runReader, error) {
	if !m.started {
		m.started = true
		if err := m.start(); err != nil {
			return nil, err
		}
	} else if len(m.heap) > 0 {
		ok, err := m.heap[0].next()
		if err != nil {
			return nil, err
		}
		if !ok {
			last := len(m.heap) - 1
			m.heap[0] = m.heap[last]
			m.heap = m.heap[:last]
		}
		m.sink(0)
	}
	if len(m.heap) == 0 {
		return nil, nil
	}
	return m.heap[0], nil
}

func (m *merger) start() error {
	filled := m.heap[:0]
	for _, r := range m.heap {
		ok, err := r.next()
		if err != nil {
			return err
		}
		if ok {
			filled = append(filled, r)
		}
	}
	m.heap = filled
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return nil
}

// sink moves the reader at place i down to where it belongs.
func (m *merger) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(m.heap) {
			return
		}
		if right := child + 1; right < len(m.heap) && before(m.heap[right], m.heap[child]) {
			child = right
		}
		if before(m.heap[i], m.heap[child]) {
			return
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}

// before orders by key, and equal keys by run: earlier runs were added earlier.
func before(x, y *runReader) bool {
	if x.prefix != y.prefix {
		return x.prefix < y.prefix
	}
	if c := bytes.Compare(x.key, y.key); c != 0 {
		return c < 0
	}
	return x.order < y.order
}
