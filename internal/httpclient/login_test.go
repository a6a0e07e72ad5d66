package httpclient

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestParseGrant(t *testing.T) {
	login := (*Login)(nil).withDefaults()
	nested := (&Login{AccessToken: "session.token", ExpiresIn: "session.life", BaseURL: "session.url"}).withDefaults()
	tests := []struct {
		body string
		l    Login
		want granted
		err  string
	}{
		{`{"access_token":"t","expires_in":60,"base_url":"https://a.example"}`, login, granted{"t", time.Minute, "https://a.example"}, ""},
		{`{"session":{"token":"t","life":"60","url":null}}`, nested, granted{"t", time.Minute, ""}, ""},
		{`{"access_token":"t","expires_in":-1}`, login, granted{token: "t"}, ""},
		{`{"access_token":"t","expires_in":"soon"}`, login, granted{token: "t"}, ""},
		{`{"access_token":"t","expires_in":1e300}`, login, granted{token: "t", life: 1e9 * time.Second}, ""},
		{`{"access_token":"t","expires_in":"NaN"}`, login, granted{token: "t"}, ""},
		{`{"access_token":""}`, login, granted{}, "has no access_token"},
		{`{"access_token":7}`, login, granted{}, "holds in access_token no text"},
		{`{"session":"t"}`, nested, granted{}, "has no session.token"},
		{`["t"]`, login, granted{}, "has no access_token"},
		{`{"access_token":"a\r\nb"}`, login, granted{}, "no header can hold"},
		{`{"access_token":"t","base_url":{}}`, login, granted{}, "holds in base_url no text"},
		{`<html>`, login, granted{}, "is no JSON"},
	}
	for _, test := range tests {
		got, err := parseGrant([]byte(test.body), test.l)
		if test.err == "" && (err != nil || got != test.want) {
			t.Errorf("%s: %+v %v", test.body, got, err)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: %v", test.body, err)
		}
	}
}

func FuzzParseGrant(f *testing.F) {
	f.Add(`{"access_token":"t","expires_in":60,"base_url":"https://a.example"}`, "access_token", "expires_in")
	f.Add(`{"session":{"token":"t","life":"60"}}`, "session.token", "session.life")
	f.Add(`[]`, "..", "")
	f.Fuzz(func(t *testing.T, body, token, life string) {
		l := (&Login{AccessToken: token, ExpiresIn: life}).withDefaults()
		g, err := parseGrant([]byte(body), l)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n") && !strings.ContainsAny(l.AccessToken+l.ExpiresIn, "\n") {
				t.Errorf("the error has several lines: %v", err)
			}
			return
		}
		if g.token == "" || g.life < 0 || strings.ContainsAny(g.token, " \t\r\n\x00\x7f") {
			t.Errorf("%q gives %+v", body, g)
		}
	})
}

// A clock that was set back finds the windows that are free.
func TestWindowsAfterTheClockWasSetBack(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	now := time.Unix(3_000_000, 0)
	w := newWindows([]byte("key"), "koppel", func() time.Time { return now }, slog.New(slog.DiscardHandler))
	for range 2 {
		got, err := w.next(t.Context())
		if err != nil || got != w.at(now) {
			t.Errorf("at %v: %d %v", now, got, err)
		}
		now = now.Add(-time.Hour)
	}
}

// Nothing is written where nothing can be; the connection still knows.
func TestWindowsWithoutAFolder(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	w := newWindows([]byte("key"), "koppel", time.Now, slog.New(slog.DiscardHandler))
	if a, b := w.claim(5), w.claim(5); a != 5 || b != 6 {
		t.Errorf("windows %d and %d", a, b)
	}
}
