package sqlite

import "context"

// OpenSmall is Open with bounds so small that rows are moved all the time.
func OpenSmall(ctx context.Context, opts Options) (*Store, error) {
	return open(ctx, opts, steps, bounds{small: 2, few: 3, share: 4, rows: 2, bytes: 1 << 20, sample: 3})
}
