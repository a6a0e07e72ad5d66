package statetest

import (
	"iter"

	"koppel/engine/record"
	"koppel/engine/state"
)

// A contents is all that belongs to one pipeline and one source.
type contents struct {
	Items     []state.Item
	Light     []state.Item
	Count     map[state.Status]int
	Open      []state.Open
	Flights   []state.Flight
	Changes   []state.Change
	Runs      []state.Run
	Positions []state.Position
	Based     map[string]bool
	Parts     []state.Part
	Mirror    []state.MirrorRow
	Since     []state.MirrorRow
	Held      []state.HeldRead
	// Deliveries with their bodies, and the attempts at all of them.
	Deliveries []state.Delivery
	Attempts   []state.Attempt
	Tokens     []state.Token
	Told       state.Told
}

func emptyDump() contents {
	return contents{Count: map[state.Status]int{}, Based: map[string]bool{}}
}

// dump reads all that belongs to a pipeline and a source.
func dump(t failer, s state.Store, pipeline, source int64) (d contents) {
	t.Helper()
	view(t, s, func(v state.View) (err error) {
		d, err = read(v, pipeline, source)
		return err
	})
	return d
}

func read(v state.View, pipeline, source int64) (d contents, err error) {
	keep := func(e error) {
		if err == nil {
			err = e
		}
	}
	d.Items = take(v.Items(pipeline, ""), cloneItem, keep)
	d.Light = take(v.ItemsLight(pipeline), cloneItem, keep)
	d.Open = take(v.Open(pipeline), cloneOpen, keep)
	d.Flights = take(v.Flights(pipeline), cloneFlight, keep)
	d.Runs = take(v.Runs(pipeline), cloneRun, keep)
	d.Mirror = take(v.Mirror(source), cloneMirror, keep)
	d.Since = take(v.MirrorSince(source, 0), cloneMirror, keep)
	for _, r := range d.Runs {
		d.Changes = append(d.Changes, take(v.ChangesOf(r.ID, pipeline), cloneChange, keep)...)
	}
	var e error
	d.Count, e = v.CountItems(pipeline)
	keep(e)
	d.Positions, e = v.Positions(pipeline)
	keep(e)
	d.Based, e = v.Based(pipeline)
	keep(e)
	d.Parts, e = v.Parts(source)
	keep(e)
	d.Told, e = v.Told(pipeline)
	keep(e)
	held, e := v.HeldReads()
	keep(e)
	for _, h := range held {
		if h.Source == source {
			d.Held = append(d.Held, h)
		}
	}
	for _, light := range take(v.Deliveries(state.DeliveryFilter{Pipeline: pipeline}), func(d state.Delivery) state.Delivery { return d }, keep) {
		whole, e := v.Delivery(light.ID)
		keep(e)
		if whole != nil {
			d.Deliveries = append(d.Deliveries, *whole)
		}
		attempts, e := v.Attempts(light.Seq)
		keep(e)
		d.Attempts = append(d.Attempts, attempts...)
	}
	d.Tokens, e = v.Tokens()
	keep(e)
	return d, err
}

func take[T any](seq iter.Seq2[*T, error], clone func(T) T, keep func(error)) []T {
	all, err := collect(seq, clone)
	keep(err)
	return all
}

// forgetHashes is the contents after everything was sealed under another key.
func (d contents) forgetHashes() contents {
	for _, items := range [][]state.Item{d.Items, d.Light} {
		for i := range items {
			items[i].Raw, items[i].Mapped = record.Hash{}, record.Hash{}
		}
	}
	for _, rows := range [][]state.MirrorRow{d.Mirror, d.Since} {
		for i := range rows {
			rows[i].Hash = record.Hash{}
		}
	}
	for i := range d.Open {
		d.Open[i].Before = record.Hash{}
	}
	for i := range d.Positions {
		d.Positions[i].Digest = nil
	}
	return d
}
