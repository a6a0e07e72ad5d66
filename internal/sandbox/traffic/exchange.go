package traffic

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// An Exchange is one call and its answer, which is held until it is whole.
// It is an http.ResponseWriter.
type Exchange struct {
	Request *http.Request
	Call    Call
	// Body is what the caller sent.
	Body []byte

	header http.Header
	status int
	body   []byte
	broken bool // the connection is cut without an answer
	cut    bool // the connection is cut in the middle of the answer
}

// Header is the header of the answer.
func (x *Exchange) Header() http.Header { return x.header }

// WriteHeader sets the status of the answer; the first one counts.
func (x *Exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
}

// Write adds to the answer.
func (x *Exchange) Write(p []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	x.body = append(x.body, p...)
	return len(p), nil
}

// JSON answers with a value.
func (x *Exchange) JSON(status int, v any) {
	if x.header.Get("Content-Type") == "" {
		x.header.Set("Content-Type", "application/json; charset=utf-8")
	}
	x.WriteHeader(status)
	e := json.NewEncoder(x)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("encode an answer: %v", err))
	}
	x.body = bytes.TrimSuffix(x.body, []byte("\n"))
}

// Effect notes something that the call did.
func (x *Exchange) Effect(op, what, key string, body any) {
	e := Effect{Op: op, What: what, Key: key}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			panic(fmt.Sprintf("encode an effect: %v", err))
		}
		e.Body = text
	}
	x.Call.Effects = append(x.Call.Effects, e)
}

// Break cuts the connection instead of an answer.
func (x *Exchange) Break() { x.broken = true }

// Inner makes an exchange for a call within another one, which is not counted or
// sent by itself: the caller takes its Answer.
func Inner(outer *Exchange, r *http.Request) *Exchange {
	return &Exchange{Request: r, header: http.Header{}, Call: outer.Call}
}

// Answer is the status and the body so far.
func (x *Exchange) Answer() (int, []byte) { return x.status, x.body }

// begin counts a call in.
func (t *Traffic) begin(r *http.Request) *Exchange {
	x := &Exchange{Request: r, header: http.Header{}}
	x.Call = Call{System: t.o.System, At: t.o.Now(), Method: r.Method, Path: r.URL.RequestURI()}
	x.Call.Action = t.action(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	x.Call.N = t.n
	t.inflight++
	t.peak = max(t.peak, t.inflight)
	return x
}

// action is what a call is listed under beside its method.
func (t *Traffic) action(r *http.Request) string {
	if t.o.Action != nil {
		return t.o.Action(r)
	}
	return r.URL.Path
}

func (t *Traffic) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inflight--
}

// take counts a call in, answers it and writes it down. Only then its answer may
// be sent: whoever has it may call again, and this call must not count any more.
func (t *Traffic) take(r *http.Request, serve func(*Exchange)) *Exchange {
	x := t.begin(r)
	defer t.end()
	t.answer(x, serve)
	return x
}

// Do counts a call of another protocol than HTTP, with the faults that fit it:
// method and path say what it is, serve answers it with a status of 200 to 599.
// 0: the connection breaks, and the caller must not hear of an answer.
func (t *Traffic) Do(ctx context.Context, method, path string, serve func(*Exchange)) int {
	r := (&http.Request{Method: method, URL: &url.URL{Path: path}, Header: http.Header{}, Body: http.NoBody}).WithContext(ctx)
	x := t.take(r, serve)
	if x.broken || x.cut {
		return 0
	}
	return x.status
}

// answer makes the answer to a call and writes it down.
func (t *Traffic) answer(x *Exchange, serve func(*Exchange)) {
	t.mu.Lock()
	fault, busy := t.pick(x), t.o.Concurrent > 0 && t.inflight > t.o.Concurrent
	place := x.Request.Method + " " + x.Request.URL.Path + " " + x.Call.Action
	last := t.last[place]
	t.mu.Unlock()
	if fault != nil {
		x.Call.Fault = fault.Kind
	}
	switch {
	case t.before(x, fault):
	case busy:
		t.o.Busy(x)
	case t.read(x):
		serve(x)
		x.WriteHeader(http.StatusOK)
		good := x.body
		t.after(x, fault, last)
		if x.status < 300 {
			t.mu.Lock()
			t.last[place] = good
			t.mu.Unlock()
		}
	}
	if !x.broken {
		x.Call.Status = x.status
	}
	if err := t.note(x); err != nil {
		x.broken = true
	}
}

// read takes the body in; false: it is too large, and that was answered.
func (t *Traffic) read(x *Exchange) bool {
	body := io.Reader(x.Request.Body)
	if t.o.MaxBody > 0 {
		body = io.LimitReader(body, t.o.MaxBody+1)
	}
	var err error
	if x.Body, err = io.ReadAll(body); err != nil {
		x.broken = true
		return false
	}
	if t.o.MaxBody > 0 && int64(len(x.Body)) > t.o.MaxBody {
		x.WriteHeader(http.StatusRequestEntityTooLarge)
		return false
	}
	return true
}

// note writes the call down and runs what was waiting for it.
func (t *Traffic) note(x *Exchange) error {
	var err error
	if t.o.Log != nil {
		err = t.o.Log.add(x.Call)
	}
	t.mu.Lock()
	t.calls = append(t.calls, x.Call)
	due := t.dueHooks(1)
	t.mu.Unlock()
	for _, h := range due {
		h.run()
	}
	return err
}

// send writes the answer to the connection.
func (t *Traffic) send(w http.ResponseWriter, x *Exchange) {
	if x.broken {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	for name, values := range x.header {
		h[name] = values
	}
	body := x.body
	if t.o.Gzip && len(body) > 0 && strings.Contains(x.Request.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = pack(body)
	}
	switch {
	case x.cut:
		h.Set("Content-Length", strconv.Itoa(len(body)+1))
		body = body[:len(body)/2]
	case len(body) == 0 && x.status != http.StatusNoContent && x.status != http.StatusNotModified: // others go in chunks
		h.Set("Content-Length", "0")
	}
	w.WriteHeader(x.status)
	_, err := w.Write(body)
	flush := http.NewResponseController(w).Flush()
	if x.cut || err != nil || flush != nil {
		panic(http.ErrAbortHandler)
	}
}

func pack(body []byte) []byte {
	var buf bytes.Buffer
	z, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed) // the level is one of gzip's
	_, err := z.Write(body)
	if err = errors.Join(err, z.Close()); err != nil {
		panic(fmt.Sprintf("pack an answer: %v", err))
	}
	return buf.Bytes()
}
