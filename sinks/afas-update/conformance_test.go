package afasupdate

import (
	"encoding/json"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
)

func TestConformance(t *testing.T) {
	connectortest.Sink(t, connectortest.SinkSuite{
		Kind: Kind(),
		Setup: func(t testing.TB) connectortest.Target {
			f := &fake{}
			return connectortest.Target{
				Config:   f.configured(t),
				Canaries: []string{testToken},
				Rows:     f.texts,
				Refuse: func(_ testing.TB, id string) {
					f.refuse = func(_ string, row map[string]json.RawMessage) string {
						if plain(row["id"]) == id {
							return "not this one"
						}
						return ""
					}
				},
				Kill: f.kill,
			}
		},
		Wrong: []connectortest.Wrong{
			{Name: "no connector", Change: func(c any) { c.(*Config).Connector = "" }, Want: "connector"},
			{Name: "a key twice", Change: func(c any) { c.(*Config).Keys = []string{"id", "id"} }, Want: "keys"},
			{Name: "a child that is not mapped", Change: func(c any) { c.(*Config).Children = []Child{{Name: "KnPerson"}} }, Want: "child"},
			{Name: "find without a key", Change: func(c any) { c.(*Config).Find.Key = nil }, Want: "find.key"},
			{Name: "find by too many columns", Change: func(c any) { c.(*Config).Find.Key = []string{"id", "name"} }, Want: "find.key"},
			{Name: "no connection", Change: func(c any) { c.(*Config).Connection = connector.Connection{} }, Want: "connection"},
		},
	})
}

func (f *fake) texts(t testing.TB) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var rows []string
	for _, row := range f.rows {
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, string(text))
	}
	return rows
}

// kill ends all calls at a place: two for each request, before and after it was
// carried out.
func (f *fake) kill(_ testing.TB, place int) (func(), bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count = 0
	f.lost = func(n int) (before, after bool) {
		return n > place/2 || n == place/2 && place%2 == 0, n == place/2
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.lost = nil
	}, place < 12
}
