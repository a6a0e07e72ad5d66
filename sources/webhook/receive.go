package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/webhook"
)

// How long one delivery may take: to send its body, to get on disk, and to find
// its place among those that are taken in.
const (
	bodyWait  = 15 * time.Second
	storeWait = 20 * time.Second
	placeWait = 2 * time.Second
)

// A refusal is the answer to a delivery that is not taken in.
type refusal struct {
	status  int
	problem string
	retry   time.Duration // for the header Retry-After; 0: none
	close   bool          // the rest of the body is not read
}

func (r *refusal) Error() string { return r.problem }

// ServeHTTP takes one delivery in.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if r.config.Auth.Kind == "graph" && validate(w, q) {
		return
	}
	status, err := r.receive(w, q)
	if err == nil {
		fmt.Fprintf(w, "{\"status\":%q}\n", status)
		return
	}
	var no *refusal
	if !errors.As(err, &no) {
		r.complain(err)
		no = &refusal{status: http.StatusServiceUnavailable, problem: "the delivery can't be kept now; send it again later", retry: time.Minute}
	} else {
		r.env.Log.Warn("a delivery was refused", "source", r.env.Block, "path", r.config.Path, "status", no.status, "problem", no.problem, "from", q.RemoteAddr)
	}
	if no.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int((no.retry+time.Second-1)/time.Second))))
	}
	if no.status == http.StatusUnauthorized && r.config.Auth.Kind != "websub" && r.config.Auth.Kind != "graph" {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if no.close {
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(no.status)
	fmt.Fprintf(w, "{\"error\":%s}\n", record.AppendString(nil, no.problem))
}

// complainEvery is how often the same reason why deliveries can't be kept is
// logged: senders come again and again, and a disk that is full has no room for
// that.
const complainEvery = time.Minute

// complain logs why a delivery could not be kept.
func (r *receiver) complain(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.unkept++; err.Error() == r.reason && now.Sub(r.complained) < complainEvery {
		return
	}
	r.env.Log.Error("a delivery could not be kept", "source", r.env.Block, "path", r.config.Path, "deliveries", r.unkept, "error", err)
	r.unkept, r.reason, r.complained = 0, err.Error(), now
}

// receive takes a delivery in and says what became of it.
func (r *receiver) receive(w http.ResponseWriter, q *http.Request) (string, error) {
	if q.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return "", &refusal{status: http.StatusMethodNotAllowed, problem: "deliveries are sent by POST"}
	}
	if err := r.enter(q.Context()); err != nil {
		return "", err
	}
	defer func() { <-r.places }()
	if err := r.authorized(r.verifier.Head(q.Context(), q.Header)); err != nil {
		return "", err
	}
	if err := isJSON(q.Header); err != nil {
		return "", err
	}
	body, err := r.body(w, q)
	if err != nil {
		return "", err
	}
	if err := r.authorized(r.verifier.Body(q.Header, body)); err != nil {
		return "", err
	}
	if n := r.limit.ReserveN(r.env.Now(), 1); n.DelayFrom(r.env.Now()) > 0 {
		wait := n.DelayFrom(r.env.Now())
		n.CancelAt(r.env.Now())
		return "", &refusal{status: http.StatusTooManyRequests, problem: "too many deliveries in this time; the rate is " + r.config.Rate, retry: wait}
	}
	if r.config.Auth.Kind == "graph" {
		return r.notified(q.Context(), q.Header, body)
	}
	events, err := r.events(q.Context(), q.Header, body)
	if err != nil {
		return "", err
	}
	return r.keep(q.Context(), events)
}

// enter waits for a place among those that are taken in.
func (r *receiver) enter(ctx context.Context) error {
	select {
	case r.places <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(placeWait)
	defer timer.Stop()
	select {
	case r.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return &refusal{status: http.StatusServiceUnavailable, problem: "too many deliveries at once", retry: time.Second, close: true}
	}
}

// authorized gives the answer to who may not deliver. What could not be found out
// is no refusal.
func (r *receiver) authorized(err error) error {
	if err == nil || !errors.Is(err, webhook.ErrUnauthorized) {
		return err
	}
	return &refusal{status: http.StatusUnauthorized, problem: err.Error(), close: true}
}

// isJSON refuses a body that says that it is something else.
func isJSON(header http.Header) error {
	no := func(problem string) error {
		return &refusal{status: http.StatusUnsupportedMediaType, problem: problem, close: true}
	}
	if e := header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return no("the body is encoded; send it as it is")
	}
	text := header.Get("Content-Type")
	if text == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(text)
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return no("the body is not application/json")
	}
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8", "utf8", "us-ascii": // the second is a common slip; the third is a part of UTF-8
		return nil
	}
	return no("the body is not in UTF-8")
}

// body reads the raw bytes, within size and time.
func (r *receiver) body(w http.ResponseWriter, q *http.Request) ([]byte, error) {
	// A connection that knows no deadline is not one of the network.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWait))
	most := int64(r.config.MaxSize)
	if q.ContentLength > most {
		return nil, tooLarge(most)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge(most)
	case err != nil:
		return nil, &refusal{status: http.StatusRequestTimeout, problem: "the body did not arrive whole", close: true}
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}

func tooLarge(most int64) error {
	return &refusal{status: http.StatusRequestEntityTooLarge, problem: fmt.Sprintf("the body is larger than %d bytes", most), close: true}
}

// keep stores events before the answer.
func (r *receiver) keep(ctx context.Context, events []connector.Event) (string, error) {
	if len(events) == 0 {
		return "not wanted", nil
	}
	if r.env.Inbox == nil {
		return "", errors.New("there is no inbox")
	}
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	fresh, err := r.env.Inbox.Put(ctx, events)
	if err != nil {
		return "", err
	}
	for _, f := range fresh {
		if f {
			return "stored", nil
		}
	}
	return "repeated", nil
}
