package webhook

import "strings"

// Wanted tells whether a topic is one of those that patterns name: segments
// between dots, where * stands for one segment. Without patterns each is.
func Wanted(patterns []string, topic string) bool {
	for _, p := range patterns {
		if matches(p, topic) {
			return true
		}
	}
	return len(patterns) == 0
}

func matches(pattern, topic string) bool {
	for {
		want, moreWanted, inner := strings.Cut(pattern, ".")
		have, moreHad, also := strings.Cut(topic, ".")
		if want != have && (want != "*" || have == "") || inner != also {
			return false
		}
		if !inner {
			return true
		}
		pattern, topic = moreWanted, moreHad
	}
}
