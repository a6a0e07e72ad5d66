package httpclient

import (
	"fmt"
	"net/http"
	"time"
)

// verdict asks the Judge, if there is one.
func (a *attempt) verdict(resp *Response) Verdict {
	if a.r.Judge != nil {
		return a.r.Judge(resp)
	}
	if a.c.options.Judge == nil {
		return Verdict{}
	}
	return a.c.options.Judge(resp)
}

// judge tells whether an answer with a status of success is one.
func (a *attempt) judge(resp *Response) (*Response, *Error) {
	problem, page := mismatch(a.r.Expect, resp)
	if problem != "" && a.r.method() != http.MethodHead && resp.Status < 300 {
		e := &Error{Reason: Garbled, Delivery: Lost, Status: resp.Status, ID: resp.ID, Problem: problem, again: whenHarmless}
		e.Hint = hintCut
		if page {
			e.again = never
			e.Hint = "check the url and the path; a web page often asks to sign in, so check the credentials too"
		}
		return nil, a.show(e, resp)
	}
	v := a.verdict(resp)
	if !v.Failed && !v.Credentials {
		return resp, nil
	}
	e := &Error{Reason: Failed, Delivery: Answered, Status: resp.Status, ID: resp.ID, Words: v.Words, final: true}
	e.Problem = fmt.Sprintf("the server says %d %s, and that it failed", resp.Status, http.StatusText(resp.Status))
	if v.Credentials {
		e.Reason, e.Hint = Denied, credentialsHint
	}
	return nil, a.show(e, resp)
}

const credentialsHint = "check the credentials of the connection"

// refused makes the error of an answer with a status of failure.
func (a *attempt) refused(resp *Response) *Error {
	v := a.verdict(resp)
	asked, given := retryAfter(resp.Header, time.Now())
	e := &Error{Reason: Failed, Status: resp.Status, ID: resp.ID, Words: v.Words, final: v.Final, after: asked}
	e.again, e.Delivery = mayRepeat(resp.Status, given)
	e.Problem = fmt.Sprintf("the server says %d %s", resp.Status, http.StatusText(resp.Status))
	switch {
	case resp.Status == http.StatusUnauthorized && !a.c.own(resp.URL):
		e.Problem += " at " + resp.URL.Host + ", where it was redirected to and credentials are not sent"
		e.again, e.Delivery, e.Hint = never, Answered, statusHint(http.StatusFound)
	case v.Credentials || resp.Status == http.StatusUnauthorized:
		e.Reason, e.again, e.Delivery, e.Hint = Denied, never, Answered, credentialsHint
	case v.Final:
		e.again, e.Delivery = never, Answered
	case overloaded(resp.Status):
		e.Reason = Unreachable
		e.Hint = "the system is overloaded or down for now; try again later"
	case v.Hint != "":
		e.Hint = v.Hint
	default:
		e.Hint = statusHint(resp.Status)
	}
	if given && asked > longestPause && e.again != never {
		e.again = never
		e.Hint = fmt.Sprintf("it asks to be left alone for %v; try again after that", asked.Round(time.Second))
	}
	return a.show(e, resp)
}

// show adds what the server says to an error.
func (a *attempt) show(e *Error, resp *Response) *Error {
	if e.Words == "" && e.Reason != Garbled {
		e.Words = wordsOf(resp.Body[:min(len(resp.Body), shownBody)])
	}
	e.Words = a.c.redact(oneLine(e.Words, longestWords))
	e.ID = a.c.redact(e.ID)
	e.Body = []byte(a.c.redact(string(resp.Body[:min(len(resp.Body), shownBody)])))
	return e
}

// statusHint says what a user can do about a status.
func statusHint(status int) string {
	switch status {
	case http.StatusForbidden:
		return "the system knows the credentials and does not allow this: check their rights, and whether it takes requests from this address"
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return "check the url of the connection and the path"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return "the system wants another address: check the url of the connection and the path"
	case http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		return "check the headers Accept and Content-Type"
	case http.StatusProxyAuthRequired:
		return "check the user and the password in proxy"
	}
	return ""
}
