package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"koppel/internal/httpclient"
)

// A Problem is what the body of an error says.
type Problem struct {
	// Code is the deepest that is known: inner errors tell more than outer ones.
	Code    string
	Message string
	// RequestID is the one by which Microsoft finds the request.
	RequestID string
	// Codes are all codes, from the outer one inwards.
	Codes []string
}

// An envelope is an error or an inner error. Names come in several spellings:
// innerError and innererror, which decoding does not tell apart.
type envelope struct {
	Code      any             `json:"code"`
	Message   any             `json:"message"`
	RequestID string          `json:"request-id"`
	Inner     json.RawMessage `json:"innerError"`
}

// deepest bounds how far inner errors are followed.
const deepest = 8

// ParseProblem reads the body of an error; false: it is none of Graph, empty or
// a web page.
func ParseProblem(body []byte) (Problem, bool) {
	var p Problem
	var outer struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &outer) != nil {
		return p, false
	}
	raw := outer.Error
	for range deepest {
		var e envelope
		if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &e) != nil {
			break
		}
		// A code that is a number repeats the status.
		if code, ok := e.Code.(string); ok && code != "" && strings.Trim(code, "0123456789") != "" {
			p.Code = code
			p.Codes = append(p.Codes, code)
		}
		if text, ok := e.Message.(string); ok && text != "" && p.Message == "" {
			p.Message = text
		}
		if e.RequestID != "" {
			p.RequestID = e.RequestID
		}
		raw = bytes.TrimSpace(e.Inner)
	}
	return p, p.Code != "" || p.Message != ""
}

// Is tells whether one of the codes is among names, whatever its case.
func (p Problem) Is(names ...string) bool {
	for _, code := range p.Codes {
		for _, name := range names {
			if strings.EqualFold(code, name) {
				return true
			}
		}
	}
	return false
}

// String gives Graph's words.
func (p Problem) String() string {
	switch {
	case p.Code == "":
		return p.Message
	case p.Message == "":
		return p.Code
	}
	return p.Code + ": " + p.Message
}

// ProblemOf gives what Graph said in an error of this package, and the status;
// 0: there was no answer.
func ProblemOf(err error) (Problem, int) {
	var failed *httpclient.Error
	if !errors.As(err, &failed) {
		return Problem{}, 0
	}
	p, _ := ParseProblem(failed.Body)
	return p, failed.Status
}

// IsResync tells whether an error says that the link of a delta query is good
// no more, so that all must be read anew. Documents and servers differ in status
// and in the case of letters.
func IsResync(err error) bool {
	p, status := ProblemOf(err)
	if status == http.StatusGone {
		return true
	}
	if status < 400 || status >= 500 {
		return false
	}
	return p.Is("syncStateNotFound", "syncStateInvalid", "resyncRequired", "resyncChangesApplyDifferences", "resyncChangesUploadDifferences", "invalidDeltaToken", "badDeltaToken") ||
		badToken.MatchString(p.Message)
}

// badToken finds what is said of a token that can't be read.
var badToken = regexp.MustCompile(`(?i)badly formed (delta ?|skip ?|sync ?)?token|delta ?token is (invalid|expired|malformed|not valid)|sync ?state.*(not found|invalid|expired)`)

// judge reads the answers in which Graph says by the body what is wrong.
func judge(resp *httpclient.Response) httpclient.Verdict {
	if resp.Status >= 200 && resp.Status < 300 {
		return httpclient.Verdict{}
	}
	p, _ := ParseProblem(resp.Body)
	return httpclient.Verdict{
		Words: p.String(),
		// The application may not do this at all, which no other request changes.
		Credentials: resp.Status == http.StatusForbidden && p.Is("Authorization_RequestDenied"),
	}
}
