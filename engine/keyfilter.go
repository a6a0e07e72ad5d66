package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"koppel/engine/record"
	"koppel/engine/state"
)

// A keyFilter limits a session to one key, as people write it: its parts
// joined by slashes, or a JSON list of them.
type keyFilter struct {
	only  string
	exact []record.Key // what a JSON list means
	met   bool         // a record under the key was looked at
}

func onlyKey(text string) keyFilter {
	f := keyFilter{only: text}
	if strings.HasPrefix(text, "[") {
		f.exact = readings(text)
	}
	return f
}

func (f *keyFilter) drops(key record.Key) bool {
	if f.only == "" {
		return false
	}
	ref, failed := isFailedKey(key)
	meant := ShowKey(key) == f.only || slices.Contains(f.exact, key) || failed && slices.Contains(f.exact, ref.Key)
	f.met = f.met || meant
	return !meant
}

// missKey warns that nothing has the one key that the session looks at, in
// what was read and in what is remembered, once all its pipelines were asked.
func (w *work) missKey(ctx context.Context) error {
	if w.only == "" || w.met || w.whole() {
		return nil
	}
	var known []record.Key
	err := w.s.Store.View(ctx, func(v state.View) (err error) {
		known, err = keysOf(v, w.row.ID, w.only)
		return err
	})
	if err != nil || len(known) > 0 {
		return err
	}
	w.s.missed++
	if w.s.missed == len(w.s.order) {
		w.warn("no_key", fmt.Sprintf("there is no key %s, in what was read and in what was delivered", w.only))
	}
	return nil
}
