package sqlitebind

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func openTable(t testing.TB, pragma string) *sqlite.Conn {
	t.Helper()
	c, err := sqlite.OpenConn(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := sqlitex.ExecuteScript(c, pragma+"; CREATE TABLE kept (n INTEGER PRIMARY KEY, t, b)", nil); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHandlesAreFound fails when the library's structs are not as they were:
// all would go on working, more slowly.
func TestHandlesAreFound(t *testing.T) {
	c := openTable(t, "")
	if _, _, ok := handles(c.Prep("SELECT 1")); !ok {
		t.Error("the handles of a statement are not found")
	}
}

// TestValuesStand binds rows one after the other, also such as do not fit the
// room, and reads them back.
func TestValuesStand(t *testing.T) {
	for _, encoding := range []string{"UTF-8", "UTF-16le"} {
		c := openTable(t, `PRAGMA encoding = "`+encoding+`"`)
		st := c.Prep("INSERT INTO kept VALUES (?, ?, ?)")
		room := New(st)
		size := rapid.OneOf(rapid.IntRange(0, 40), rapid.SampledFrom([]int{roomSize / 2, roomSize - 1, roomSize, roomSize + 1, 3 * roomSize}))
		n := int64(0)
		rapid.Check(t, func(t *rapid.T) {
			text := strings.Repeat(rapid.SampledFrom([]string{"x", "é", "漢", "𝄞"}).Draw(t, "letter"), size.Draw(t, "text"))
			blob := bytes.Repeat([]byte{0, 0xff, byte(n)}, size.Draw(t, "blob"))
			n++
			room.Clear()
			st.BindInt64(1, n)
			room.Text(2, []byte(text))
			room.Blob(3, blob)
			if _, err := st.Step(); err != nil {
				t.Fatal(err)
			}
			if err := st.Reset(); err != nil {
				t.Fatal(err)
			}
			got := c.Prep("SELECT typeof(t), t, typeof(b), b FROM kept WHERE n = ?")
			got.BindInt64(1, n)
			if row, err := got.Step(); err != nil || !row {
				t.Fatal(row, err)
			}
			b := make([]byte, got.ColumnLen(3))
			got.ColumnBytes(3, b)
			if got.ColumnText(0) != "text" || got.ColumnText(1) != text || got.ColumnText(2) != "blob" || !bytes.Equal(b, blob) {
				t.Errorf("got %s of %d bytes and %s of %d bytes", got.ColumnText(0), got.ColumnLen(1), got.ColumnText(2), len(b))
			}
			if err := got.Reset(); err != nil {
				t.Fatal(err)
			}
		})
		if err := st.Finalize(); err != nil {
			t.Error(err)
		}
		room.Close()
	}
}

func TestNoSuchParameter(t *testing.T) {
	c := openTable(t, "")
	st := c.Prep("SELECT ?")
	room := New(st)
	defer room.Close()
	room.Text(2, []byte("x"))
	if _, err := st.Step(); err == nil {
		t.Error("a parameter that is not there was bound without an error")
	}
}

// TestLibraryWay holds the way that is taken without a room to the same.
func TestLibraryWay(t *testing.T) {
	c := openTable(t, "")
	st := c.Prep("SELECT ? || ?, typeof(?2)")
	room := &Room{st: st}
	room.Text(1, []byte("é"))
	room.Blob(2, []byte("b"))
	if row, err := st.Step(); err != nil || !row || st.ColumnText(0) != "éb" || st.ColumnText(1) != "blob" {
		t.Errorf("%v, %v, %q, %q", row, err, st.ColumnText(0), st.ColumnText(1))
	}
}

func BenchmarkBind(b *testing.B) {
	c := openTable(b, "")
	st := c.Prep("INSERT OR REPLACE INTO kept VALUES (1, ?, ?)")
	text := []byte(strings.Repeat("a text ", 6))
	for _, how := range []struct {
		name string
		room *Room
	}{{"library", &Room{st: st}}, {"room", New(st)}} {
		b.Run(fmt.Sprint(how.name), func(b *testing.B) {
			for b.Loop() {
				how.room.Clear()
				how.room.Text(1, text)
				how.room.Text(2, text)
			}
		})
		how.room.Close()
	}
}
