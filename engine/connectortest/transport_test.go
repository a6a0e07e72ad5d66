package connectortest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"koppel/engine/connector"
)

type webConfig struct {
	URL string `hcl:"url" doc:"where the pages are"`
}

// web is a source that reads pages over HTTP, with a planted bug; "" is right.
type web struct {
	url, bug string
	client   *http.Client
}

// A webPage is what the server answers: its number shows a repeated answer.
type webPage struct {
	Number int
	Last   bool
	Rows   []json.RawMessage
}

func (s *web) Read(ctx context.Context, out connector.Reader) error {
	if _, err := out.Begin("", connector.Full); err != nil {
		return err
	}
	for number := 0; ; number++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := s.page(ctx, number)
		if err != nil {
			return out.Fail("", err)
		}
		if len(page.Rows) > 0 {
			var b []byte
			for _, r := range page.Rows {
				b = append(append(b, r...), '\n')
			}
			if err := out.Records("", 0, b); err != nil {
				return err
			}
		}
		if page.Last || s.bug == "stops at an empty page" && len(page.Rows) == 0 {
			return out.End("", nil, connector.Interval{})
		}
	}
}

func (s *web) page(ctx context.Context, number int) (webPage, error) {
	var page webPage
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s?page=%d", s.url, number), nil)
	if err != nil {
		return page, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return page, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && s.bug != "blind for the status" {
		return page, fmt.Errorf("the server says %d", resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return page, err
	}
	err = json.Unmarshal(body, &page)
	if s.bug == "stops at an empty page" && len(body) == 0 {
		return webPage{}, nil
	}
	if err == nil && page.Number != number && s.bug != "takes any page" {
		err = fmt.Errorf("page %d came for %d", page.Number, number)
	}
	if s.bug == "blind for the status" && err == nil && page.Rows == nil {
		page.Last = true
	}
	return page, err
}

func webSuite(bug string) SourceSuite {
	return SourceSuite{
		Kind: connector.Define("web", "Pages.", webConfig{}, func(_ context.Context, c webConfig, env connector.Env) (connector.Source, error) {
			return &web{c.URL, bug, env.HTTP}, nil
		}),
		Page: pageSize,
		Setup: func(t testing.TB, records []string) Origin {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				page := webPage{}
				fmt.Sscan(r.FormValue("page"), &page.Number)
				from := min(page.Number*pageSize, len(records))
				to := min(from+pageSize, len(records))
				page.Last = to == len(records)
				for _, text := range records[from:to] {
					page.Rows = append(page.Rows, json.RawMessage(text))
				}
				enc := json.NewEncoder(w)
				enc.SetEscapeHTML(false)
				if err := enc.Encode(page); err != nil {
					t.Errorf("answer: %v", err)
				}
			}))
			t.Cleanup(server.Close)
			// Each answer closes its connection, so that no goroutine waits for
			// the next.
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			return Origin{Config: &webConfig{URL: server.URL}, Env: connector.Env{HTTP: client}}
		},
	}
}

func TestHTTPFaults(t *testing.T) {
	tests := map[string]string{
		"":                       "",
		"takes any page":         "a complete read, and of 21 records",
		"stops at an empty page": "a complete read, and of 21 records",
		"blind for the status":   "a complete read, and of 21 records",
	}
	for bug, want := range tests {
		t.Run(bug, func(t *testing.T) {
			got := failuresOf(t, func(t tester) { webSuite(bug).httpFaults(t, &journal{}) })
			if !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("the suite says:\n%s\nwith %q wanted", got, want)
			}
		})
	}
}

func TestGoodHTTPSourcePasses(t *testing.T) { Source(t, webSuite("")) }
