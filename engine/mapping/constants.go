package mapping

import (
	"maps"
	"slices"
	"strings"
)

// constants are the values known before a run, ready to be read.
type constants struct {
	given Consts
	vals  map[string]val // by root
	tree  map[string]any // by root, decoded
}

func (c *compiler) constants(given Consts) *constants {
	k := &constants{given: given, vals: map[string]val{}, tree: map[string]any{}}
	for root, m := range map[string]map[string]any{"var": given.Var, "local": given.Local, "each": given.Each} {
		if root == "each" && m == nil {
			continue
		}
		if m == nil {
			m = map[string]any{}
		}
		v, err := constantVal(m)
		if err != nil {
			c.problem(0, CodeArgument, root+": "+err.Error(), "")
		}
		k.vals[root] = v
		k.tree[root] = (&Evaluator{}).decoded(v)
	}
	return k
}

func (k *constants) has(root string) bool { _, ok := k.vals[root]; return ok }

func (k *constants) roots() []string { return slices.Sorted(maps.Keys(k.vals)) }

// lookup gives the constant at root.steps. Only the first step must exist;
// below it a missing member is null, as in a record.
func (k *constants) lookup(root string, steps []string) (v val, problem, suggest string) {
	if len(steps) == 0 {
		return k.vals[root], "", ""
	}
	m, _ := k.tree[root].(map[string]any)
	if _, ok := m[steps[0]]; !ok {
		names := slices.Sorted(maps.Keys(m))
		return null(), "unknown name " + root + "." + steps[0], prefixed(root, nearest(steps[0], names))
	}
	return (&Evaluator{}).walk(k.vals[root].b, steps), "", ""
}

func prefixed(root, name string) string {
	if name == "" {
		return ""
	}
	return root + "." + name
}

// sensitive tells whether anything at or below or above a path is sensitive.
func (k *constants) sensitive(root string, steps []string) bool {
	return covers(k.given.Sensitive, strings.Join(append([]string{root}, steps...), "."))
}

// covers tells whether one of the sensitive dotted paths lies above, at or
// below a path.
func covers(sensitive []string, path string) bool {
	for _, s := range sensitive {
		if s == "" || path == "" || s == path || strings.HasPrefix(path, s+".") || strings.HasPrefix(s, path+".") {
			return true
		}
	}
	return false
}

// decoded gives the constant at root.steps as plain values.
func (k *constants) decoded(root string, steps []string) any {
	v, _, _ := k.lookup(root, steps)
	return (&Evaluator{}).decoded(v)
}

func dotted(steps []string) string { return strings.Join(steps, ".") }

func splitDotted(path string) []string { return strings.Split(path, ".") }
