package httpclient_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// A suite is a system that accounts log in to by codes. It is asked without a
// network, so that time can be the bubble's.
type suite struct {
	mu      sync.Mutex
	logins  int
	sent    []string              // codes, in their order
	at      []time.Time           // when they came
	life    int                   // of tokens, in seconds
	home    string                // of the next login
	fail    []func() (int, error) // of the next logins: a status, or no answer
	refused map[string]bool       // tokens that are taken no more
	asked   []string              // URL and credentials of all else
	date    time.Duration         // how far the server's clock is ahead
}

func (s *suite) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	date := []string{"Date", time.Now().Add(s.date).UTC().Format(http.TimeFormat)}
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/oauth2/token") {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		if form.Get("grant_type") == "password" {
			return s.login(r, form, date)
		}
		s.asked = append(s.asked, fmt.Sprint(r.URL, " ", r.Header.Get("Authorization"), " ", form))
		return answer(r, 200, strings.NewReader(fmt.Sprintf(`{"access_token":"for-%s","expires_in":%d}`, form.Get("requested_subject"), s.life)), date...)
	}
	s.asked = append(s.asked, r.URL.String()+" "+r.Header.Get("Authorization"))
	if s.refused[r.Header.Get("Authorization")] {
		return answer(r, 401, strings.NewReader(""), date...)
	}
	return answer(r, 200, strings.NewReader("{}"), date...)
}

func (s *suite) login(r *http.Request, form url.Values, date []string) (*http.Response, error) {
	if len(s.fail) > 0 {
		status, err := s.fail[0]()
		s.fail = s.fail[1:]
		if err != nil {
			return nil, err
		}
		s.sent, s.at = append(s.sent, form.Get("otp")), append(s.at, time.Now())
		return answer(r, status, strings.NewReader(`{"error":"invalid_grant","error_description":"no"}`), date...)
	}
	s.sent, s.at = append(s.sent, form.Get("otp")), append(s.at, time.Now())
	s.logins++
	home := s.home
	if home == "" {
		home = "https://node7.suite.example/base"
	}
	return answer(r, 200, strings.NewReader(fmt.Sprintf(`{"access_token":"login-%d","expires_in":%d,"base_url":%q}`, s.logins, s.life, home)), date...)
}

// totp is a connection to it by the secret of RFC 6238, appendix B.
func (s *suite) totp(t testing.TB, change func(*httpclient.TOTP)) *httpclient.Client {
	t.Helper()
	o := httpclient.TOTP{URL: "https://login.suite.example", Account: "koppel", Token: "canary-token", Secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}
	if change != nil {
		change(&o)
	}
	env := connector.Env{HTTP: &http.Client{Transport: s}}
	auth, err := o.Authenticator(httpclient.Defaults(), env)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, httpclient.Options{URL: o.URL, Config: httpclient.Defaults(), Auth: auth}, env)
}

func ask(t testing.TB, c *httpclient.Client) {
	t.Helper()
	if _, err := c.Do(t.Context(), &httpclient.Request{Path: "/accounts"}); err != nil {
		t.Error(err)
	}
}

// wantEachOnce: no code was sent twice, and each in its own window.
func (s *suite) wantEachOnce(t testing.TB, count int) {
	t.Helper()
	windows := map[int64]bool{}
	for _, at := range s.at {
		windows[at.Unix()/30] = true
	}
	codes := slices.Compact(slices.Sorted(slices.Values(s.sent)))
	if len(s.sent) != count || len(codes) != count || len(windows) != count {
		t.Errorf("codes %v were sent at %v, want %d different ones", s.sent, s.at, count)
	}
}

