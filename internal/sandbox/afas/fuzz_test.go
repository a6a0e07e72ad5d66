package afas_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"koppel/internal/sandbox/afas"
)

// serve answers one call without a network.
func serve(s *afas.System, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "http://localhost", strings.NewReader(body))
	r.URL = &url.URL{Path: afas.Path + path}
	if p, q, ok := strings.Cut(path, "?"); ok {
		r.URL.Path, r.URL.RawQuery = afas.Path+p, q
	}
	r.Header.Set("Authorization", afas.Authorization(s.Token))
	s.Traffic.ServeHTTP(w, r)
	s.Traffic.Forget()
	return w
}

// FuzzQuery: any query of a connector is answered or refused in Profit's ways.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{
		"skip=-1&take=-1", "orderbyfieldids=-EmployeeId,['E-mail werk']", "filterfieldids=EmployeeId;OrgUnit&filtervalues=1;2&operatortypes=1;6",
		`filterjson={"Filters":{"Filter":{"Field":{"@FieldId":"FTE","@OperatorType":"2","#text":"0.5"}}}}`, "filterfieldids=ModifiedDate&filtervalues=2026-01-01",
	} {
		f.Add(q)
	}
	s, err := afas.New(afas.Options{Now: noon})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		switch w := serve(s, "GET", "/connectors/Reception_Employees?"+query, ""); w.Code {
		case http.StatusOK, http.StatusInternalServerError, http.StatusNotFound:
		default:
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
