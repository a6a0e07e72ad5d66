// Package mapping compiles and runs what is evaluated per record: paths,
// constants, functions, expr programs and jq programs.
//
// A [Spec] holds the programs of one pipeline as [Node] trees. [Compile] turns
// it into a [Program], which any number of goroutines share; each of them runs
// it through an [Evaluator] of its own. The same mapping gives the same bytes
// whichever form it is written in.
//
// Three states of a value are kept apart: absent, null and empty. A path gives
// null where anything on the way is missing or null. Numbers that are only
// passed on keep their digits.
package mapping
