package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"koppel/engine/record"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

// childState names the state that a child process writes to.
const childState = "KOPPEL_TEST_STATE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childState); path != "" {
		fmt.Fprintln(os.Stderr, child(path, os.Getenv("KOPPEL_TEST_SEAL") != ""))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const perRound = 50

// child locks the state and then rewrites perRound items round after round,
// all to the number of the round, and says which rounds are committed. It goes
// on until it is killed.
func child(path string, seal bool) error {
	ctx := context.Background()
	s, err := sqlite.OpenSmall(ctx, sqlite.Options{Path: path, Seal: seal})
	if err != nil {
		return err
	}
	if _, err := s.Lock(ctx, []string{"pipeline.p"}, 0, "the child"); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		round := 0
		err := s.Update(ctx, func(tx state.Tx) error {
			p, found, err := tx.Pipeline("pipeline.p")
			if err != nil {
				return err
			}
			if found {
				if round, err = strconv.Atoi(p.Day); err != nil {
					return err
				}
			}
			round++
			p.Address, p.Day = "pipeline.p", strconv.Itoa(round)
			if p.ID, err = tx.PutPipeline(p); err != nil {
				return err
			}
			for i := range perRound {
				body := []byte(strings.Repeat(strconv.Itoa(round)+" ", 1+round*i%400))
				if err := tx.PutItem(p.ID, &state.Item{Key: record.Key(fmt.Sprint(i)), Run: int64(round), Body: body}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Println(round)
	}
}

// TestKilled kills a writing process and looks at what it left: everything
// that it was told is committed, and nothing half.
func TestKilled(t *testing.T) {
	for _, seal := range []string{"", "yes"} {
		path := filepath.Join(t.TempDir(), "state.db")
		random := rand.New(rand.NewPCG(1, 2))
		for range 8 {
			said := runAndKill(t, path, seal, random.IntN(40))
			s := open(t, sqlite.Options{Path: path, Seal: seal != ""})
			checkRound(t, s, said)
			unlock, err := s.Lock(t.Context(), []string{"pipeline.p"}, 0, "the test")
			if err != nil {
				t.Fatalf("the lock of a dead process is held: %v", err)
			}
			unlock()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// runAndKill kills a child after some rounds and gives the last round that it
// reported.
func runAndKill(t *testing.T, path, seal string, rounds int) (last int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childState+"="+path, "KOPPEL_TEST_SEAL="+seal)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the child did not start: %q, %v", lines.Text(), lines.Err())
	}
	checkHeld(t, path)
	for seen := 0; lines.Scan(); seen++ {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if seen == rounds {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := io.Copy(io.Discard, out); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the child ended with %v", err)
	}
	return last
}

// checkHeld sees the child's lock from this process, while the child writes.
func checkHeld(t *testing.T, path string) {
	t.Helper()
	s := open(t, sqlite.Options{Path: path})
	_, err := s.Lock(t.Context(), []string{"pipeline.p"}, 0, "the test")
	var busy *state.LockedError
	if !errors.As(err, &busy) || busy.Holder != "the child" {
		t.Errorf("Lock = %v, want a *state.LockedError that names the child", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func checkRound(t *testing.T, s state.Store, said int) {
	t.Helper()
	err := s.View(t.Context(), func(v state.View) error {
		p, _, err := v.Pipeline("pipeline.p")
		if err != nil {
			return err
		}
		round, err := strconv.Atoi(p.Day)
		if err != nil || round < said {
			t.Errorf("the state is at round %q and round %d was reported as committed", p.Day, said)
		}
		n := 0
		for it, err := range v.Items(p.ID, "") {
			if err != nil {
				return err
			}
			if it.Run != int64(round) || !strings.HasPrefix(string(it.Body), p.Day+" ") {
				t.Errorf("item %s is of round %d, the pipeline of %d", it.Key, it.Run, round)
			}
			n++
		}
		if n != perRound {
			t.Errorf("%d items, want %d", n, perRound)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
