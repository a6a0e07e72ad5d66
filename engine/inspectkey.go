package engine

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"koppel/engine/record"
	"koppel/engine/state"
)

// maxSlashes bounds in how many ways a key as people write it is taken apart.
const maxSlashes = 6

// readings lists the keys that people may mean by a text: every way of taking
// it apart at its slashes, and nothing but its parts when it is a JSON list of
// them.
func readings(text string) []record.Key {
	var parts []string
	if strings.HasPrefix(text, "[") && json.Unmarshal([]byte(text), &parts) == nil {
		if k, err := record.MakeKey(parts...); err == nil {
			return []record.Key{k}
		}
	}
	var all []record.Key
	if k, err := record.MakeKey(text); err == nil {
		all = append(all, k)
	}
	parts = strings.Split(text, "/")
	if len(parts) > maxSlashes+1 {
		if k, err := record.MakeKey(parts...); err == nil {
			all = append(all, k)
		}
		return all
	}
	for cuts := 1; cuts < 1<<(len(parts)-1); cuts++ {
		group := []string{parts[0]}
		for i, p := range parts[1:] {
			if cuts&(1<<i) != 0 {
				group = append(group, p)
				continue
			}
			group[len(group)-1] += "/" + p
		}
		if k, err := record.MakeKey(group...); err == nil {
			all = append(all, k)
		}
	}
	return all
}

// exactKey writes a key so that it can be read in one way only.
func exactKey(k record.Key) string {
	b, err := json.Marshal(k.Parts())
	if err != nil {
		return k.String()
	}
	return "'" + string(b) + "'"
}

// keysOf lists the keys of a pipeline that a text means: those with an item,
// something open or a history, and those under which source records are open
// that failed before they had a key.
func keysOf(v state.View, pipeline int64, text string) ([]record.Key, error) {
	var found []record.Key
	for _, k := range readings(text) {
		known, err := knownKey(v, pipeline, k)
		if err != nil {
			return nil, err
		}
		if known {
			found = append(found, k)
		}
	}
	failed, err := failedKeysOf(v, pipeline, text)
	return append(found, failed...), err
}

// failedKeysOf lists the open keys that are no keys of items and mean a text
// all the same: of source records that failed before the keys of their items
// were known, and of rows of the target that never were items.
func failedKeysOf(v state.View, pipeline int64, text string) ([]record.Key, error) {
	var found []record.Key
	exact := readings(text)
	for o, err := range v.Open(pipeline) {
		if err != nil {
			return nil, err
		}
		ref, failed := isFailedKey(o.Key)
		switch {
		case failed && (ref.Key.String() == text || slices.Contains(exact, ref.Key)):
			found = append(found, o.Key)
		case !failed && ShowKey(o.Key) == text && !slices.Contains(exact, o.Key):
			found = append(found, o.Key)
		}
	}
	return found, nil
}

func knownKey(v state.View, pipeline int64, k record.Key) (bool, error) {
	it, err := v.Item(pipeline, k)
	if err != nil || it != nil {
		return it != nil, err
	}
	o, err := v.OpenKey(pipeline, k)
	if err != nil || o != nil {
		return o != nil, err
	}
	for _, err := range v.Changes(pipeline, k) {
		return err == nil, err
	}
	return false, nil
}

// oneKey gives the one key that a text means, with what is open for its source
// record. The error is an *UnknownError or an *AmbiguousError where it says
// so.
func (e *Engine) oneKey(v state.View, r *remembered, text string) (record.Key, error) {
	keys, err := keysOf(v, r.row.ID, text)
	if err != nil {
		return "", err
	}
	if proper := properKeys(keys); len(proper) > 0 {
		keys = proper
	}
	switch len(keys) {
	case 0:
		near, err := nearKeys(v, r.row.ID, text)
		if err != nil {
			return "", err
		}
		return "", &UnknownError{What: "key", Name: text, In: r.name, Near: near}
	case 1:
		return keys[0], nil
	}
	return "", ambiguous(text, keys)
}

// properKeys leaves out those of source records that failed.
func properKeys(keys []record.Key) []record.Key {
	return slices.DeleteFunc(slices.Clone(keys), func(k record.Key) bool {
		_, failed := isFailedKey(k)
		return failed
	})
}

func ambiguous(text string, keys []record.Key) error {
	a := &AmbiguousError{What: "key", Name: text}
	for _, k := range keys {
		if ref, failed := isFailedKey(k); failed {
			k = ref.Key
		}
		a.Choices = append(a.Choices, exactKey(k))
	}
	return a
}

// maxNear is how many similar keys are named.
const maxNear = 3

// nearKeys finds keys that are like a text: equal but for case, longer at one
// end, or few letters away.
func nearKeys(v state.View, pipeline int64, text string) ([]string, error) {
	near := nearest{text: strings.ToLower(text)}
	for it, err := range v.ItemsLight(pipeline) {
		if err != nil {
			return nil, err
		}
		near.add(ShowKey(it.Key))
	}
	for o, err := range v.Open(pipeline) {
		if err != nil {
			return nil, err
		}
		near.add(ShowKey(o.Key))
	}
	return near.names(), nil
}

// A nearest collects the names that are most like a text.
type nearest struct {
	text string // in lower case
	best []scored
}

type scored struct {
	name  string
	score int
}

func (n *nearest) add(name string) {
	limit := 1 + len(n.text)/4
	if len(n.best) == maxNear {
		limit = min(limit, n.best[maxNear-1].score-1)
	}
	low := strings.ToLower(name)
	score := limit + 1
	switch longer := len(low) - len(n.text); {
	case low == n.text:
		score = 0
	case len(n.text) >= 3 && (strings.HasPrefix(low, n.text) || strings.HasSuffix(low, n.text)):
		score = 1
	case longer <= limit && -longer <= limit:
		score = levenshtein.Distance(low, n.text, nil)
	}
	if score > limit || slices.ContainsFunc(n.best, func(s scored) bool { return s.name == name }) {
		return
	}
	at := slices.IndexFunc(n.best, func(s scored) bool { return s.score > score })
	if at < 0 {
		at = len(n.best)
	}
	n.best = slices.Insert(n.best, at, scored{name, score})
	n.best = n.best[:min(len(n.best), maxNear)]
}

func (n *nearest) names() []string {
	var names []string
	for _, s := range n.best {
		names = append(names, s.name)
	}
	return names
}
