package console

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/internal/view"
)

// root is where the API lies.
const root = "/api/v1"

// A call is one request that is answered.
type call struct {
	*http.Request
	api     *API
	token   string // its name
	project *dsl.Project
	engine  *engine.Engine
	body    any // what the operation takes, filled in
	header  http.Header
}

// An accepted answer is one of 202: something goes on, at a path under root.
type accepted struct {
	at   string
	body any
}

// A stream is an answer that is written piece by piece.
type stream struct {
	write func(*bufio.Writer) error
	close func() error
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case a.requests <- struct{}{}:
		defer func() { <-a.requests }()
	default:
		writeRefusal(w, refuse("busy", "too many requests are being answered; ask again later"))
		return
	}
	if err := checkSite(r); err != nil {
		a.log(r, "", writeRefusal(w, err))
		return
	}
	h, pattern := a.routes.Handler(r)
	if pattern == "" || path.Clean(r.URL.Path) != r.URL.Path {
		a.unrouted(w, r, h, pattern)
		return
	}
	a.routes.ServeHTTP(w, r)
}

// unrouted answers what no operation answers. Only who has a token learns which
// paths there are.
func (a *API) unrouted(w http.ResponseWriter, r *http.Request, h http.Handler, pattern string) {
	t, err := a.Authorize(r, Viewer)
	if err != nil {
		a.log(r, "", writeRefusal(w, err))
		return
	}
	err = refuse("not_found", "there is no "+clip(r.URL.Path)+"; "+root+"/openapi.json describes the API")
	probe := &headerOnly{header: http.Header{}}
	if pattern == "" { // h says why nothing matches
		h.ServeHTTP(probe, r)
	}
	if allow := probe.header.Get("Allow"); probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", allow)
		err = refuse("method", clip(r.URL.Path)+" takes "+allow)
	}
	a.log(r, t.Name, writeRefusal(w, err))
}

// A headerOnly drops what is written to it.
type headerOnly struct {
	header http.Header
	status int
}

func (h *headerOnly) Header() http.Header         { return h.header }
func (h *headerOnly) WriteHeader(status int)      { h.status = status }
func (h *headerOnly) Write(b []byte) (int, error) { return len(b), nil }

// handle answers the requests of one operation.
func (a *API) handle(op operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		// A server that knows no deadlines has its own bounds.
		_ = control.SetReadDeadline(time.Now().Add(readWait))
		_ = control.SetWriteDeadline(time.Now().Add(writeWait))
		t, err := a.Authorize(r, op.role)
		if err != nil {
			a.log(r, "", writeRefusal(w, err))
			return
		}
		a.log(r, t.Name, a.answer(w, r, op, t.Name))
	})
}

// answer does what is asked and gives the status of the answer.
func (a *API) answer(w http.ResponseWriter, r *http.Request, op operation, token string) int {
	c := &call{Request: r, api: a, token: token, project: a.opts.Service.Project(), header: w.Header()}
	c.engine = a.engine(c.project, token)
	if err := c.take(w, op); err != nil {
		return writeRefusal(w, err)
	}
	// The server takes a connection on which a read failed for one that is gone, and
	// cancels what is done for it. What is not read of the body has its time again.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	defer func() { _ = control.SetReadDeadline(time.Now().Add(readWait)) }()
	if op.heavy {
		select {
		case a.jobs <- struct{}{}:
			defer func() { <-a.jobs }()
		default:
			return writeRefusal(w, refuse("busy", fmt.Sprintf("%d plans or runs of the API are going on; ask again later", maxJobs)))
		}
	}
	out, err := op.do(c)
	if err != nil {
		return writeRefusal(w, err)
	}
	switch out := out.(type) {
	case *stream:
		return a.stream(w, out)
	case *accepted:
		w.Header().Set("Location", root+out.at)
		writeHeader(w, http.StatusAccepted)
		_ = view.WriteJSON(w, out.body)
		return http.StatusAccepted
	case json.RawMessage:
		writeHeader(w, http.StatusOK)
		_, _ = w.Write(out)
	default:
		writeHeader(w, http.StatusOK)
		_ = view.WriteJSON(w, out)
	}
	return http.StatusOK
}

// stream writes an answer piece by piece. Once it has begun, the only way to say
// that it failed is to cut it.
func (a *API) stream(w http.ResponseWriter, s *stream) int {
	writeHeader(w, http.StatusOK)
	out := bufio.NewWriterSize(w, 64<<10)
	err := errors.Join(s.write(out), out.Flush(), s.close())
	if err != nil {
		a.opts.Log.Warn("write an answer of the API", "error", err)
		panic(http.ErrAbortHandler)
	}
	return http.StatusOK
}

// take checks the query and reads the body.
func (c *call) take(w http.ResponseWriter, op operation) error {
	for name, values := range c.URL.Query() {
		known := slices.ContainsFunc(op.params, func(p param) bool { return p.name == name && !p.path && (p.many || len(values) == 1) })
		if !known {
			return refuse("invalid", "this takes no parameter "+clip(name)+", or not several of it")
		}
	}
	if op.body == nil {
		return nil
	}
	c.body = reflect.New(reflect.TypeOf(op.body)).Interface()
	body := http.MaxBytesReader(w, c.Body, maxBody)
	if c.ContentLength == 0 {
		return nil
	}
	if media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return refuse("media_type", "send the body as application/json")
	}
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	err := d.Decode(c.body)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errors.New("there is more than one value")
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return refuse("slow", fmt.Sprintf("the body did not come within %s", readWait))
	}
	if codeOf(err) == "too_large" {
		return refuse("too_large", fmt.Sprintf("a request has at most %d bytes", maxBody))
	}
	return refuse("invalid", "read the body: "+strings.TrimPrefix(err.Error(), "json: "))
}

// log tells of a request. Its query stays out: it names records.
func (a *API) log(r *http.Request, token string, status int) {
	a.opts.Log.Info("api", "method", r.Method, "path", clip(r.URL.Path), "status", status, "token", token, "from", r.RemoteAddr)
}
