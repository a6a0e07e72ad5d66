package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	sink "koppel/sinks/webhook"
)

// A got is a request that a receiver got.
type got struct {
	header http.Header
	body   []byte
	uri    string
}

// receive runs a receiver that answers by answer. seen gives what came so far.
func receive(t *testing.T, answer http.HandlerFunc) (url string, seen func() []got) {
	t.Helper()
	var mu sync.Mutex
	var list []got
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		list = append(list, got{r.Header, body, r.URL.RequestURI()})
		mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []got {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

// open opens a sink with one receiver.
func open(t *testing.T, r sink.Receiver, log io.Writer) connector.Courier {
	t.Helper()
	r.Name = "one"
	c := sink.Kind().Config().(*sink.Config)
	c.Topic, c.Receivers, c.Headers = connectortest.Text("t.{op}"), []sink.Receiver{r}, map[string]string{"X-Key": "canary-header"}
	env := connector.Env{Now: time.Now, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	s, err := sink.Kind().Open(t.Context(), c, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.(io.Closer).Close() })
	return s.(connector.Courier)
}

var letter = connector.Message{ID: "ID1", Receiver: "one", Topic: "t.create", Body: []byte("{\"a\":\"\u00e9\\n\",\"b\":9007199254740993}")}

func TestSend(t *testing.T) {
	url, seen := receive(t, status(http.StatusAccepted, "  thanks\nfor canary-header "))
	var log bytes.Buffer
	s := open(t, sink.Receiver{URL: connector.Secret(url + "/hook?code=canary-query"), Auth: &sink.Auth{Kind: "websub", Secret: "canary-secret"}}, &log)
	receipt := s.Send(t.Context(), letter, 3)
	if diff := cmp.Diff(connector.Receipt{Delivered: true, Code: 202, Words: "thanks for ‹sensitive›"}, receipt); diff != "" {
		t.Errorf("receipt (-want +got):\n%s", diff)
	}
	if len(seen()) != 1 {
		t.Fatalf("%d requests", len(seen()))
	}
	r := seen()[0]
	mac := hmac.New(sha256.New, []byte("canary-secret"))
	mac.Write(r.body)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "X-Koppel-Delivery": "ID1", "X-Koppel-Topic": "t.create", "X-Koppel-Attempt": "3",
		"X-Key": "canary-header", "X-Hub-Signature": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
	} {
		if r.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, r.header.Get(name), want)
		}
	}
	if string(r.body) != string(letter.Body) || r.uri != "/hook?code=canary-query" {
		t.Errorf("%s got %q", r.uri, r.body)
	}
	if strings.Contains(log.String(), "canary") || !strings.Contains(log.String(), "202") {
		t.Errorf("the log: %s", &log)
	}
	for _, h := range s.Headers(letter, 3) {
		if strings.Contains(h.Value, "canary") {
			t.Errorf("shown: %+v", h)
		}
	}
}

// TestSignature checks signatures with another implementation.
func TestSignature(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl here")
	}
	url, seen := receive(t, status(http.StatusOK, ""))
	for _, method := range []string{"", "sha1", "sha256", "sha384", "sha512"} {
		s := open(t, sink.Receiver{URL: connector.Secret(url), Auth: &sink.Auth{Kind: "websub", Secret: "a test secret", Method: method}}, io.Discard)
		if r := s.Send(t.Context(), letter, 1); !r.Delivered {
			t.Fatalf("%s: %+v", method, r)
		}
		if method == "" {
			method = "sha256"
		}
		last := seen()[len(seen())-1]
		cmd := exec.CommandContext(t.Context(), openssl, "dgst", "-"+method, "-hmac", "a test secret")
		cmd.Stdin = bytes.NewReader(last.body)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(out))
		if want := method + "=" + fields[len(fields)-1]; last.header.Get("X-Hub-Signature") != want {
			t.Errorf("signature %s, and openssl says %s", last.header.Get("X-Hub-Signature"), want)
		}
	}
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("é ", 400)
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   connector.Receipt
		words  string
	}{
		{"no content", status(http.StatusNoContent, ""), connector.Receipt{Delivered: true, Code: 204}, ""},
		{"cut answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "short")
		}, connector.Receipt{Delivered: true, Code: 200}, ""},
		{"refused", status(http.StatusUnprocessableEntity, `{"message":"no room"}`), connector.Receipt{Code: 422}, "no room"},
		{"gone", status(http.StatusGone, ""), connector.Receipt{Code: 410, Final: true}, ""},
		{"fault", status(http.StatusInternalServerError, long), connector.Receipt{Code: 500}, "é é"},
		{"busy", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}, connector.Receipt{Code: 429, After: time.Hour}, ""},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, connector.Receipt{Code: 307}, ""},
		{"see other", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusSeeOther) }, connector.Receipt{Code: 303}, ""},
		{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, connector.Receipt{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, seen := receive(t, c.answer)
			s := open(t, sink.Receiver{URL: connector.Secret(url)}, io.Discard)
			r := s.Send(t.Context(), letter, 1)
			words := r.Words
			r.Words = ""
			if diff := cmp.Diff(c.want, r); diff != "" {
				t.Errorf("receipt (-want +got):\n%s", diff)
			}
			if !strings.Contains(words, c.words) || !r.Delivered && words == "" || len([]rune(words)) > 301 {
				t.Errorf("words %q", words)
			}
			if len(seen()) != 1 {
				t.Errorf("%d requests", len(seen()))
			}
		})
	}
}

