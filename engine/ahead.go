package engine

import (
	"context"
	"iter"

	"koppel/engine/state"
)

// Rows that are read ahead at a time, and how many such blocks wait.
const (
	aheadRows   = 512
	aheadBlocks = 4
)

// ahead yields what rows yields in a view of its own, which another goroutine
// reads while the caller works on what came before. The rows hold no bytes that
// end with the step.
func ahead(ctx context.Context, store state.Store, rows func(state.View) iter.Seq2[*state.Item, error]) iter.Seq2[*state.Item, error] {
	return func(yield func(*state.Item, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		blocks, done := make(chan []state.Item, aheadBlocks), make(chan error, 1)
		free := make(chan []state.Item, aheadBlocks+1)
		go func() {
			defer close(blocks)
			done <- store.View(ctx, func(v state.View) error { return readAhead(ctx, rows(v), blocks, free) })
		}()
		defer func() {
			cancel()
			for range blocks { // until the goroutine has ended
			}
		}()
		for block := range blocks {
			for i := range block {
				if !yield(&block[i], nil) {
					return
				}
			}
			select {
			case free <- block:
			default:
			}
		}
		if err := <-done; err != nil {
			yield(nil, err)
		}
	}
}

// readAhead copies rows into blocks.
func readAhead(ctx context.Context, rows iter.Seq2[*state.Item, error], blocks chan<- []state.Item, free <-chan []state.Item) error {
	block := make([]state.Item, 0, aheadRows)
	send := func() error {
		select {
		case blocks <- block:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case block = <-free:
			block = block[:0]
		default:
			block = make([]state.Item, 0, aheadRows)
		}
		return nil
	}
	for it, err := range rows {
		if err != nil {
			return err
		}
		if block = append(block, *it); len(block) == aheadRows {
			if err := send(); err != nil {
				return err
			}
		}
	}
	return send()
}
