package statetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
	"koppel/engine/state"
)

func cloneFlight(f state.Flight) state.Flight {
	f.Flown = append([]state.Flown(nil), f.Flown...)
	return f
}

func testFlights(t *testing.T, open opener) {
	s := open(t)
	id, other := pipeline(t, s, "pipeline.p"), pipeline(t, s, "pipeline.q")
	long := record.Key(make([]byte, 300))
	flights := []state.Flight{
		{Batch: 1, Run: 3, Flown: []state.Flown{
			{Key: "\x00\x01a", Op: record.Create}, {Key: "a", Op: record.Update, HasSrc: true},
			{Key: "ab", Op: record.Delete, HasSrc: true, Src: state.SourceRef{Part: "p\xff", Key: "x"}}, {Key: "abc", Op: record.Disable},
			{Key: long, Op: record.Create}, {Key: long + "1", Op: record.Create}, {Key: long, Op: record.Delete},
		}},
		{Batch: 2, Run: 1 << 40, Asked: true, Flown: []state.Flown{{Key: "é\xff", Op: record.Delete}}},
		{Batch: 10, Run: 1},
	}
	put := func(id int64, flights []state.Flight) {
		t.Helper()
		update(t, s, func(tx state.Tx) error {
			for i := range flights {
				if err := tx.PutFlight(id, &flights[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	check := func(id int64, want []state.Flight) {
		t.Helper()
		if diff := cmp.Diff(want, dump(t, s, id, 0).Flights); diff != "" {
			t.Errorf("Flights (-want +got):\n%s", diff)
		}
	}
	put(id, flights)
	put(other, flights[1:2])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open.start(t)
	check(id, flights)
	flights[0].Flown, flights[0].Run = flights[0].Flown[2:3], 4
	put(id, flights[:1])
	check(id, flights)
	update(t, s, func(tx state.Tx) error {
		if err := tx.DropFlight(id, 2); err != nil {
			return err
		}
		return tx.DropFlight(id, 99)
	})
	check(id, []state.Flight{flights[0], flights[2]})
	check(other, flights[1:2])
}

// stepFlight puts or drops a flight, in the state and in the model.
func stepFlight(t *rapid.T, tx state.Tx, m *model, id int64) error {
	f := state.Flight{Batch: rapid.Int64Range(1, 3).Draw(t, "batch"), Run: rapid.Int64Range(0, 9).Draw(t, "flight's run"), Asked: rapid.Bool().Draw(t, "asked")}
	if rapid.IntRange(0, 2).Draw(t, "drop flight") == 0 {
		delete(m.flights, f.Batch)
		return tx.DropFlight(id, f.Batch)
	}
	for range rapid.IntRange(0, 5).Draw(t, "flown") {
		one := state.Flown{Key: record.Key(drawBytes(t, "flown key")), Op: rapid.SampledFrom([]record.Op{record.Create, record.Update, record.Delete, record.Disable}).Draw(t, "op")}
		if one.HasSrc = rapid.Bool().Draw(t, "flown src"); one.HasSrc {
			one.Src = state.SourceRef{Part: string(drawBytes(t, "flown part")), Key: record.Key(drawBytes(t, "flown src key"))}
		}
		f.Flown = append(f.Flown, one)
	}
	m.flights[f.Batch] = f
	return tx.PutFlight(id, &f)
}
