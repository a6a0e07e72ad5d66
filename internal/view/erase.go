package view

import "koppel/engine"

// Erased is what `koppel erase --json` prints.
type Erased struct {
	FormatVersion string        `json:"format_version" doc:"version of this output"`
	RunID         int64         `json:"run_id" doc:"number under which runs list shows that something was erased"`
	Places        []ErasedPlace `json:"places" doc:"what was erased from the state"`
	AtTarget      []ErasedPlace `json:"at_target" doc:"rows that stand at a target still"`
	Deleted       bool          `json:"deleted" doc:"the row was deleted at the target of the pipeline named"`
	Maybe         []ErasedPlace `json:"maybe" doc:"keys that may be earlier ones of the same record; erase them by name"`
	Backups       []string      `json:"backups" doc:"copies of the state that may hold the record still"`
}

// ErasedPlace is one key of one pipeline or source.
type ErasedPlace struct {
	Address string `json:"address" doc:"such as pipeline.employees"`
	Key     string `json:"key" doc:"parts joined by /"`
	Target  string `json:"target" doc:"identity of the target; may be empty"`
}

// NewErased describes what was erased.
func NewErased(e *engine.Erased) Erased {
	return Erased{FormatVersion: FormatVersion, RunID: e.Run, Places: newPlaces(e.Places), AtTarget: newPlaces(e.Kept), Deleted: e.Deleted,
		Maybe: newPlaces(e.Maybe), Backups: list(e.Backups)}
}

func newPlaces(all []engine.ErasedPlace) []ErasedPlace {
	out := make([]ErasedPlace, 0, len(all))
	for _, p := range all {
		out = append(out, ErasedPlace(p))
	}
	return out
}

// Erased tells what was erased, and what can't be reached.
func (t *Teller) Erased(e *engine.Erased) {
	p := t.Style.painter()
	t.line("Erased from the state:")
	for _, place := range e.Places {
		t.line("  %s %s", Clean(place.Address), showKey(place.Key))
	}
	if e.Deleted {
		t.line("Its row at the target was deleted.")
	}
	for _, place := range e.Kept {
		t.line("%s the row %s of %s was not touched, and nothing here knows of it any more.", p.Yellow("At the target:"), showKey(place.Key), Clean(place.Target))
	}
	for _, place := range e.Maybe {
		t.line("%s %s %s gave way when the record was made; if it was the same one, erase it too.", p.Yellow("Perhaps:"), Clean(place.Address), showKey(place.Key))
	}
	t.line("%s while the source has the record, the next run reads it and delivers it again: remove it there first.", p.Yellow("The source:"))
	t.line("%s plan files that were saved, exports, logs, and what targets keep of their own.", p.Yellow("Not reached:"))
	for _, path := range e.Backups {
		t.line("  %s may hold it still", Clean(path))
	}
}
