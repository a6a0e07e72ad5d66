package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"koppel/engine"
	"koppel/internal/view"
)

// progressEvery is how often the line of progress is written anew.
const progressEvery = 100 * time.Millisecond

// A progressLine shows on a terminal what a run is doing, in one line.
type progressLine struct {
	mu      sync.Mutex
	out     io.Writer
	now     func() time.Time
	width   int
	shown   time.Time
	subject engine.Progress
	since   time.Time
	from    int64
	visible bool
}

// progress gives what to tell the engine's progress to; nil: nobody looks.
func (a *app) progress() func(engine.Progress) {
	if !a.errTerminal || a.quiet || a.inCI() || a.env("TERM") == "dumb" {
		return nil
	}
	if p, ok := a.err.(*progressLine); ok {
		return p.tell
	}
	width := a.width
	if width == 0 {
		width = 80
	}
	p := &progressLine{out: a.err, now: a.now, width: width}
	a.err = p
	return p.tell
}

// tell shows progress, unless something was shown just now.
func (p *progressLine) tell(now engine.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.now()
	if now.Phase != p.subject.Phase || now.Subject != p.subject.Subject {
		p.since, p.from = t, now.Done
	}
	p.subject = now
	if t.Sub(p.shown) < progressEvery {
		return
	}
	p.shown = t
	text := now.Phase + " " + view.Clean(now.Subject)
	if now.Done > 0 {
		text += "  " + view.Count(now.Done) + " records"
	}
	if s := t.Sub(p.since).Seconds(); s >= 1 {
		text += fmt.Sprintf(" · %s/s", view.Count(int64(float64(now.Done-p.from)/s)))
	}
	_, _ = io.WriteString(p.out, "\r\x1b[K"+view.Shorten(text, p.width-1))
	p.visible = true
}

// Write removes the line of progress before anything else is written.
func (p *progressLine) Write(b []byte) (int, error) {
	p.clear()
	return p.out.Write(b)
}

// clear removes the line of progress.
func (p *progressLine) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.visible {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
		p.visible = false
	}
}

// ready removes the line of progress before results are written.
func (a *app) ready() {
	if p, ok := a.err.(*progressLine); ok {
		p.clear()
	}
}
