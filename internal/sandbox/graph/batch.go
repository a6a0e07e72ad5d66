package graph

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"koppel/internal/sandbox/traffic"
)

// batch answers up to 20 calls within one, in another order.
func (s *System) batch(x *traffic.Exchange) (any, error) {
	var in struct {
		Requests []struct {
			ID      string            `json:"id"`
			Method  string            `json:"method"`
			URL     string            `json:"url"`
			Headers map[string]string `json:"headers"`
		} `json:"requests"`
	}
	if err := json.Unmarshal(x.Body, &in); err != nil || len(in.Requests) == 0 || len(in.Requests) > 20 {
		return nil, refuse(http.StatusBadRequest, "BadRequest", "Invalid batch payload format: 1 to 20 requests.")
	}
	seen := map[string]bool{}
	responses := []any{}
	for i := range in.Requests {
		m := in.Requests[len(in.Requests)-1-i]
		if seen[strings.ToLower(m.ID)] || m.ID == "" || !strings.EqualFold(m.Method, http.MethodGet) || !strings.HasPrefix(m.URL, "/") {
			return nil, refuse(http.StatusBadRequest, "BadRequest", "Invalid batch payload format: request %s.", m.ID)
		}
		seen[strings.ToLower(m.ID)] = true
		target, err := url.Parse("/v1.0" + m.URL)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "BadRequest", "Invalid batch payload format: the URL of request %s.", m.ID)
		}
		r := x.Request.Clone(x.Request.Context())
		r.Method, r.URL, r.Header = http.MethodGet, target, http.Header{"Authorization": x.Request.Header["Authorization"]}
		for name, value := range m.Headers {
			r.Header.Set(name, value)
		}
		inner := traffic.Inner(x, r)
		s.mux.ServeHTTP(inner, r)
		status, body := inner.Answer()
		headers := map[string]string{}
		for name := range inner.Header() {
			headers[name] = inner.Header().Get(name)
		}
		responses = append(responses, map[string]any{"id": m.ID, "status": status, "headers": headers, "body": json.RawMessage(body)})
	}
	return map[string]any{"responses": responses}, nil
}
