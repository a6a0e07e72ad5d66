package httpclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// shownBody is how much of the body of an error is kept.
const shownBody = 64 << 10

// receive reads an answer and tells whether it is one.
func (a *attempt) receive(resp *http.Response, u *url.URL) (*Response, *Error) {
	defer resp.Body.Close()
	out := &Response{Status: resp.StatusCode, Header: resp.Header, URL: u, ID: requestIDs(resp.Header)}
	success := out.Status >= 200 && out.Status < 300 || slices.Contains(a.r.Accept, out.Status)
	limit := a.r.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	if !success {
		limit = shownBody
	}
	var err error
	if a.r.method() != http.MethodHead {
		out.Body, err = a.body(resp, limit)
	}
	tooLong := errors.Is(err, errTooLong)
	switch {
	case !success && (err == nil || tooLong || a.ctx.Err() == nil):
		return nil, a.refused(out)
	case tooLong:
		return nil, &Error{
			Reason: Garbled, Delivery: Lost, Status: out.Status, ID: out.ID,
			Problem: fmt.Sprintf("the answer is longer than %d MiB", limit>>20), Hint: "ask for smaller pages",
		}
	case errors.Is(err, errPacking):
		return nil, &Error{Reason: Garbled, Delivery: Lost, Status: out.Status, ID: out.ID, Problem: err.Error(), Cause: err}
	case err != nil:
		failed := a.unreachable(err, u)
		failed.Status, failed.ID, failed.Delivery = out.Status, out.ID, Lost
		return nil, failed
	}
	return a.judge(out)
}

var (
	errTooLong = errors.New("the answer is too long")
	errPacking = errors.New("the answer is packed in a way that was not asked for")
)

// body reads a whole body, unpacked, of at most limit bytes; with errTooLong
// it gives these.
func (a *attempt) body(resp *http.Response, limit int64) ([]byte, error) {
	var in io.Reader = moving{resp.Body, a}
	size := resp.ContentLength
	switch packing := strings.ToLower(resp.Header.Get("Content-Encoding")); packing {
	case "", "identity":
	case "gzip", "x-gzip":
		unpacked, err := gzip.NewReader(in)
		if err == io.EOF { // an empty body is announced as packed by some servers
			return a.r.Into[:0], nil
		}
		if err != nil {
			return nil, fmt.Errorf("unpack the answer: %w", err)
		}
		defer unpacked.Close()
		in, size = unpacked, 0
	default:
		return nil, fmt.Errorf("%w: %s", errPacking, packing)
	}
	return readAll(a.r.Into[:0], in, size, limit)
}

// readAll appends what is read to dst. size is what is expected; 0 or less: it
// is not known.
func readAll(dst []byte, in io.Reader, size, limit int64) ([]byte, error) {
	if size > 0 {
		dst = slices.Grow(dst, int(min(size, limit))+bytes.MinRead)
	}
	for {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, max(bytes.MinRead, int(min(int64(len(dst)), limit-int64(len(dst))))))
		}
		n, err := in.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case int64(len(dst)) > limit:
			return dst[:limit], errTooLong
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// moving tells the clock of an attempt that something came.
type moving struct {
	in io.Reader
	a  *attempt
}

func (m moving) Read(b []byte) (int, error) {
	n, err := m.in.Read(b)
	if n > 0 {
		m.a.moved()
	}
	return n, err
}
