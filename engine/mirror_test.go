package engine_test

import (
	"context"
	"testing"

	"koppel/engine"
)

// What a delta tells again, and was so before, is no change at the source.
func TestPartialRecordThatIsToldAgain(t *testing.T) {
	s := shape{mirror: "partial", keys: "identity"}
	st := tombstones(t, s, s.hcl())
	st.put("", "a", rec{"name": "Ann & Eva"})
	st.run(engine.Options{Full: true}) // in bytes of the source's own
	for _, name := range []string{"Ann & Eva", "Eva"} {
		st.put("", "a", rec{"name": name})
		p, err := st.eng.Plan(context.Background(), engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var want int64
		if name == "Eva" {
			want = 1
		}
		if got := p.Header.Sources[0].Rows; got != want {
			t.Errorf("%s: %d rows of the mirror change, not %d", name, got, want)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
