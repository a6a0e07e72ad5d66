package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"koppel/dsl"
	"koppel/engine/mapping"
	"koppel/engine/record"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) evalVerb() *cobra.Command {
	input := ""
	cmd := &cobra.Command{
		Use:   "eval jq|expr|hcl PROGRAM",
		Short: "Run one program on records",
		Long: `Eval runs a program on every JSON value of a file or of stdin, one after another,
and prints what it gives, a line each. In jq the value is . and in expr and hcl it
is src. Without input on a terminal the program runs once, on {}.`,
		Example: `  koppel eval jq '.phones[] | .number' --input people.jsonl
  echo '{"start":"2026-03-01"}' | koppel eval expr 'date(src.start) >= today'
  koppel eval hcl 'words(src.first, src.last)' < people.jsonl`,
		Args:      cobra.ExactArgs(2),
		ValidArgs: []string{"jq", "expr", "hcl"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eval(cmd.Context(), args[0], args[1], input)
		},
	}
	cmd.Flags().StringVar(&input, "input", "", "`FILE` with JSON values; default: stdin")
	return cmd
}

func (a *app) eval(ctx context.Context, language, text, input string) error {
	if !slices.Contains([]string{"jq", "expr", "hcl"}, language) {
		return wrong("%q is none of jq, expr, hcl", language)
	}
	now := a.now().UTC()
	program, problems := dsl.CompileValue(a.dir, language, text, mapping.RunConsts{
		Today: now.Format(time.DateOnly), Now: now.Format("2006-01-02T15:04:05Z"), Context: ctx})
	if problems.HasErrors() {
		if err := problems.Write(a.err, map[string][]byte{dsl.ProgramFile: []byte(text)}, a.colors(a.errTerminal), 0); err != nil {
			return err
		}
		return silent(exitWrong)
	}
	in, err := a.evalInput(input)
	if err != nil {
		return err
	}
	results, failed, err := a.evalEach(ctx, program, in)
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	if a.json {
		if err := view.WriteJSON(a.out, view.Evaluated{FormatVersion: view.FormatVersion, Results: results}); err != nil {
			return err
		}
	}
	if failed {
		return silent(exitPartial)
	}
	return nil
}

// evalInput opens what the program runs on.
func (a *app) evalInput(path string) (io.ReadCloser, error) {
	if path != "" && path != "-" {
		f, err := os.Open(a.at(path))
		if err != nil {
			return nil, wrong("open the input: %w", err)
		}
		return f, nil
	}
	if a.inTerminal {
		return io.NopCloser(oneObject()), nil
	}
	return io.NopCloser(a.in), nil
}

// evalEach runs the program on one value after the other. With --json the
// results are collected, else printed as they come.
func (a *app) evalEach(ctx context.Context, program *mapping.Single, in io.Reader) (all []view.EvaluatedInput, failed bool, err error) {
	all = []view.EvaluatedInput{}
	d := json.NewDecoder(in)
	for n := 1; ; n++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return all, failed, nil
		} else if err != nil {
			return all, failed, wrong("read input %d: %w", n, err)
		}
		one := view.EvaluatedInput{Outputs: []json.RawMessage{}}
		outputs, err := runProgram(ctx, program, raw)
		if ctx.Err() != nil {
			return all, failed, ctx.Err()
		}
		if err != nil {
			failed, one.Error = true, err.Error()
			if !a.json {
				a.complain(fmt.Sprintf("input %d: %s", n, err))
			}
		}
		if a.json {
			one.Outputs = append(one.Outputs, outputs...)
			all = append(all, one)
			continue
		}
		for _, o := range outputs {
			if _, err := fmt.Fprintf(a.out, "%s\n", o); err != nil {
				return all, failed, fmt.Errorf("write a result: %w", err)
			}
		}
	}
}

// runProgram runs a program on one value.
func runProgram(ctx context.Context, program *mapping.Single, raw []byte) ([]json.RawMessage, error) {
	input, err := record.Decode(raw)
	if err != nil {
		return nil, err
	}
	outputs, err := program.Run(ctx, input)
	if err != nil {
		return nil, err
	}
	all := make([]json.RawMessage, 0, len(outputs))
	for _, o := range outputs {
		b, err := record.Append(nil, o)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// oneObject is the input where there is none.
func oneObject() io.Reader { return strings.NewReader("{}") }
