package dsl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// suggest returns the one of names that given most likely means, or "". The
// order of names does not matter.
func suggest(given string, names []string) string {
	best, least := "", 0
	for _, name := range slices.Sorted(slices.Values(names)) {
		if name == given {
			continue
		}
		distance := levenshtein.Distance(normalName(given), normalName(name), nil)
		if swapped(normalName(given), normalName(name)) {
			distance = 1
		}
		if distance > tolerance(given, name) {
			continue
		}
		if best == "" || distance < least {
			best, least = name, distance
		}
	}
	return best
}

// swapped reports whether a and b differ by two neighbouring letters that
// changed places, which is one slip of the fingers.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) - 1 {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}

// normalName makes names equal that differ in case or separator alone.
func normalName(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "_")
}

// tolerance is the number of edits at which name still counts as what given
// means: a short name would otherwise be like any other.
func tolerance(given, name string) int {
	switch n := min(len([]rune(given)), len([]rune(name))); {
	case n <= 1:
		return 0
	case n <= 4:
		return 1
	case n <= 8:
		return 2
	default:
		return 3
	}
}

// didYouMean returns ` Did you mean "x"?` to stand behind a sentence, or ""
// when none of names is like given.
func didYouMean(given string, names []string) string {
	name := suggest(given, names)
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", name)
}
