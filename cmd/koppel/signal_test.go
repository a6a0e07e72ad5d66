//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestInterrupt sends signals to a verb that waits for its input. What it says
// on stderr shows that it is running, and that it took the first signal.
func TestInterrupt(t *testing.T) {
	for _, test := range []struct {
		name    string
		signals []syscall.Signal
		want    int
	}{
		{"one drains", []syscall.Signal{syscall.SIGINT}, 1},
		{"two interrupts", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 130},
		{"interrupt and terminate", []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, 143},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "koppel", "eval", "expr", "src.a > 1")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := bufio.NewReader(out)
			if _, err := io.WriteString(in, `{"a":"no number"}`+"\n"); err != nil {
				t.Fatal(err)
			}
			await(t, said, "input 1")
			for i, sig := range test.signals {
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					await(t, said, "interrupt again")
				}
			}
			if len(test.signals) == 1 {
				if _, err := io.WriteString(in, "{}\n"); err != nil {
					t.Fatal(err)
				}
				if err := in.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := io.Copy(io.Discard, said); err != nil {
				t.Fatal(err)
			}
			err = cmd.Wait()
			var failed *exec.ExitError
			if !errors.As(err, &failed) || failed.ExitCode() != test.want {
				t.Errorf("%v, want exit %d", err, test.want)
			}
		})
	}
}

// await reads lines up to one that has a text in it.
func await(t *testing.T, r *bufio.Reader, text string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("%q was never said: %v", text, err)
		}
	}
}
