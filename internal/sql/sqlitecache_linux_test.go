package sql

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLoadReadsLittle loads two databases in turns, in key order. Each page is
// read once, for the checkpoint: what an insert needs is in memory.
func TestLoadReadsLittle(t *testing.T) {
	const batches, rows = 24, 1_000
	type load struct {
		conn   Conn
		insert Stmt
	}
	var loads []load
	for n := range 2 {
		db := NewSQLite(filepath.Join(t.TempDir(), fmt.Sprint(n, ".db")), "x.db", time.Second)
		conn, err := db.Open(t.Context(), Create)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.Exec("CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID"); err != nil {
			t.Fatal(err)
		}
		insert, err := conn.Prepare("INSERT INTO t VALUES (?1, ?2)")
		if err != nil {
			t.Fatal(err)
		}
		defer insert.Close()
		loads = append(loads, load{conn, insert})
	}
	body := Value{Kind: Text, Text: []byte(strings.Repeat("x", 1500))}
	before := readCalls(t)
	for batch := range batches {
		for _, l := range loads {
			if err := l.conn.Begin(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				l.insert.Bind(1, Value{Kind: Text, Text: fmt.Appendf(nil, "%012d", batch*rows+i)})
				l.insert.Bind(2, body)
				if _, err := l.insert.Step(); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.conn.Commit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	const pages = 2 * batches * rows / 5
	if calls := readCalls(t) - before; calls > pages {
		t.Errorf("%d reads for %d rows on less than %d pages", calls, 2*batches*rows, pages)
	}
}

// readCalls is how many read calls this process made.
func readCalls(t *testing.T) (n int) {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, "syscr: %d", &n); err == nil {
			return n
		}
	}
	t.Skip("/proc/self/io does not count reads")
	return 0
}
