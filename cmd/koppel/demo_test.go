package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"koppel/cmd/koppel/internal/demo"
	"koppel/internal/view"
)

// TestDemoByHand types the commands of the demo into a shell: they print there
// what the demo says.
func TestDemoByHand(t *testing.T) {
	for _, program := range []string{"curl", "sqlite3", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("KOPPEL_CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	shell := func(ctx context.Context, line string) (string, int, error) {
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		cmd.Dir = dir
		text, err := cmd.Output()
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			return string(text), failed.ExitCode(), nil
		}
		return string(text), 0, err
	}
	d, err := demo.Start(t.Context(), demo.Options{
		Dir: dir, Shell: shell, Tell: view.NewDemo(bufio.NewWriter(io.Discard), view.Style{}), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Walk(t.Context(), demo.Story()); err != nil {
		t.Error(err)
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
