package sql

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"koppel/internal/sql/postgrestest"
)

// TestPostgresKill kills a writing process at many moments: what it called
// applied is there, and no batch is there in part.
func TestPostgresKill(t *testing.T) {
	rounds := 4
	if os.Getenv("KOPPEL_CI") != "" {
		rounds = 20
	}
	p := postgrestest.Start(t)
	for round := range rounds {
		url := p.Create(t, fmt.Sprintf("kill%d", round))
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+url)
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
		for said < 1+round%5 && lines.Scan() {
			said, _ = strconv.Atoi(lines.Text())
		}
		// The next batch is under way; how far differs from round to round.
		for range round % 4 {
			p.Query(t, url, "SELECT count(*) FROM people")
		}
		child.Process.Kill()
		for lines.Scan() {
			said, _ = strconv.Atoi(lines.Text())
		}
		child.Wait()
		var count, low, high int
		row := p.Query(t, url, "SELECT count(*) || ' ' || min(score) || ' ' || max(score) FROM people")
		if _, err := fmt.Sscan(row[0], &count, &low, &high); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		if said == 0 || low != high || low < said || low > said+1 || count != low*killBatch {
			t.Errorf("round %d: said %d batches; rows, lowest and highest batch: %s", round, said, row)
		}
	}
}