// TestToken gets a token by OAuth2, uses it again, and another one once it is
// refused.
func TestToken(t *testing.T) {
	asked, valid := 0, "token-1"
	tokens, _ := receive(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, asked)
	})
	url, seen := receive(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+valid {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	s := open(t, sink.Receiver{URL: connector.Secret(url), Auth: &sink.Auth{Kind: "oauth2", TokenURL: tokens, ClientID: "koppel", ClientSecret: "canary-client"}}, io.Discard)
	for i := range 3 {
		if i == 2 {
			valid = "token-2"
		}
		if r := s.Send(t.Context(), letter, 1); !r.Delivered {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if asked != 2 || len(seen()) != 4 {
		t.Errorf("%d tokens for %d requests, want 2 for 4", asked, len(seen()))
	}
	if r := s.Send(stopped(t), letter, 1); !r.Unsent {
		t.Errorf("stopped: %+v", r)
	}
}

func stopped(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// TestLeftAlone: a receiver that fails again and again is left alone, and that
// is no attempt.
func TestLeftAlone(t *testing.T) {
	url, seen := receive(t, status(http.StatusServiceUnavailable, ""))
	s := open(t, sink.Receiver{URL: connector.Secret(url)}, io.Discard)
	unsent := 0
	for range 30 {
		if s.Send(t.Context(), letter, 1).Unsent {
			unsent++
		}
	}
	if unsent == 0 || unsent+len(seen()) != 30 {
		t.Errorf("%d unsent and %d requests", unsent, len(seen()))
	}
}

// program is a body's program.
type program func(in map[string]any) ([]any, error)

func (program) Source() string { return "test" }

func (p program) Run(_ context.Context, in any) ([]any, error) { return p(in.(map[string]any)) }

func TestMessages(t *testing.T) {
	shape := record.Shape{Pipeline: "p", Fields: []record.Field{{Name: "id", Send: true}, {Name: "mobile", Send: true, Sensitive: true}, {Name: "note"}}}
	change := record.Change{Op: record.Disable, Key: "7", Before: []byte(`{"id":"7","mobile":"canary-1","note":"x"}`),
		After: []byte(`{"id":"7","mobile":"canary-2","note":"y"}`), Fields: []string{"mobile"}}
	whole := `{"before":{"id":"7","mobile":"%s"},"changed":{"mobile":"%s"},"id":"%s","key":"7","op":"update","record":{"id":"7","mobile":"%s"},"time":"2026-03-01T08:00:00Z","topic":"people.7.update"}`
	const hidden = "‹sensitive›"
	for _, c := range []struct {
		name        string
		body        program
		want, shown string // with %s for the ID
		status      connector.Status
	}{
		{"whole", nil, fmt.Sprintf(whole, "canary-1", "canary-2", "%s", "canary-2"), fmt.Sprintf(whole, hidden, hidden, "%s", hidden), connector.Applied},
		{"program", func(in map[string]any) ([]any, error) {
			return []any{map[string]any{"tel": strings.ToUpper(in["record"].(map[string]any)["mobile"].(string))}}, nil
		}, `{"tel":"CANARY-2"}`, `{"tel":"‹SENSITIVE›"}`, connector.Applied},
		{"program that fails on a mask", func(in map[string]any) ([]any, error) {
			text := in["record"].(map[string]any)["mobile"].(string)
			if text == hidden {
				return nil, fmt.Errorf("no number")
			}
			return []any{text}, nil
		}, `"canary-2"`, `"‹sensitive›"`, connector.Applied},
		{"nothing to tell", func(map[string]any) ([]any, error) { return []any{nil}, nil }, "", "", connector.Applied},
		{"two values", func(map[string]any) ([]any, error) { return []any{1, 2}, nil }, "", "", connector.Refused},
		{"failing", func(map[string]any) ([]any, error) { return nil, fmt.Errorf("no such name") }, "", "", connector.Refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := sink.Kind().Config().(*sink.Config)
			config.Topic = connectortest.Text("people.{record.id}.{op}")
			config.Receivers = []sink.Receiver{{Name: "a", URL: "https://a.example", Topics: []string{"people.*.update"}}, {Name: "b", URL: "https://b.example", Topics: []string{"*.update"}}}
			if c.body != nil {
				config.Body = c.body
			}
			at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
			s, err := sink.Kind().Open(t.Context(), config, connector.Env{Shape: shape, Clock: at, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			out, err := s.Write(t.Context(), []record.Change{change})
			if err != nil || len(out) != 1 || out[0].Status != c.status {
				t.Fatalf("outcomes %+v, %v", out, err)
			}
			if c.want == "" {
				if len(out[0].Messages) > 0 {
					t.Errorf("messages %+v", out[0].Messages)
				}
				return
			}
			m := out[0].Messages[0]
			with := func(text string) string { return strings.ReplaceAll(text, "%s", m.ID) }
			if len(out[0].Messages) != 1 || m.Receiver != "a" || string(m.Body) != with(c.want) || string(m.Shown) != with(c.shown) {
				t.Errorf("message %+v\n%s\n%s", m, m.Body, m.Shown)
			}
		})
	}
}
