package http_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	sink "koppel/sinks/http"
)

// What find gives is not taken over when it belongs to another record: with the
// one gone, that of the other would be deleted.
func TestARecordOfAnotherIsNotTakenOver(t *testing.T) {
	holder := func(key record.Key) func([]byte) (record.Key, error) {
		return func([]byte) (record.Key, error) { return key, nil }
	}
	tests := []struct {
		name   string
		answer func(w http.ResponseWriter, n int) // to the n-th create
		batch  int
		holder func([]byte) (record.Key, error)
		want   []connector.Status
		words  string // of the last
		sent   int    // updates
	}{
		{"conflict, held", conflict, 1, holder("other"), []connector.Status{connector.Refused}, "taken (the server says 409 Conflict); the record that find gives belongs to other", 0},
		{"conflict, free", conflict, 1, holder(""), []connector.Status{connector.Applied}, "", 1},
		{"lost, held", cut, 1, holder("other"), []connector.Status{connector.Unknown}, "", 0},
		{"lost, free", cut, 1, holder(""), []connector.Status{connector.Applied}, "", 0},
		{"made beside", func(w http.ResponseWriter, n int) {
			if n == 1 {
				w.Write([]byte(`{"id":7}`))
				return
			}
			conflict(w, n)
		}, 2, holder(""), nil, "belongs to", 0},
		{"lost beside", cut, 2, holder(""), nil, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			creates, updates := make(chan int, 9), make(chan int, 9)
			creates <- 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.Method {
				case http.MethodPost:
					n := <-creates + 1
					creates <- n
					test.answer(w, n)
				case http.MethodPatch:
					updates <- 1
				default:
					w.Write([]byte(`[{"id":7}]`))
				}
			}))
			defer server.Close()
			_, c := start(t)
			c.Connection.Config.(*httpclient.HTTPConfig).URL = server.URL
			c.Find = &sink.Find{Path: text("/find")}
			batch := []record.Change{create("a"), create("b")}[:test.batch]
			for i := range batch {
				batch[i].Holder = test.holder
			}
			out, err := open(t, c).Write(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			applied := 0
			var words strings.Builder
			for i, o := range out {
				if test.want != nil && o.Status != test.want[i] {
					t.Errorf("%d: %+v", i, o)
				}
				if o.Status == connector.Applied {
					applied++
				}
				words.WriteString(o.Message)
			}
			if test.want == nil && applied != 1 || !strings.Contains(words.String(), test.words) || len(updates) != test.sent {
				t.Errorf("%+v, %d updates", out, len(updates))
			}
		})
	}
}

func conflict(w http.ResponseWriter, _ int) {
	w.WriteHeader(http.StatusConflict)
	w.Write([]byte(`{"message":"taken"}`))
}

// cut breaks off before the answer.
func cut(w http.ResponseWriter, _ int) {
	panic(http.ErrAbortHandler)
}
