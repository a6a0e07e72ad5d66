package realdata_test

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/google/go-cmp/cmp"
)

// wantTarget checks that the table holds exactly these records, each row as a
// program that is not Koppel reads it.
func (p *project) wantTarget(want map[string]map[string]any) {
	p.t.Helper()
	rows, err := p.rows()
	if err != nil {
		p.t.Fatal(err)
	}
	got := map[string]map[string]any{}
	for _, row := range rows {
		key := fmt.Sprint(row[p.key])
		if got[key] != nil {
			p.t.Errorf("two rows have the key %s", key)
		}
		got[key] = row
	}
	expected := map[string]map[string]any{}
	for key, record := range want {
		expected[key] = maps.Clone(record)
		for name, v := range record {
			if expected[key][name], err = stored(v, got[key][name]); err != nil {
				p.t.Fatalf("%s of %s: %v", name, key, err)
			}
		}
	}
	for key, row := range got {
		for name, v := range row {
			if _, ok := expected[key][name].(list); ok {
				row[name] = list{fmt.Sprint(v)}
			}
		}
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		p.t.Errorf("rows of the target (-want +got)\n%s", diff)
	}
}

// A list is a list or an object, which databases hold as JSON text.
type list struct{ Text string }

// stored is a value as a database holds it: booleans are 0 and 1, lists and
// objects JSON text, of which the stored form is taken when it means the same.
func stored(v, in any) (any, error) {
	switch x := v.(type) {
	case bool:
		if x {
			return 1.0, nil
		}
		return 0.0, nil
	case []any, map[string]any:
		var held any
		text, ok := in.(string)
		if ok && json.Unmarshal([]byte(text), &held) == nil && cmp.Equal(v, held) {
			return list{text}, nil
		}
		b, err := json.Marshal(v)
		return list{string(b)}, err
	}
	return v, nil
}
