package sqlite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"koppel/engine/record"
	"koppel/engine/state"
)

// Erase removes one key from a pipeline: item, open key, flights, audit trail,
// deliveries, and what the problems of runs say of it. After the commit the file is
// rewritten, so that nothing is left in free pages.
func (t *tx) Erase(pipeline int64, key record.Key) error {
	for _, query := range []string{itemDelete, recentDelete, openDelete, "DELETE FROM change WHERE pipeline = ? AND key = ?"} {
		if err := t.exec(query, pipeline, key); err != nil {
			return err
		}
	}
	if err := t.dropDeliveries("pipeline = ? AND key = ?", pipeline, key); err != nil {
		return err
	}
	if err := t.eraseFlown(pipeline, key); err != nil {
		return err
	}
	if err := t.eraseProblems(pipeline, key); err != nil {
		return err
	}
	if t.erased == nil {
		t.erased = map[int64]bool{}
	}
	t.erased[pipeline] = true
	return t.scrubLater()
}

// EraseMirror removes one record from a mirror, and rewrites the file after
// the commit.
func (t *tx) EraseMirror(source int64, part string, key record.Key) error {
	if err := t.exec(mirrorDelete, source, part, key); err != nil {
		return err
	}
	return t.scrubLater()
}

func (t *tx) scrubLater() error {
	t.forget = true
	return t.check(putMeta(t.c, metaScrub, []byte("erase")))
}

// eraseProblems takes a key out of the problems of the pipeline's runs, and of
// the runs as a whole.
func (t *tx) eraseProblems(pipeline int64, key record.Key) error {
	var touched []state.Run
	for r, err := range rows(&t.view, runColumns+" WHERE pipeline IN (0, ?)", []any{pipeline}, t.scanRun) {
		if err != nil {
			return err
		}
		if left, found := withoutKey(r.Problems, key); found {
			run := *r
			run.Problems = left
			touched = append(touched, run)
		}
	}
	for _, r := range touched {
		if err := t.PutRun(r); err != nil {
			return err
		}
	}
	return nil
}

// withoutKey takes the entries of a key out of a JSON list of problems. What
// is no such list and yet names the key goes as a whole.
func withoutKey(problems []byte, key record.Key) (left []byte, found bool) {
	names := []string{string(key), key.String()}
	var entries []json.RawMessage
	if err := json.Unmarshal(problems, &entries); err != nil {
		return nil, slices.ContainsFunc(names, func(n string) bool { return n != "" && bytes.Contains(problems, []byte(n)) })
	}
	kept := slices.DeleteFunc(slices.Clone(entries), func(e json.RawMessage) bool {
		var p struct{ Key any }
		return json.Unmarshal(e, &p) == nil && p.Key != nil && slices.Contains(names, fmt.Sprint(p.Key))
	})
	if len(kept) == len(entries) {
		return problems, false
	}
	left, err := json.Marshal(kept)
	if err != nil {
		return nil, true
	}
	return left, true
}
