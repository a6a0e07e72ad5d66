package sql

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// childVariable makes the test binary a process that writes until it is
// killed; its value is the database: a path, or a URL of PostgreSQL.
const childVariable = "KOPPEL_TEST_WRITE_TO"

const killBatch = 500

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever writes batches and says the number of each that was written.
// Batch n sets all rows to n and adds one batch of rows.
func writeForever(path string) error {
	db := sql.NewSQLite(path, "target.db", 10*time.Second)
	if strings.HasPrefix(path, "postgres://") {
		var err error
		if db, err = sql.NewPostgres(path, "", 0); err != nil {
			return err
		}
	}
	c := Config{Table: "people", Create: true, Connection: connector.Connection{Get: func(context.Context) (any, error) { return db, nil }}}
	s, err := Kind().Open(context.Background(), &c, connector.Env{Shape: people()})
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		var batch []record.Change
		for i := range n * killBatch {
			batch = append(batch, create(strconv.Itoa(i), fmt.Sprintf(`{"active":true,"id":%d,"name":"row %d","phones":["a"],"score":%d}`, i, i, n)))
		}
		out, err := s.Write(context.Background(), batch)
		if err != nil {
			return err
		}
		for _, o := range out {
			if o.Status != connector.Applied {
				return fmt.Errorf("not applied: %s", o.Message)
			}
		}
		fmt.Println(n)
	}
}

// TestKill kills a writing process at many moments: what it called applied is
// there, and no batch is there in part.
func TestKill(t *testing.T) {
	for round := range 12 {
		path := filepath.Join(t.TempDir(), "target.db")
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		said := 0
		lines := bufio.NewScanner(out)
		for said < 1+round/2 && lines.Scan() {
			said, _ = strconv.Atoi(lines.Text())
		}
		// The next batch is under way; how far differs from round to round.
		for range round * 2000 {
			if !exists(path) {
				t.Fatal("the database is gone")
			}
		}
		child.Process.Kill()
		for lines.Scan() {
			said, _ = strconv.Atoi(lines.Text())
		}
		child.Wait()
		checkBatches(t, path, said)
	}
}

func checkBatches(t *testing.T, path string, said int) {
	t.Helper()
	g := reopen(t, path, Config{}, people())
	f := strings.Fields(g.query("SELECT count(*), min(score), max(score) FROM people"))
	n, err := strconv.Atoi(f[1])
	if err != nil || said == 0 || n < said || n > said+1 || f[2] != f[1] || f[0] != strconv.Itoa(n*killBatch) {
		t.Errorf("said %d batches; rows, lowest and highest batch: %v", said, f)
	}
	if got := g.query("PRAGMA integrity_check"); got != "\"ok\"\n" {
		t.Errorf("integrity: %s", got)
	}
}
