package dsl

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"koppel/engine/connector"
)

// TestDraftIsValid drafts collections of any names and loads what comes out.
func TestDraftIsValid(t *testing.T) {
	name := rapid.StringMatching(`[a-cA-C_.$%{}"\\\n é0-9-]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		c := connector.Collection{Name: name.Draw(t, "collection"), Kind: "sql",
			Cursor: rapid.SampledFrom([]string{"", "a", "a\nb"}).Draw(t, "cursor")}
		c.Arguments = []connector.Argument{{Name: "table", Value: c.Name}}
		for _, n := range rapid.SliceOfNDistinct(name, 0, 6, rapid.ID[string]).Draw(t, "fields") {
			c.Fields = append(c.Fields, connector.Field{Name: n, Nullable: rapid.Bool().Draw(t, "nullable")})
		}
		if len(c.Fields) > 0 && rapid.Bool().Draw(t, "keyed") {
			c.Key = []string{c.Fields[0].Name}
		}
		address := `connection.sqlite.db["` + rapid.SampledFrom([]string{"a", "${b}", "c.d"}).Draw(t, "instance") + `"]`
		text := newProject(".").Draft(address, c)
		if again, problems := Format("draft.hcl", text); problems.HasErrors() || string(again) != string(text) {
			t.Fatalf("not in canonical form:\n%s\n%v", text, problems)
		}
		if len(c.Fields) == 0 && (!strings.HasPrefix(string(text), "# ") || strings.Count(string(text), "\n") != 1) {
			t.Errorf("without a field this is drafted:\n%s", text)
		}
		_, mapped, _ := strings.Cut(string(text), "map {")
		if n := strings.Count(mapped, "= src"); n != len(c.Fields) {
			t.Errorf("%d of %d fields are mapped:\n%s", n, len(c.Fields), text)
		}
	})
}
