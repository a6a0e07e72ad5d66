package xpert

import (
	"crypto/hmac"
	"crypto/sha1" // RFC 6238 in the form that all authenticator programs use
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// A session is what a token stands for.
type session struct {
	account string   // the API account
	user    string   // whom it acts for; empty: itself
	may     []string // authorisations
	end     time.Time
}

// who is the one whose actions they are.
func (s session) who() string {
	if s.user != "" {
		return s.user
	}
	return s.account
}

// parameters are those of a form, or of a JSON object with texts.
func parameters(x *traffic.Exchange) url.Values {
	if !strings.HasPrefix(x.Request.Header.Get("Content-Type"), "application/json") {
		form, _ := url.ParseQuery(string(x.Body)) // what can't be read is missing
		return form
	}
	var object map[string]string
	_ = json.Unmarshal(x.Body, &object) // as above
	form := url.Values{}
	for name, value := range object {
		form.Set(name, value)
	}
	return form
}

// deny refuses a token as OAuth 2.0 does (RFC 6749, section 5.2).
func deny(x *traffic.Exchange, status int, code, description string) {
	x.JSON(status, map[string]string{"error": code, "error_description": description})
}

// login lets an API account in: name, token, and the code of now or of the
// window before, which counts once.
func (s *System) login(x *traffic.Exchange) {
	form := parameters(x)
	if form.Get("grant_type") != "password" {
		deny(x, http.StatusBadRequest, "unsupported_grant_type", "accounts log in by grant_type password")
		return
	}
	row, ok := s.apiAccount(form.Get("username"))
	if !ok || subtle.ConstantTimeCompare([]byte(form.Get("password")), []byte(dataset.Text(row["token"]))) != 1 {
		deny(x, http.StatusUnauthorized, "invalid_grant", "the account or its API token is wrong")
		return
	}
	name := dataset.Text(row["name"])
	switch window := s.windowOf(dataset.Text(row["totpSecret"]), form.Get("otp")); {
	case window < 0:
		deny(x, http.StatusUnauthorized, "invalid_grant", "the TOTP code is wrong")
	case !s.use(name, window):
		deny(x, http.StatusUnauthorized, "invalid_grant", "the TOTP code was used already")
	default:
		s.answer(x, session{account: name, may: strings.Fields(dataset.Text(row["authorisations"]))},
			map[string]any{"base_url": "http://" + x.Request.Host + Path})
	}
}

// apiAccount finds an account that may log in.
func (s *System) apiAccount(name string) (dataset.Row, bool) {
	var row dataset.Row
	s.Data.View(func(tx *dataset.Tx) { row = tx.Get("api_accounts", name) })
	return row, row != nil && row["active"] == true
}

// windowOf finds the window that a code belongs to, that of now or the one
// before it (RFC 6238, section 5.2); below 0: none.
func (s *System) windowOf(secret, code string) int64 {
	key, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		return -1
	}
	now := s.o.Now().Unix() / 30
	for _, window := range []int64{now, now - 1} {
		mac := hmac.New(sha1.New, key)
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(window)))
		sum := mac.Sum(nil)
		at := sum[len(sum)-1] & 0xf
		want := fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1e6)
		if subtle.ConstantTimeCompare([]byte(code), []byte(want)) == 1 {
			return window
		}
	}
	return -1
}

// use takes the code of a window; false: it, or a later one, was used.
func (s *System) use(account string, window int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.used[account]; ok && window <= last {
		return false
	}
	s.used[account] = window
	return true
}

// answer gives out a token.
func (s *System) answer(x *traffic.Exchange, who session, more map[string]any) {
	who.end = s.o.Now().Add(s.o.TokenLife)
	text := newToken()
	s.mu.Lock()
	s.tokens[text] = who
	s.mu.Unlock()
	more["access_token"], more["token_type"], more["expires_in"] = text, "Bearer", int(s.o.TokenLife.Seconds())
	x.Header().Set("Cache-Control", "no-store")
	x.JSON(http.StatusOK, more)
}

// RevokeTokens ends all tokens at once.
func (s *System) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// session is what a token stands for; false: it is none, or its time is over.
func (s *System) session(token string) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.tokens[token]
	return found, ok && s.o.Now().Before(found.end)
}

// exchange gives an API account a token to act for a user (RFC 8693).
func (s *System) exchange(x *traffic.Exchange) {
	form := parameters(x)
	account, ok := s.session(form.Get("subject_token"))
	user := s.user(form.Get("requested_subject"))
	const tokenType = "urn:ietf:params:oauth:token-type:access_token"
	switch {
	case form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange":
		deny(x, http.StatusBadRequest, "unsupported_grant_type", "tokens are only exchanged here")
	case form.Get("subject_token_type") != tokenType || !ok || account.user != "":
		deny(x, http.StatusBadRequest, "invalid_request", "subject_token is no token of an API account")
	case !slices.Contains(account.may, "impersonate"):
		deny(x, http.StatusForbidden, "access_denied", "the account may not act for users")
	case user == nil:
		deny(x, http.StatusBadRequest, "invalid_target", "there is no such user, or the user is not active")
	default:
		s.answer(x, session{account: account.account, user: dataset.Text(user["userName"]), may: strings.Fields(dataset.Text(user["authorisations"]))},
			map[string]any{"issued_token_type": tokenType})
	}
}

// user finds an active user by name; nil: there is none.
func (s *System) user(name string) dataset.Row {
	for _, row := range s.Data.Rows("accounts") {
		if name != "" && strings.EqualFold(dataset.Text(row["userName"]), name) && row["active"] == true {
			return row
		}
	}
	return nil
}

// A call is one call of a session.
type call struct {
	*traffic.Exchange
	session session
	def     dataset.Def
}

// admitted lets a caller in who has a right on the collection; false: the call
// was refused.
func (c *call) admitted(s *System, right string) bool {
	token, _ := strings.CutPrefix(c.Request.Header.Get("Authorization"), "Bearer ")
	var ok bool
	if c.session, ok = s.session(token); !ok {
		c.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		fail(c.Exchange, http.StatusUnauthorized, "the token is missing, unknown, or its time is over")
		return false
	}
	name := c.Request.PathValue("collection")
	if c.def, ok = s.Data.Def(name); !ok || !slices.Contains(collections, name) {
		fail(c.Exchange, http.StatusNotFound, "there is no such collection")
		return false
	}
	if !slices.Contains(c.session.may, name+"."+right) {
		fail(c.Exchange, http.StatusForbidden, c.session.who()+" lacks the authorisation "+name+"."+right)
		return false
	}
	return true
}