// The codes are those of RFC 6238, appendix B, cut to six digits.
func TestTOTP(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		var log []string
		logins, revoked := 0, false
		trip := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/v1/login" {
				body, _ := io.ReadAll(r.Body)
				var values map[string]string
				if err := json.Unmarshal(body, &values); err != nil {
					t.Error(err)
				}
				logins++
				log = append(log, fmt.Sprint(values, time.Now().Unix()))
				return answer(r, 200, strings.NewReader(fmt.Sprintf(`{"session":{"token":"s%d","url":"https://node7.shop.example/base/"}}`, logins)))
			}
			log = append(log, r.URL.String()+" "+r.Header.Get("Authorization"))
			if revoked {
				revoked = false
				return answer(r, 401, strings.NewReader(""))
			}
			return answer(r, 200, strings.NewReader("{}"))
		})
		shared := quick()
		shared.Timeout = connector.Duration(5 * time.Second) // shorter than the wait for the next code
		c := httpclient.HTTPConfig{URL: "https://login.shop.example/v1", Config: shared, Auth: &httpclient.Auth{
			Kind: "totp", Account: "koppel", Token: "t0ken", Secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
			Login: &httpclient.Login{Path: "/login", Format: "json", Account: "account", Token: "token", Code: "code", Params: map[string]string{}, AccessToken: "session.token", BaseURL: "session.url"},
		}}
		client, err := open(t, c, connector.Env{HTTP: &http.Client{Transport: trip}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(time.Unix(1111111109, 0)))
		for _, path := range []string{"/accounts", "https://node7.shop.example/base/accounts?page=2"} {
			if _, err := client.Do(t.Context(), &httpclient.Request{Path: path}); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			revoked = true
			if _, err := client.Do(t.Context(), &httpclient.Request{Path: "/accounts"}); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{
			"map[account:koppel code:081804 token:t0ken] 1111111109",
			"https://node7.shop.example/base/accounts Bearer s1", "https://node7.shop.example/base/accounts?page=2 Bearer s1",
			"https://node7.shop.example/base/accounts Bearer s1", // refused
			"map[account:koppel code:050471 token:t0ken] 1111111110",
			"https://node7.shop.example/base/accounts Bearer s2",
			"https://node7.shop.example/base/accounts Bearer s2", // refused
			"map[account:koppel code:266759 token:t0ken] 1111111140",
			"https://node7.shop.example/base/accounts Bearer s3",
		}
		if diff := cmp.Diff(want, log); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Whoever asks first logs in, and all who ask meanwhile share the token.
func TestOneLoginForAll(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		s := &suite{refused: map[string]bool{}}
		c := s.totp(t, nil)
		both := func() {
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() { ask(t, c) })
			}
			wg.Wait()
		}
		both()
		s.wantEachOnce(t, 1)
		s.refused["Bearer login-1"] = true
		start := time.Now()
		both()
		s.wantEachOnce(t, 2)
		if waited := time.Since(start); waited > 30*time.Second || len(s.asked) > 20+20+20 {
			t.Errorf("after %v %d requests were made", waited, len(s.asked))
		}
	})
}

// Two connections by one account, as with several who are acted for, and a
// process that begins anew, send no code of one another again.
func TestCodesOfOthers(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		s := &suite{}
		var wg sync.WaitGroup
		for range 4 {
			c := s.totp(t, nil)
			wg.Go(func() { ask(t, c) })
		}
		wg.Wait()
		s.wantEachOnce(t, 4)
		ask(t, s.totp(t, nil))
		s.wantEachOnce(t, 5)
		start := time.Now()
		ask(t, s.totp(t, func(o *httpclient.TOTP) { o.Account = "other" }))
		if time.Since(start) != 0 {
			t.Errorf("another account waited for %v", time.Since(start))
		}
	})
}

// Each attempt has a code of its own, unless the one before it never left.
func TestLoginIsTriedAgain(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		s := &suite{fail: []func() (int, error){
			func() (int, error) { return 0, errors.New("connection refused") },
			func() (int, error) { return 429, nil }, func() (int, error) { return 502, nil },
		}}
		start := time.Now()
		ask(t, s.totp(t, nil))
		s.wantEachOnce(t, 3)
		if first := s.at[0].Sub(start); first > 2*time.Second || s.logins != 1 {
			t.Errorf("the first code was sent after %v, and there were %d logins", first, s.logins)
		}
	})
}

