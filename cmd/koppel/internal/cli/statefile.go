package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"koppel/engine/state"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) stateExport() *cobra.Command {
	return &cobra.Command{
		Use: "export [FILE]", Short: "Write the state as JSON lines",
		Long: `Export writes the whole state as JSON lines, to stdout without a file. Sealed
bodies stay sealed; keys of records and addresses are clear. Deliveries that wait in the
inbox of a webhook are not in it: a run takes them into the state, and backup copies them.`,
		Example: "  koppel state export state.jsonl\n  koppel state export | gzip > state.jsonl.gz", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), looking, func(s *session) error {
				if err := a.noteWaiting(cmd.Context(), s); err != nil {
					return err
				}
				if len(args) == 0 || args[0] == "-" {
					if a.json {
						return wrong("an export to stdout is not one JSON object; leave out --json, or name a file")
					}
					return s.store.Export(cmd.Context(), a.out)
				}
				err := writeNew(a.at(args[0]), func(w io.Writer) error { return s.store.Export(cmd.Context(), w) })
				return a.wroteFile("export", args[0], err)
			})
		},
	}
}

// noteWaiting says which deliveries are left out of an export.
func (a *app) noteWaiting(ctx context.Context, s *session) error {
	counts, err := s.store.Inbox().Counts(ctx)
	if err != nil {
		return err
	}
	for _, address := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[address].Waiting; n > 0 {
			a.note(fmt.Sprintf("Warning: %d deliveries to %s wait in the inbox and are not in the export; run the pipelines that read them first, or use koppel state backup.", n, address))
		}
	}
	return nil
}

// writeNew writes a file that does not exist yet, for its owner alone. It
// leaves none behind when it fails.
func writeNew(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return wrong("%s exists already", path)
	}
	if err != nil {
		return wrong("write %s: %w", path, err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func (a *app) wroteFile(verb, path string, err error) error {
	if err != nil {
		return err
	}
	if a.json {
		return view.WriteJSON(a.out, view.StateEdit{FormatVersion: view.FormatVersion, Verb: verb, File: path})
	}
	_, err = fmt.Fprintln(a.out, "The state was written to "+view.Clean(path))
	return err
}

func (a *app) stateImport() *cobra.Command {
	yes := false
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Replace the state by an export",
		Long: `Import replaces the whole state by an export, once every row of it was checked. A
sealed export needs the key that it was sealed under.`,
		Example: "  koppel state import state.jsonl", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			f, err := os.Open(a.at(args[0]))
			if err != nil {
				return wrong("open the export: %w", err)
			}
			defer f.Close()
			return a.with(ctx, writing, func(s *session) error {
				if err := a.sure(yes, "replace the whole state by "+args[0]); err != nil {
					return err
				}
				e, err := s.ImportState(ctx, f)
				if errors.Is(err, state.ErrCorrupt) || errors.Is(err, state.ErrNewer) {
					err = &exitError{code: exitWrong, err: err}
				}
				return a.edited(s, "import", e, err, "The state was replaced by "+args[0]+".")
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) stateBackup() *cobra.Command {
	return &cobra.Command{
		Use: "backup [FILE]", Short: "Copy the state, consistently, while it is in use",
		Long: `Backup writes a consistent copy of the state, beside it without a file. Sealed
bodies stay sealed, so that the key must be kept too. To go back, put the copy in the
state's place while nothing runs.`,
		Example: "  koppel state backup\n  koppel state backup /backups/koppel.db", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), looking, func(s *session) error {
				path := s.BackupPath("")
				if len(args) > 0 {
					path = a.at(args[0])
				}
				if _, err := os.Lstat(path); err == nil {
					return wrong("%s exists already", path)
				}
				return a.wroteFile("backup", path, s.store.Backup(cmd.Context(), path))
			})
		},
	}
}
