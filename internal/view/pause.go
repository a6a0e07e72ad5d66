package view

import "strings"

// Paused is what `koppel pause --json` and `koppel resume --json` print.
type Paused struct {
	FormatVersion string   `json:"format_version" doc:"version of this output"`
	Paused        bool     `json:"paused" doc:"what the pipelines are now"`
	Changed       []string `json:"changed" doc:"names of those that were not so before"`
	Unchanged     []string `json:"unchanged" doc:"names of those that were"`
}

// NewPaused says what became of pipelines, all and those that changed by their
// addresses.
func NewPaused(paused bool, all, changed []string) Paused {
	out := Paused{FormatVersion: FormatVersion, Paused: paused, Changed: []string{}, Unchanged: []string{}}
	is := map[string]bool{}
	for _, a := range changed {
		is[a] = true
	}
	for _, a := range all {
		if is[a] {
			out.Changed = append(out.Changed, shortAddress(a))
			continue
		}
		out.Unchanged = append(out.Unchanged, shortAddress(a))
	}
	return out
}

// Paused says for people what became of pipelines.
func (t *Teller) Paused(p Paused) {
	now, next := "paused", "schedules and webhooks leave it alone until koppel resume; what comes meanwhile is one run then"
	if !p.Paused {
		now, next = "resumed", "koppel serve runs at once what was due"
	}
	if len(p.Changed) > 0 {
		t.line("%s %s: %s.", Clean(strings.Join(p.Changed, ", ")), now, next)
	}
	if len(p.Unchanged) > 0 {
		was := map[bool]string{true: "paused already", false: "not paused"}[p.Paused]
		t.line("%s: %s.", Clean(strings.Join(p.Unchanged, ", ")), was)
	}
}
