package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"koppel/engine/plan"
)

// shownProblems is how many problems of one kind are shown.
const shownProblems = 5

// maxMessage is how much of a message is shown: what to do stands at its end.
const maxMessage = 1000

// writeProblems shows the first problems; failed is how many records failed in
// all.
func writeProblems(w io.Writer, all []plan.Problem, failed int64, s Style) {
	if len(all) == 0 {
		return
	}
	p := s.painter()
	fmt.Fprintf(w, "\n  %s\n", p.Red("Problems:"))
	shown := all
	if !s.All && len(shown) > shownProblems {
		// Records come after what concerns the whole, such as why a run stopped.
		shown = slices.Clone(all)
		slices.SortStableFunc(shown, func(a, b plan.Problem) int { return min(len(a.Key), 1) - min(len(b.Key), 1) })
		shown = shown[:shownProblems]
	}
	for i := range shown {
		one := shown[i]
		one.Message = unrepeated(one.Message, all)
		fmt.Fprintf(w, "    %s\n", problemText(&one))
	}
	total := max(int64(len(all)), failed)
	if more := total - int64(len(shown)); more > 0 {
		fmt.Fprintf(w, "    %s\n", p.Dim(fmt.Sprintf("… and %s more", Count(more))))
	}
}

// unrepeated leaves out of a message the reason that a problem beside it says
// itself.
func unrepeated(message string, problems []plan.Problem) string {
	for i := range problems {
		if short, ok := strings.CutSuffix(message, ", and "+problems[i].Message); ok {
			return short
		}
	}
	return message
}

// problemText is one problem in one line: key, then what is wrong. A message
// names its field itself.
func problemText(p *plan.Problem) string {
	text := Shorten(Clean(p.Message), maxMessage)
	if p.Key != "" {
		text = showKey(p.Key) + "   " + text
	}
	return text
}

// writeWarnings shows the first warnings.
func writeWarnings(w io.Writer, all []plan.Problem, s Style) {
	p := s.painter()
	for i := range all {
		if i == shownProblems && !s.All {
			fmt.Fprintf(w, "  %s\n", p.Dim(fmt.Sprintf("… and %s", plural(int64(len(all)-i), "more warning"))))
			return
		}
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "  %s %s\n", p.Yellow("Warning:"), problemText(&all[i]))
	}
}
