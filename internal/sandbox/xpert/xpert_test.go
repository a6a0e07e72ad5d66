package xpert_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox/xpert"
)

// A suite is a running system, with its clock, and a caller of it.
type suite struct {
	*xpert.System
	t     *testing.T
	url   string
	clock atomic.Int64 // seconds
	token string
}

func start(t *testing.T) *suite {
	t.Helper()
	v := &suite{t: t}
	v.clock.Store(time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC).Unix())
	s, err := xpert.New(xpert.Options{Now: v.now, Employees: 30})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	v.System, v.url = s, server.URL
	return v
}

func (v *suite) now() time.Time { return time.Unix(v.clock.Load(), 0) }

// codeOf is the code of a window (RFC 4226), by no code of the system's.
func codeOf(secret string, window int64) string {
	key, _ := base32.StdEncoding.DecodeString(secret)
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, window)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])<<1>>1%1000000)
}

func (v *suite) call(method, path, body string) (int, map[string]any) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+v.token)
	if strings.HasPrefix(body, "grant_type") {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil && len(text) > 0 {
		v.t.Fatalf("%s: %v", text, err)
	}
	return resp.StatusCode, answer
}

// login logs in by a code and keeps the token.
func (v *suite) login(account, password, code string) (int, map[string]any) {
	v.t.Helper()
	status, answer := v.call("POST", xpert.LoginPath, "grant_type=password&"+url.Values{"username": {account}, "password": {password}, "otp": {code}}.Encode())
	v.token, _ = answer["access_token"].(string)
	return status, answer
}

func (v *suite) code() string { return codeOf(v.TOTPSecret, v.clock.Load()/30) }

func TestLogin(t *testing.T) {
	v := start(t)
	window := v.clock.Load() / 30
	old := codeOf(v.TOTPSecret, window-1)
	for name, test := range map[string][3]string{
		"account": {"nobody", v.Token, v.code()}, "token": {v.Account, v.Token + "x", v.code()}, "code": {v.Account, v.Token, "000000"},
		"future": {v.Account, v.Token, codeOf(v.TOTPSecret, window+1)}, "past": {v.Account, v.Token, codeOf(v.TOTPSecret, window-2)},
	} {
		if status, answer := v.login(test[0], test[1], test[2]); status != 401 || answer["error"] != "invalid_grant" {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	status, answer := v.login(v.Account, v.Token, v.code())
	if status != 200 || answer["base_url"] != v.url+xpert.Path || answer["expires_in"] != float64(3600) {
		t.Errorf("%d %v", status, answer)
	}
	kept := v.token
	for _, code := range []string{v.code(), old} {
		if status, answer := v.login(v.Account, v.Token, code); status != 401 || answer["error_description"] != "the TOTP code was used already" {
			t.Errorf("again: %d %v", status, answer)
		}
	}
	v.token = kept
	for path, want := range map[string]int{"/accounts": 404, xpert.Path + "/accounts": 200, xpert.Path + "/nothing": 404, xpert.Path + "/receivers": 404} {
		if status, _ := v.call("GET", path, ""); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	v.clock.Add(3600)
	if status, _ := v.call("GET", xpert.Path+"/accounts", ""); status != 401 {
		t.Errorf("after an hour: %d", status)
	}
	v.login(v.Account, v.Token, v.code())
	v.RevokeTokens()
	if status, _ := v.call("GET", xpert.Path+"/accounts", ""); status != 401 {
		t.Errorf("once revoked: %d", status)
	}
}

func TestAuthorisations(t *testing.T) {
	v := start(t)
	v.login(v.LimitedAccount, v.LimitedToken, codeOf(v.LimitedTOTPSecret, v.clock.Load()/30))
	for path, want := range map[string]int{"GET /accounts": 200, "GET /employees": 403, "DELETE /accounts/5001": 403} {
		method, path, _ := strings.Cut(path, " ")
		if status, answer := v.call(method, xpert.Path+path, ""); status != want {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
	v.login(v.Account, v.Token, v.code())
	exchange := func(user, token string) (int, map[string]any) {
		return v.call("POST", xpert.Path+"/oauth2/token", "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token="+token+
			"&subject_token_type=urn:ietf:params:oauth:token-type:access_token&requested_subject="+url.QueryEscape(user))
	}
	if status, answer := exchange("nobody@example.org", v.token); status != 400 || answer["error"] != "invalid_target" {
		t.Errorf("nobody: %d %v", status, answer)
	}
	status, answer := exchange(v.User, v.token)
	if status != 200 || answer["issued_token_type"] != "urn:ietf:params:oauth:token-type:access_token" {
		t.Fatalf("%d %v", status, answer)
	}
	v.token = answer["access_token"].(string)
	if status, answer := v.call("GET", xpert.Path+"/employees", ""); status != 403 || !strings.HasPrefix(answer["detail"].(string), v.User) {
		t.Errorf("the user may: %d %v", status, answer)
	}
	if status, answer := exchange(v.User, v.token); status != 400 {
		t.Errorf("a user's token: %d %v", status, answer)
	}
}

func TestRecords(t *testing.T) {
	v := start(t)
	v.login(v.Account, v.Token, v.code())
	var ids []any
	for after := ""; ; {
		_, answer := v.call("GET", xpert.Path+"/employees?limit=7"+after, "")
		for _, item := range answer["items"].([]any) {
			ids = append(ids, item.(map[string]any)["id"])
		}
		if answer["next"] == nil {
			break
		}
		after = "&after=" + answer["next"].(string)
	}
	if len(ids) != 30 || ids[0] != float64(1001) || ids[29] != float64(1030) {
		t.Errorf("ids %v", ids)
	}
	status, made := v.call("POST", xpert.Path+"/employees", `{"employeeNumber":"X1","lastName":"Testma"}`)
	if status != 201 || made["id"] != float64(1031) {
		t.Errorf("%d %v", status, made)
	}
	for body, want := range map[string]int{`{"employeeNumber":"x1"}`: 409, `{"lastName":"x"}`: 422, `{"employeeNumber":"2","nothing":1}`: 422, `[]`: 422} {
		if status, answer := v.call("POST", xpert.Path+"/employees", body); status != want {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
	if status, answer := v.call("PATCH", xpert.Path+"/employees/1031", `{"lastName":"Proefman"}`); status != 200 || answer["lastName"] != "Proefman" {
		t.Errorf("%d %v", status, answer)
	}
	if _, answer := v.call("GET", xpert.Path+"/employees?modifiedSince=2026-11-20T11:00:00Z", ""); len(answer["items"].([]any)) != 1 {
		t.Errorf("changed since: %v", answer)
	}
	if _, answer := v.call("GET", xpert.Path+"/employees?employeeNumber=X1", ""); len(answer["items"].([]any)) != 1 {
		t.Errorf("by number: %v", answer)
	}
	for _, want := range []int{204, 404} {
		if status, _ := v.call("DELETE", xpert.Path+"/employees/1031", ""); status != want {
			t.Errorf("delete: %d", status)
		}
	}
	var effects []string
	for _, e := range v.Traffic.Effects() {
		effects = append(effects, e.Op+" "+e.What+" "+e.Key+" "+string(e.Body))
	}
	want := []string{
		`insert employees 1031 {"by":"sandbox","sent":{"employeeNumber":"X1","lastName":"Testma"}}`,
		`update employees 1031 {"by":"sandbox","sent":{"lastName":"Proefman"}}`, `delete employees 1031 {"by":"sandbox"}`,
	}
	if diff := cmp.Diff(want, effects); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
