package cli

import (
	"context"
	"maps"
	"regexp"
	"slices"

	"koppel/dsl"
	"koppel/engine"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) testVerb() *cobra.Command {
	pattern, update := "", false
	cmd := &cobra.Command{
		Use:   "test [PIPELINE …]",
		Short: "Run the test blocks, offline",
		Long: `Test takes the record of each test block through join, each, where, key and map,
as a run would, and compares the fields that the test names. Nothing is read or
written outside of the project's files.`,
		Example: `  koppel test
  koppel test employees --run 'prefix|mail'
  koppel test --update     write what comes out into the expect arguments`,
		ValidArgsFunction: a.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error {
			re, err := regexp.Compile(pattern)
			if err != nil {
				return wrong("--run: %w", err)
			}
			return a.test(cmd.Context(), args, re, update)
		},
	}
	cmd.Flags().StringVar(&pattern, "run", "", "only tests whose name matches the regular `EXPRESSION`")
	cmd.Flags().BoolVar(&update, "update", false, "rewrite the expect arguments of tests that fail with what comes out")
	return cmd
}

// A tested is one test that was run.
type tested struct {
	pipeline *engine.Pipeline
	test     *engine.Test
	result   engine.TestResult
}

func (a *app) test(ctx context.Context, names []string, pattern *regexp.Regexp, update bool) error {
	p, err := a.load(ctx, offline)
	if err != nil {
		return err
	}
	all, err := a.runTests(ctx, p, names, pattern)
	if err != nil {
		return err
	}
	if update {
		changed, err := a.updateTests(p, all)
		if err != nil {
			return err
		}
		if changed {
			if p, err = a.load(ctx, offline); err != nil {
				return err
			}
			if all, err = a.runTests(ctx, p, names, pattern); err != nil {
				return err
			}
		}
	}
	if len(all) == 0 && pattern.String() != "" {
		a.note("Warning: no test has a name that matches " + pattern.String())
	}
	return a.reportTests(all)
}

// runTests runs the tests of the named pipelines whose names match.
func (a *app) runTests(ctx context.Context, p *dsl.Project, names []string, pattern *regexp.Regexp) ([]tested, error) {
	list, err := p.Select(names)
	if err != nil {
		return nil, &exitError{code: exitWrong, err: err}
	}
	var all []tested
	for _, pl := range list {
		for _, t := range pl.Tests {
			if !pattern.MatchString(t.Name) {
				continue
			}
			all = append(all, tested{pipeline: pl, test: t, result: pl.Test(ctx, t, a.now(), p.Location)})
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// reportTests prints how tests ended.
func (a *app) reportTests(all []tested) error {
	cases := make([]view.TestCase, 0, len(all))
	for i := range all {
		cases = append(cases, view.NewTestCase(all[i].pipeline.Name, all[i].test, &all[i].result))
	}
	t := view.NewTests(cases)
	if a.json {
		if err := view.WriteJSON(a.out, t); err != nil {
			return err
		}
	} else if err := view.WriteTests(a.out, t, a.style()); err != nil {
		return err
	}
	if t.Failed > 0 {
		return silent(exitWrong)
	}
	return nil
}

// updateTests writes what came out of failed tests into their files.
func (a *app) updateTests(p *dsl.Project, all []tested) (changed bool, err error) {
	files := map[string][]byte{}
	for i := range all {
		t := &all[i]
		if t.result.Passed || t.test.Skip || t.test.Fails || t.result.Got == nil {
			continue
		}
		src, ok := files[t.test.File]
		if !ok {
			src = p.Files[t.test.File]
		}
		out, err := dsl.UpdateExpect(t.test.File, src, t.test, t.result.Got)
		if err != nil {
			return changed, err
		}
		files[t.test.File] = out
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := replaceFile(inside(p.Dir, name), files[name]); err != nil {
			return changed, err
		}
		a.note("Updated " + name)
		changed = true
	}
	return changed, nil
}
