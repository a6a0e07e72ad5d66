package afas

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// The numbers that come with messages. They do not tell causes apart.
const (
	unexpected = -2147180999
	general    = -2147180996
	noValue    = -2147220469
)

// A problem is a refusal in AFAS's words, in both languages.
type problem struct {
	number int
	en, nl string
}

func (p *problem) Error() string { return p.en }

func generalProblem(en, nl string, args ...any) *problem {
	return &problem{general, "General message: " + fmt.Sprintf(en, args...), "Algemene melding: " + fmt.Sprintf(nl, args...)}
}

func unexpectedProblem() *problem {
	return &problem{unexpected, "An unexpected error has occurred.", "Er is een onverwachte fout opgetreden."}
}

func missingValue(label string) *problem {
	return &problem{
		noValue, fmt.Sprintf("The entered value for '%s' does not exist.", label),
		fmt.Sprintf("De ingevoerde waarde bij '%s' bestaat niet.", label),
	}
}

// fail answers with a refusal: always 500, JSON under the content type of XML.
func (s *System) fail(x *traffic.Exchange, err error) {
	var p *problem
	var exists *dataset.ExistsError
	var missing *dataset.MissingError
	switch {
	case errors.Is(err, errJSON):
		x.JSON(http.StatusInternalServerError, map[string]string{"message": "Invalid json"})
		return
	case errors.As(err, &p):
	case errors.As(err, &exists):
		p = generalProblem("The record already exists (%s).", "Het record bestaat al (%s).", exists.Key)
	case errors.As(err, &missing):
		p = missingValue(missing.Key)
	default:
		p = generalProblem("%s", "%s", err)
	}
	text := p.nl
	if language := x.Request.Header.Get("Accept-Language"); language != "" && !strings.HasPrefix(strings.ToLower(language), "nl") {
		text = p.en
	}
	x.Header().Set("Content-Type", "application/xml; charset=utf-8")
	x.Header().Set("X-PROFIT-ERROR", base64.StdEncoding.EncodeToString([]byte(text)))
	x.JSON(http.StatusInternalServerError, struct {
		Message   string `json:"externalMessage"`
		Number    int    `json:"errorNumber"`
		Reference string `json:"profitLogReference"`
	}{text, p.number, s.reference(x, "log")})
}

// reference makes the number under which a call stands in a log of Profit.
func (s *System) reference(x *traffic.Exchange, log string) string {
	r := dataset.Rand(s.o.Seed+uint64(x.Call.N), log)
	return fmt.Sprintf("%016X%016X", r.Uint64(), r.Uint64())
}

// refuse answers with a status that a fault asks for.
func (s *System) refuse(x *traffic.Exchange, f traffic.Fault, status int) bool {
	c := &call{Exchange: x}
	switch status {
	case http.StatusInternalServerError, http.StatusOK:
		p := unexpectedProblem()
		if f.Message != "" {
			p.en, p.nl = f.Message, f.Message
		}
		x.WriteHeader(status)
		s.fail(x, p)
	case http.StatusServiceUnavailable:
		s.unavailable(x, f.RetryAfter)
	case http.StatusTooManyRequests:
		return false
	default:
		c.empty(status)
	}
	return true
}

// unavailable is what AFAS answers during maintenance.
func (s *System) unavailable(x *traffic.Exchange, after string) {
	seconds := 7200
	if after != "" {
		if n, err := fmt.Sscanf(after, "%d", &seconds); n != 1 || err != nil {
			seconds = 7200
		}
	} else {
		after = "7200"
	}
	x.Header().Set("Content-Type", "application/xml; charset=utf-8")
	x.Header().Set("Retry-After", after)
	x.JSON(http.StatusServiceUnavailable, map[string]any{
		"error":       map[string]string{"code": "503", "message": "Profit is under maintenance; retry later."},
		"retry_after": seconds,
	})
}

// busy answers a call that came while as many as allowed were running: reads
// that run into each other's locks.
func (s *System) busy(x *traffic.Exchange) {
	s.fail(x, generalProblem("The record is locked by another user.", "Het record is geblokkeerd door een andere gebruiker."))
}
