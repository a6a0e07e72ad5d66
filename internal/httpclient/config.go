package httpclient

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"koppel/engine/connector"
)

// Config are the arguments that every HTTP connection kind has beside its URL
// and its credentials. Kinds embed it, with Defaults.
type Config struct {
	Timeout        connector.Duration `hcl:"timeout,optional" doc:"how long the server may take to begin its answer, and to pause in it; connecting may take 15 s at most"`
	Rate           string             `hcl:"rate,optional" doc:"the most requests in a time, for all that uses the connection: such as 50/s, 100/m, 5000/h; default: no bound"`
	MaxConcurrency int                `hcl:"max_concurrency,optional" doc:"the most requests at once, for all that uses the connection"`
	Retry          *Retry             `hcl:"retry,block" doc:"how often and when a request that failed is made again"`
	CAFile         string             `hcl:"ca_file,optional" doc:"a PEM file with the certificates of the authorities that the server's certificate may come from, beside those of the machine"`
	Proxy          connector.Secret   `hcl:"proxy,optional" doc:"the URL of a proxy, such as http://user:password@proxy.example:3128, or \"none\"; default: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say"`
	InsecureHTTP   bool               `hcl:"insecure_http,optional" doc:"allow http:// to hosts other than this machine: everything, credentials too, then travels in the clear"`
}

// Retry are the arguments of a retry block.
type Retry struct {
	Attempts int                `hcl:"attempts,optional" doc:"how often a request is made at most, the first time included; default 5"`
	Min      connector.Duration `hcl:"min,optional" doc:"the pause before the second attempt; default 500ms"`
	Max      connector.Duration `hcl:"max,optional" doc:"the longest pause; a server that asks for a longer one by Retry-After gets it; default 30s"`
}

// Defaults are the arguments of a connection that gives none.
func Defaults() Config {
	return Config{Timeout: connector.Duration(100 * time.Second), MaxConcurrency: 4}
}

// Validate checks the arguments, and the URL of the connection unless it is
// empty.
func (c *Config) Validate(baseURL string) error {
	if _, _, err := parseRate(c.Rate); err != nil {
		return err
	}
	switch {
	case c.Timeout < 0:
		return &connector.FieldError{Field: "timeout", Problem: "is negative"}
	case c.MaxConcurrency < 0:
		return &connector.FieldError{Field: "max_concurrency", Problem: "is negative"}
	}
	if r := c.Retry; r != nil {
		switch {
		case r.Attempts < 0:
			return &connector.FieldError{Field: "retry.attempts", Problem: "is negative"}
		case r.Min < 0 || r.Max < 0:
			return &connector.FieldError{Field: "retry.min", Problem: "or max is negative"}
		}
	}
	if baseURL == "" {
		return nil
	}
	_, err := c.parseURL("url", baseURL)
	return err
}

// retries are the arguments of the retry block with their defaults.
func (c *Config) retries() Retry {
	r := Retry{Attempts: 5, Min: connector.Duration(500 * time.Millisecond), Max: connector.Duration(30 * time.Second)}
	if c.Retry == nil {
		return r
	}
	if c.Retry.Attempts > 0 {
		r.Attempts = c.Retry.Attempts
	}
	if c.Retry.Min > 0 {
		r.Min = c.Retry.Min
	}
	if c.Retry.Max > 0 {
		r.Max = c.Retry.Max
	}
	r.Max = max(r.Max, r.Min)
	return r
}

// parseURL reads the URL that an argument holds, and refuses plain http where
// it is not allowed. A URL carries no credentials: they would show in messages.
func (c *Config) parseURL(field, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	fail := func(problem, hint string) (*url.URL, error) {
		return nil, &connector.FieldError{Field: field, Problem: problem, Hint: hint}
	}
	const form = "write such as https://shop.example/api"
	switch {
	case err != nil:
		return fail("is no URL", form)
	case u.Scheme != "https" && u.Scheme != "http":
		return fail("does not start with https://", form)
	case u.Hostname() == "":
		return fail("names no host", form)
	case u.User != nil:
		return fail("holds a user or a password", "write them in an auth block or in the arguments for them, where they are kept secret")
	case u.RawQuery != "" || u.Fragment != "":
		return fail("has a query or a fragment", "write the query in the sources and sinks that need it")
	case u.Scheme == "http" && !c.InsecureHTTP && !isLoopback(u.Hostname()):
		return fail("is plain http, which anyone on the way can read", "write https://, or insecure_http = true when that is no harm")
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Limiter keeps to a rate such as 50/s, evenly: no stretch of time ever holds
// more. An empty rate is no bound. An error is a FieldError of rate.
func Limiter(text string) (*rate.Limiter, error) {
	count, per, err := parseRate(text)
	if err != nil || count == 0 {
		return rate.NewLimiter(rate.Inf, 1), err
	}
	return rate.NewLimiter(rate.Limit(count/per.Seconds()), 1), nil
}

// parseRate reads a number of requests in a unit of time; 0: no bound.
func parseRate(text string) (count float64, per time.Duration, err error) {
	if text == "" {
		return 0, 0, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	per = units[strings.TrimSpace(unit)]
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || n < 1 || per == 0 {
		return 0, 0, &connector.FieldError{Field: "rate", Problem: fmt.Sprintf("%q is no rate", text), Hint: "write a number of requests and one of s, m, h, d, such as 50/s or 1000/h"}
	}
	return float64(n), per, nil
}
