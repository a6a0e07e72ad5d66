package xpert_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox/dataset"
)

// A receiver takes webhooks and answers with a status.
type receiver struct {
	*httptest.Server
	status int
	got    []string // signature or token, and body
}

func listen(t *testing.T) *receiver {
	r := &receiver{status: 204}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if req.URL.Path == "/token" {
			fmt.Fprintf(w, `{"access_token":"for %s"}`, body)
			return
		}
		mac := hmac.New(sha256.New, []byte("geheim"))
		mac.Write(body)
		proof := req.Header.Get("Authorization")
		if req.Header.Get("X-Hub-Signature") == "sha256="+hex.EncodeToString(mac.Sum(nil)) {
			proof = "signed"
		}
		r.got = append(r.got, proof+" "+string(body))
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (v *suite) insert(table string, row dataset.Row) {
	v.t.Helper()
	if _, err := v.Data.Insert(table, row); err != nil {
		v.t.Fatal(err)
	}
}

func (v *suite) deliver(id string) []dataset.Row {
	v.t.Helper()
	rows, err := v.Deliver(v.t.Context(), id)
	if err != nil {
		v.t.Fatal(err)
	}
	return rows
}

func (v *suite) rename(id, name string) {
	v.t.Helper()
	if err := v.Data.Update("accounts", id, dataset.Row{"lastName": name}); err != nil {
		v.t.Fatal(err)
	}
}

func TestWebhooks(t *testing.T) {
	v, r := start(t), listen(t)
	v.insert("receivers", dataset.Row{"id": "r1", "url": r.URL + "/hook", "topics": "Accounts.Update Accounts.Delete", "account": v.Account, "secret": "geheim"})
	v.insert("receivers", dataset.Row{
		"id": "r2", "url": r.URL + "/hook", "topics": "Employees.Create", "account": v.Account, "protocol": "oauth2",
		"tokenUrl": r.URL + "/token", "clientId": "suite", "clientSecret": "s",
	})
	v.insert("receivers", dataset.Row{"id": "r3", "url": r.URL + "/hook", "topics": "Employees.Create Absences.Delete", "account": v.LimitedAccount, "secret": "x"})
	v.rename("5001", "Testma")
	v.insert("employees", dataset.Row{"id": 1900, "employeeNumber": "X9"})
	if err := v.Data.Delete("accounts", "5002"); err != nil {
		t.Fatal(err)
	}
	if err := v.Data.Update("accounts", "nobody", dataset.Row{"lastName": "x"}); err == nil {
		t.Error("there is nobody")
	}
	rows := v.deliver("")
	var got []string
	for i, text := range r.got {
		text = strings.ReplaceAll(text, rows[i]["id"].(string), "ID")
		got = append(got, text)
		if rows[i]["status"] != "sent" || rows[i]["code"] != int64(204) || !json.Valid([]byte(rows[i]["body"].(string))) {
			t.Errorf("%v", rows[i])
		}
	}
	want := []string{
		`signed {"accountId":5001,"id":"ID","time":"2026-11-20T11:00:00Z","topic":"Accounts.Update"}`,
		`Bearer for client_id=suite&client_secret=s&grant_type=client_credentials {"employeeId":1900,"id":"ID","time":"2026-11-20T11:00:00Z","topic":"Employees.Create"}`,
		`signed {"accountId":5002,"id":"ID","time":"2026-11-20T11:00:00Z","topic":"Accounts.Delete"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rest := v.deliver(""); len(rest) != 0 {
		t.Errorf("delivered twice: %v", rest)
	}
	if again := v.deliver(rows[0]["id"].(string)); len(again) != 1 || again[0]["attempts"] != int64(2) || len(r.got) != 4 || r.got[3] != r.got[0] {
		t.Errorf("on request: %v, %v", again, r.got)
	}
}

// What fails is sent again by the vendor's table, and then given up; once its
// receiver is removed nothing more is sent, and what was stays in the log.
func TestRetries(t *testing.T) {
	v, r := start(t), listen(t)
	r.status = 500
	v.insert("receivers", dataset.Row{"id": "r1", "url": r.URL, "topics": "Accounts.Update", "account": v.Account, "secret": "geheim"})
	v.rename("5001", "Testma")
	for i, wait := range []time.Duration{time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour, 0} {
		row := v.deliver("")[0]
		due := row["due"].(time.Time).Sub(v.now().UTC())
		if wait > 0 && (row["status"] != "failed" || due != wait) || wait == 0 && row["status"] != "given up" {
			t.Errorf("attempt %d: %v, due in %v", i+1, row, due)
		}
		v.clock.Add(int64(wait / time.Second))
	}
	if rest := v.deliver(""); len(rest) != 0 || len(r.got) != 5 {
		t.Errorf("%d attempts, then %v", len(r.got), rest)
	}
	v.rename("5001", "Proefman")
	if err := v.Data.Update("receivers", "r1", dataset.Row{"removed": true}); err != nil {
		t.Fatal(err)
	}
	v.rename("5001", "Voorbeeld")
	if rows := v.deliver(""); len(rows) != 1 || rows[0]["status"] != "stopped" || len(v.Data.Rows("deliveries")) != 2 || len(r.got) != 5 {
		t.Errorf("%v", rows)
	}
}

// A server delivers by itself, as long as it is up.
func TestServerDelivers(t *testing.T) {
	v := start(t)
	arrived := make(chan string, 16)
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { arrived <- req.Header.Get("X-Hub-Signature")[:7] }))
	defer r.Close()
	server, err := v.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop(t.Context())
	v.insert("receivers", dataset.Row{"id": "r1", "url": r.URL, "topics": "Accounts.Update", "account": v.Account, "secret": "s", "method": "sha512"})
	v.rename("5001", "Testma")
	if got := <-arrived; got != "sha512=" {
		t.Errorf("signed by %s", got)
	}
	if err := server.Down(); err != nil {
		t.Fatal(err)
	}
	v.rename("5001", "Proefman")
	if rows := v.Data.Rows("deliveries"); rows[1]["status"] != "waiting" {
		t.Errorf("%v", rows)
	}
	if err := server.Up(); err != nil {
		t.Fatal(err)
	}
	<-arrived
	if !strings.HasPrefix(server.URL(), "http://127.0.0.1:") {
		t.Error(server.URL())
	}
}
