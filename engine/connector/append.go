package connector

import "context"

// An Appender is a Sink that only adds to the end of its target, where a
// change that is written twice would stand twice. Its mark says how far the
// target goes; the engine stores the mark in the commit of the batch, and what
// lies beyond the stored mark after a crash is cut off before it is written
// again.
type Appender interface {
	// Resume is called once, before the first Write, with the mark that was
	// stored last; nil when none was. It cuts off what lies beyond that mark.
	// With nil everything that is there already stays. It fails when the target
	// is not the one that the mark was made of.
	Resume(ctx context.Context, mark []byte) error
	// Mark says how far the target goes now. The engine stores it after Resume,
	// when it differs from what is stored, and with each batch.
	Mark() []byte
}
