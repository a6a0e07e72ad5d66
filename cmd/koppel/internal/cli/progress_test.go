package cli

import (
	"io"
	"strings"
	"testing"
	"time"

	"koppel/engine"
)

func TestProgressLine(t *testing.T) {
	var b strings.Builder
	now := time.Unix(1000, 0)
	p := &progressLine{out: &b, now: func() time.Time { return now }, width: 60}
	said := func(want string) {
		t.Helper()
		if got := b.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		b.Reset()
	}
	p.tell(engine.Progress{Phase: "reading", Subject: "source.file.people", Done: 5000})
	said("\r\x1b[Kreading source.file.people  5,000 records")
	now = now.Add(progressEvery / 2)
	p.tell(engine.Progress{Phase: "reading", Subject: "source.file.people", Done: 6000})
	said("")
	now = now.Add(2*time.Second - progressEvery/2)
	p.tell(engine.Progress{Phase: "reading", Subject: "source.file.people", Done: 25000})
	said("\r\x1b[Kreading source.file.people  25,000 records · 10,000/s")
	if _, err := io.WriteString(p, "Warning\n"); err != nil {
		t.Fatal(err)
	}
	said("\r\x1b[KWarning\n")
	p.clear()
	said("")
	now = now.Add(time.Second)
	p.tell(engine.Progress{Phase: "writing", Subject: "pipeline." + strings.Repeat("x", 100)})
	if got := b.String(); len([]rune(got)) != 59+len("\r\x1b[K") || !strings.HasSuffix(got, "…") {
		t.Errorf("%q", got)
	}
}
