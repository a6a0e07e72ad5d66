package file

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"koppel/engine/record"
)

func TestStringsBeyondMemory(t *testing.T) {
	for _, limit := range []int{1000, blockSize, 3*blockSize + 7} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) { testStrings(t, limit) })
	}
}

func testStrings(t *testing.T, limit int) {
	dir := t.TempDir()
	table := &stringTable{folder: dir, limit: limit}
	text := func(i int) []byte {
		if i == 4900 {
			return bytes.Repeat([]byte("long "), 50_000)
		}
		return fmt.Appendf(nil, "text %d \"%s\"", i, strings.Repeat("é", i%40))
	}
	const n = 5000
	for i := range n {
		if err := table.add(text(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, block := range table.memory {
		held += len(block)
	}
	if held > limit || held < limit/2 || int64(held) != table.held {
		t.Errorf("%d bytes are in memory, counted as %d", held, table.held)
	}
	for i := range 3 * n {
		i = i * 7919 % n
		got, ok, err := table.appendTo(nil, i)
		if want := record.AppendString(nil, text(i)); err != nil || !ok || !bytes.Equal(want, got) {
			t.Fatalf("text %d is %.60q, not %.60q: %v %v", i, got, want, ok, err)
		}
	}
	if _, ok, err := table.appendTo(nil, n); ok || err != nil {
		t.Errorf("there is a text behind the last: %v", err)
	}
	spilled, err := os.ReadFile(table.file.Name())
	if err != nil || len(spilled) == 0 || bytes.Contains(spilled, []byte("text")) {
		t.Errorf("the file of %d bytes holds texts in the clear: %v", len(spilled), err)
	}
	if err := table.close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
