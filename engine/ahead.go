package engine

import (
	"context"
	"errors"
	"iter"

	"koppel/engine/state"
)

// aheadBlocks is how many blocks wait for the one who works on them.
const aheadBlocks = 4

// ahead hands the blocks that fill makes to use, in their order, while another
// goroutine goes on filling. fill hands each block to send, which gives one
// back to be filled next: one that was used, or an empty one.
func ahead[B any](ctx context.Context, fill func(ctx context.Context, send func(B) (B, error)) error, use func(B) error) error {
	ctx, cancel := context.WithCancel(ctx)
	blocks, free, done := make(chan B, aheadBlocks), make(chan B, aheadBlocks+1), make(chan error, 1)
	go func() {
		defer close(blocks)
		done <- fill(ctx, func(b B) (next B, err error) {
			select {
			case blocks <- b:
			case <-ctx.Done():
				return next, ctx.Err()
			}
			select {
			case next = <-free:
			default:
			}
			return next, nil
		})
	}()
	defer func() {
		cancel()
		for range blocks { // until the goroutine has ended
		}
	}()
	for b := range blocks {
		if err := use(b); err != nil {
			return err
		}
		select {
		case free <- b:
		default:
		}
	}
	return <-done
}

// aheadRows is how many items are read ahead at a time.
const aheadRows = 512

// errEnough ends a walk that the caller wants no more of.
var errEnough = errors.New("no more is wanted")

// itemsAhead yields what rows yields in a view of its own, which another
// goroutine reads. The rows hold no bytes that end with the step.
func itemsAhead(ctx context.Context, store state.Store, rows func(state.View) iter.Seq2[*state.Item, error]) iter.Seq2[*state.Item, error] {
	read := func(ctx context.Context, send func([]state.Item) ([]state.Item, error)) error {
		return store.View(ctx, func(v state.View) (err error) {
			block := make([]state.Item, 0, aheadRows)
			for it, err := range rows(v) {
				if err != nil {
					return err
				}
				if block = append(block, *it); len(block) < aheadRows {
					continue
				}
				if block, err = send(block); err != nil {
					return err
				}
				block = block[:0]
			}
			_, err = send(block)
			return err
		})
	}
	return func(yield func(*state.Item, error) bool) {
		err := ahead(ctx, read, func(block []state.Item) error {
			for i := range block {
				if !yield(&block[i], nil) {
					return errEnough
				}
			}
			return nil
		})
		if err != nil && err != errEnough {
			yield(nil, err)
		}
	}
}
