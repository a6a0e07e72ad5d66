package httpclient

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// longestPause is the longest that a server may ask to be waited for.
const longestPause = 15 * time.Minute

// again says when a request that failed may be made again.
type again int

const (
	never        again = iota
	whenHarmless       // if the request is repeatable
	whenUnsent         // whatever it is: nothing was done
)

// pauses gives the pauses between the attempts of one request.
func pauses(r Retry) *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: time.Duration(r.Min), MaxInterval: time.Duration(r.Max),
		Multiplier: 2, RandomizationFactor: 0.5,
	}
}

// retryAfter is how long the server asks to be left alone: a number of seconds
// or a date (RFC 9110, section 10.2.3), which is counted from the date of the
// answer, so that it does not matter what our clock says.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1e9 {
		return time.Duration(seconds * float64(time.Second)), true
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return max(date.Sub(now), 0), true
}

// mayRepeat sorts the statuses of failure: those that say that nothing was
// done, those after which it may have been, and the rest, which are final.
func mayRepeat(status int, asked bool) (again, Delivery) {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && asked:
		return whenUnsent, NotSent
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return whenHarmless, Lost
	case status == http.StatusNotImplemented, status == http.StatusHTTPVersionNotSupported:
		return never, Answered
	case status >= 500:
		return whenHarmless, Lost
	}
	return never, Answered
}

// overloaded tells whether a status says that the server can't answer now.
func overloaded(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusTooEarly,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
