package graph

import "testing"

// FuzzFilter: a filter is read or refused, whatever it says.
func FuzzFilter(f *testing.F) {
	for _, text := range []string{
		"userType eq 'Member'", "not (mail eq null) and startsWith(displayName,'A''b')", "department in ('a','b') or accountEnabled ne true",
		"assignedLicenses/$count ne 0", "((((", "mail eq 'é", "id in (", "endsWith(mail", "é eq 1",
	} {
		f.Add(text)
	}
	row := map[string]any{"id": "1", "mail": "A@example.org", "accountEnabled": true, "assignedLicenses": []any{}}
	f.Fuzz(func(_ *testing.T, text string) {
		if read, err := parseFilter(text); err == nil {
			read.keep(row)
		}
	})
}
