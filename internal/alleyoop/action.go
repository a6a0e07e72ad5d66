package alleyoop

import (
	"fmt"
	"slices"
	"strings"
)

// An Action is an operation that reads: the value of X-action with GET.
type Action string

// The actions that read.
const (
	Clients            Action = "clients"
	ProcessDefinitions Action = "process-definitions"
	ProcessInstances   Action = "process-instances"
	Tasks              Action = "tasks"
	TaskHistory        Action = "task-history"
)

// Headers lists the optional headers of an action, named without X- as its
// description writes them.
func (a Action) Headers() []string {
	switch a {
	case Clients:
		return []string{"clientId", "bsn", "kvk", "name", "referId", "rsin", "vat", "wage"}
	case ProcessInstances:
		return []string{"taskId", "clientId", "processKey", "periodStart", "periodEnd"}
	case Tasks, TaskHistory:
		return []string{"taskId", "clientId", "group", "signal", "processKey", "periodStart", "periodEnd"}
	}
	return nil
}

// Key names the fields that tell the records of an action apart.
func (a Action) Key() []string {
	switch a {
	case Clients:
		return []string{"clientId"}
	case ProcessDefinitions:
		return []string{"key"}
	case ProcessInstances:
		return []string{"instanceId"}
	}
	return []string{"taskId"}
}

// Header gives the header of that name and value, its name as the action
// writes it. Names are compared without case. The error says which names there
// are.
func (a Action) Header(name, value string) (Header, error) {
	known := a.Headers()
	i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
	if i >= 0 {
		return Header{known[i], value}, Checked(known[i], value)
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(name), "x-"); ok && rest != "" {
		return Header{}, fmt.Errorf("names %q: leave X- out, it is put there", name)
	}
	if len(known) == 0 {
		return Header{}, fmt.Errorf("names %q, and action %q takes no headers", name, a)
	}
	return Header{}, fmt.Errorf("names %q, and action %q takes %s", name, a, strings.Join(known, ", "))
}