// A login that is refused is not tried again, by nobody and for a while, so that
// the account is not locked.
func TestLoginIsRefused(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		refuse := func() (int, error) { return 401, nil }
		s := &suite{date: 95 * time.Second, fail: []func() (int, error){refuse, refuse}}
		c := s.totp(t, nil)
		for range 3 {
			_, err := c.Do(t.Context(), &httpclient.Request{Path: "/accounts"})
			e := failure(t, err)
			if e.Reason != httpclient.Denied || !strings.Contains(e.Hint, "the clock of this machine is 1m35s behind") || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		}
		if len(s.sent) != 1 || len(s.asked) != 0 {
			t.Errorf("%d logins, asked %v", len(s.sent), s.asked)
		}
	})
}

// A token is replaced before it ends, and a login may lead elsewhere each time.
func TestLoginLeadsElsewhere(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		s := &suite{life: 600, refused: map[string]bool{}}
		c := s.totp(t, nil)
		ask(t, c)
		s.home = "/tenant/7"
		time.Sleep(545 * time.Second)
		ask(t, c)
		s.refused["Bearer login-2"], s.home = true, "https://node8.suite.example"
		ask(t, c)
		want := []string{
			"https://node7.suite.example/base/accounts Bearer login-1", "https://login.suite.example/tenant/7/accounts Bearer login-2",
			"https://login.suite.example/tenant/7/accounts Bearer login-2", "https://node8.suite.example/accounts Bearer login-3",
		}
		if diff := cmp.Diff(want, s.asked); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.wantEachOnce(t, 3)
	})
}

// Nothing is sent to a place where it could be read on the way.
func TestLoginLeadsAstray(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for home, want := range map[string]string{
		"http://node7.suite.example":                 "plain http",
		"http://127.0.0.1:8080":                      "plain http",
		"https://canary-user:secret@suite.example/x": "holds a user or a password",
		"//suite.example/x":                          "does not start with https://",
		"ftp://suite.example":                        "does not start with https://",
		"https://":                                   "names no host",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &suite{home: home}
			_, err := s.totp(t, nil).Do(t.Context(), &httpclient.Request{Path: "/accounts"})
			if e := failure(t, err); e.Reason != httpclient.Denied || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") || len(s.asked) > 0 {
				t.Errorf("%s: %v", home, err)
			}
		})
	}
}

// The token of the login is exchanged for one to act for somebody, and it alone
// is sent on requests.
func TestExchange(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		s := &suite{life: 600, refused: map[string]bool{}}
		c := s.totp(t, func(o *httpclient.TOTP) {
			o.Exchange = &httpclient.Exchange{Path: "/oauth2/token", Subject: "pien@example.org", Param: "requested_subject"}
		})
		ask(t, c)
		ask(t, c)
		want := []string{
			"https://node7.suite.example/base/oauth2/token Bearer login-1 map[grant_type:[urn:ietf:params:oauth:grant-type:token-exchange] " +
				"requested_subject:[pien@example.org] requested_token_type:[urn:ietf:params:oauth:token-type:access_token] " +
				"subject_token:[login-1] subject_token_type:[urn:ietf:params:oauth:token-type:access_token]]",
			"https://node7.suite.example/base/accounts Bearer for-pien@example.org", "https://node7.suite.example/base/accounts Bearer for-pien@example.org",
		}
		if diff := cmp.Diff(want, s.asked); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.refused["Bearer for-pien@example.org"] = true
		if _, err := c.Do(t.Context(), &httpclient.Request{Path: "/accounts"}); err == nil || s.logins != 2 {
			t.Errorf("after %d logins: %v", s.logins, err)
		}
	})
}
