package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// unreachable makes the error of a request that has no answer.
func (a *attempt) unreachable(err error, u *url.URL) *Error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // the URL in its text is not redacted
	}
	elsewhere := ""
	if a.redirected && !a.c.own(u) {
		elsewhere = "it redirects to " + u.Scheme + "://" + u.Host + ", and there "
	}
	e := &Error{Reason: Unreachable, Cause: err, again: whenUnsent}
	if a.sent.Load() {
		e.Delivery, e.again = Lost, whenHarmless
	}
	if errors.Is(context.Cause(a.ctx), errStalled) {
		e.Cause = errStalled
		e.Problem, e.Hint = a.stalled()
		if a.c.options.StaysBusy && a.sent.Load() {
			e.again = never
			e.Hint += "; it goes on with what it was asked, so wait before it is asked again"
		}
		return e
	}
	if problem, hint := certificateProblem(err); problem != "" {
		e.Problem, e.Hint, e.again = elsewhere+problem, hint, never
		return e
	}
	e.Problem, e.Hint = networkProblem(err, u, a.connected.Load())
	e.Problem = a.c.redact(elsewhere + e.Problem)
	var unknown *net.DNSError
	if errors.As(err, &unknown) && unknown.IsNotFound {
		e.again = never
	}
	return e
}

// stalled says in which part of an attempt nothing moved any more.
func (a *attempt) stalled() (problem, hint string) {
	hint = "raise timeout in the connection if the system needs longer"
	switch {
	case a.answered.Load():
		return fmt.Sprintf("the answer stopped for more than %v", a.limit), hint
	case a.sent.Load():
		return fmt.Sprintf("no answer came within %v", a.limit), hint
	case a.connected.Load():
		return fmt.Sprintf("the request could not be sent within %v", a.limit), hint
	}
	return fmt.Sprintf("no connection came about within %v", a.limit), "check host and port in the url of the connection, and whether a firewall or proxy stands between"
}

// certificateProblem explains an error of TLS; empty: it is another.
func certificateProblem(err error) (problem, hint string) {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var notTLS tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &unknown):
		return "the server's certificate comes from an authority that is not trusted here",
			"if it is your own authority, name its certificate in ca_file; else someone may stand between"
	case errors.As(err, &host):
		return "the server's certificate is not for this host: " + oneLine(host.Error(), longestWords), "check the host in the url of the connection"
	case errors.As(err, &invalid):
		return "the server's certificate is not valid: " + oneLine(invalid.Error(), longestWords), "check the clock of this machine; else the server needs a new certificate"
	case errors.As(err, &notTLS), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the server does not speak TLS", "check the port in the url of the connection, and whether it is http://"
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		return "the server refuses the TLS connection: " + innermost(err), "it may want a client certificate: an auth block \"mtls\", or another one in it"
	case strings.Contains(err.Error(), "tls: failed to verify certificate"):
		return "the server's certificate is not valid: " + innermost(err), "see ca_file for authorities of your own"
	}
	return "", ""
}

// networkProblem explains an error of the network.
func networkProblem(err error, u *url.URL, connected bool) (problem, hint string) {
	var dns *net.DNSError
	var op *net.OpError
	var packed flate.CorruptInputError
	const check = "check host and port in the url of the connection, and that the system runs"
	timeout, isTimeout := err.(net.Error)
	switch {
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy can't be reached: " + innermost(err), "check proxy in the connection, or HTTPS_PROXY and HTTP_PROXY"
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Sprintf("the name %s is not known (DNS)", dns.Name), "check the host in the url of the connection"
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %s can't be looked up (DNS): %s", dns.Name, dns.Err), "check the network of this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection is refused: nothing listens at " + u.Host, check
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to " + u.Host + ": " + innermost(err), "check the network of this machine"
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &packed):
		return "the answer can't be unpacked, it is no whole gzip: " + innermost(err), hintCut
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke off within the answer", hintCut
	case errors.Is(err, io.EOF) && u.Scheme == "https" && !connected:
		return "the server closed the connection before TLS was agreed on", "check the port in the url of the connection, and whether it is http://"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the server closed the connection without an answer", hintCut
	case isTimeout && timeout.Timeout():
		return fmt.Sprintf("no connection came about within %v", connectTimeout), check
	}
	return "no answer: " + innermost(err), check
}

// hintCut is what to do about an answer that is not whole.
const hintCut = "try again later; where it stays so, look at the logs of the system and of any proxy in between"

// innermost gives the words of the error that the others wrap.
func innermost(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return oneLine(err.Error(), longestWords)
}
