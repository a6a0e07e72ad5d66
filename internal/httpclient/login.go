package httpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"koppel/engine/connector"
)

// A loginAsker logs in.
type loginAsker struct {
	o       TOTP
	login   Login
	key     []byte
	client  *Client
	config  Config
	retry   Retry // of the connection; client makes one attempt
	env     connector.Env
	windows *windows
	unsent  int64 // the window whose code never left this machine; 0: none
}

// ask logs in, as often as it takes and as it may be tried, with a new code each
// time, and takes the token of whom it acts for.
func (a *loginAsker) ask(ctx context.Context) (*grant, error) {
	wait := pauses(a.retry)
	for n := 1; ; n++ {
		g, err := a.once(ctx)
		if err == nil {
			return a.exchange(ctx, g)
		}
		var failed *Error
		if ctx.Err() != nil || !errors.As(err, &failed) {
			return nil, err
		}
		failed.Attempts = n
		if failed.again == never || n >= a.retry.Attempts {
			return nil, err
		}
		if err := sleep(ctx, max(min(wait.NextBackOff(), time.Duration(a.retry.Max)), failed.after)); err != nil {
			return nil, err
		}
	}
}

// once makes one attempt.
func (a *loginAsker) once(ctx context.Context) (*grant, error) {
	window, err := a.window(ctx)
	if err != nil {
		return nil, err
	}
	r, err := a.request(window)
	if err != nil {
		return nil, err
	}
	skew := time.Duration(0)
	r.Judge = func(resp *Response) Verdict {
		if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			skew = a.client.now().Sub(at)
		}
		return Verdict{}
	}
	resp, err := a.client.Do(ctx, r)
	var failed *Error
	if errors.As(err, &failed) && failed.Delivery == NotSent && failed.Status == 0 {
		a.unsent = window
	}
	if err != nil {
		return nil, a.explain(ctx, err, skew)
	}
	g, err := parseGrant(resp.Body, a.login)
	if err == nil && g.home != "" {
		return a.moved(resp, g)
	}
	if err != nil {
		return nil, unusable(resp, err)
	}
	return newGrant(g.token, g.life), nil
}

// window waits until there is a code that was not sent yet, and gives its
// window.
func (a *loginAsker) window(ctx context.Context) (int64, error) {
	unsent := a.unsent
	a.unsent = 0
	if unsent != 0 && unsent == a.windows.at(a.client.now()) {
		return unsent, nil
	}
	return a.windows.next(ctx)
}

// request is a login with the code of a window.
func (a *loginAsker) request(window int64) (*Request, error) {
	values := map[string]string{}
	for name, value := range a.login.Params {
		values[name] = value
	}
	values[a.login.Account], values[a.login.Token], values[a.login.Code] = a.o.Account, string(a.o.Token), code(a.key, window)
	r := &Request{Method: http.MethodPost, Path: a.login.Path, Repeat: Always, Limit: 1 << 20}
	if a.login.Format == "json" {
		var err error
		if r.Body, err = json.Marshal(values); err != nil {
			return nil, fmt.Errorf("write the login: %w", err)
		}
		return r, nil
	}
	form := url.Values{}
	for name, value := range values {
		form.Set(name, value)
	}
	r.Body, r.ContentType = []byte(form.Encode()), formType
	return r, nil
}

const formType = "application/x-www-form-urlencoded"

// wrongClock is how far the clocks may differ before codes are in danger.
const wrongClock = period / 2

// explain makes a refusal of the login one of the credentials. skew is how far
// our clock is ahead of the server's.
func (a *loginAsker) explain(ctx context.Context, err error, skew time.Duration) error {
	failed, ok := err.(*Error)
	if ctx.Err() != nil || !ok {
		return err
	}
	e := *failed
	switch e.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		e.Reason, e.again, e.Hint = Denied, never, "check the account, its token and the secret of its codes, and the clock of this machine"
		if skew.Abs() > wrongClock {
			e.Hint = fmt.Sprintf("the clock of this machine is %v %s that of the server, and a code is good for %v: set it right; then check the account, its token and the secret of its codes",
				skew.Abs().Round(time.Second), map[bool]string{true: "ahead of", false: "behind"}[skew > 0], period)
		}
	default:
		e.Reason = Unreachable
	}
	return &e
}

// moved makes the grant of a login that names the URL of all later requests.
func (a *loginAsker) moved(resp *Response, g granted) (*grant, error) {
	text := g.home
	if strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") {
		text = a.client.base.Scheme + "://" + a.client.base.Host + text
	}
	home, err := a.config.parseURL(a.login.BaseURL, text)
	if err == nil && home.Scheme == "http" && a.client.base.Scheme == "https" && !a.config.InsecureHTTP {
		err = &connector.FieldError{Field: a.login.BaseURL, Problem: "is plain http, and the login is not"}
	}
	if err != nil {
		return nil, unusable(resp, fmt.Errorf("has a %w, so that nothing is sent there", err))
	}
	next := newGrant(g.token, g.life)
	next.home = home
	return next, nil
}

// unusable is the error of an answer that no session can be made of.
func unusable(resp *Response, err error) error {
	return &Error{
		Reason: Denied, Delivery: Answered, Request: "POST " + resp.URL.String(), Status: resp.Status, ID: resp.ID,
		Problem: "the answer to the login " + err.Error(), Hint: "check the login block of the connection",
	}
}
