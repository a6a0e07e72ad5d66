// Package change decides, key by key, what must be done: it compares what is
// desired with what was delivered, under the rules of one pipeline and the
// facts of one run, and gives a verdict with its cause. It does no I/O, reads
// no clock, and looks at one key at a time, so the order of keys is of no
// importance. Guards and the bound on errors are judged over the counts of a
// whole run.
package change
