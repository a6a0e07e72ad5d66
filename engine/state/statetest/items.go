package statetest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
	"koppel/engine/state"
)

// someItems gives items in key order, with every form of key and field.
func someItems() []state.Item {
	return []state.Item{
		{Key: "\x00\x01a\x02bc", Raw: hash(1), Mapped: hash(2), Born: 1, Run: 2, Body: []byte(`{"a":1}`)},
		{Key: "10", Raw: hash(3), Mapped: hash(4), Status: state.Out, Born: 1, Run: 1},
		{Key: "9", Raw: hash(5), Status: state.Kept, Born: 3, Run: 3, Answer: []byte(`{"id":"x"}`), Body: []byte(`{"a":2}`)},
		{Key: "A", Raw: hash(6), Mapped: hash(7), Born: 3, Run: 3, HasSrc: true, Src: state.SourceRef{Part: "", Key: "k"}, Body: []byte(`{}`)},
		{Key: "a", Raw: hash(8), Mapped: hash(9), Born: 3, Run: 3, HasSrc: true, Src: state.SourceRef{Part: "p", Key: "k\x00"}, Answer: []byte(`{}`)},
		{Key: "a ", Raw: hash(10), Mapped: hash(11), Status: state.Disabled, Born: 3, Run: 4, Body: []byte(`{"a":"é"}`)},
		{Key: "é\xff", Mapped: hash(12), Status: state.Expired, Born: 3, Run: 4},
	}
}

func putItems(t failer, s state.Store, id int64, items []state.Item) {
	t.Helper()
	update(t, s, func(tx state.Tx) error {
		for i := range items {
			if err := tx.PutItem(id, &items[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func light(items []state.Item) []state.Item {
	var all []state.Item
	for _, it := range items {
		it.Answer, it.Body = nil, nil
		all = append(all, it)
	}
	return all
}

func testItems(t *testing.T, open opener) {
	s := open(t)
	id, other := pipeline(t, s, "pipeline.p"), pipeline(t, s, "pipeline.q")
	items := someItems()
	putItems(t, s, other, items[2:3])
	putItems(t, s, id, items)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open.start(t)
	checkItems(t, s, id, items)
	view(t, s, func(v state.View) error {
		for _, from := range []struct {
			key   record.Key
			first int
		}{{"", 0}, {"9", 2}, {"9\x00", 3}, {"a", 4}, {"zz", 6}, {"\xff", 7}} {
			got, err := collect(v.Items(id, from.key), cloneItem)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(append([]state.Item(nil), items[from.first:]...), got); diff != "" {
				t.Errorf("Items from %q (-want +got):\n%s", from.key, diff)
			}
		}
		it, err := v.Item(id, "none")
		if it != nil {
			t.Errorf("Item of an unknown key = %+v", it)
		}
		return err
	})

	items[0].Body, items[0].Answer, items[0].Raw = []byte(`{"a":3}`), nil, hash(90)
	touched := state.Item{Key: items[3].Key, Raw: hash(91), Mapped: hash(92), Status: state.Kept, Body: []byte("not written"), Born: 99, Run: 99}
	update(t, s, func(tx state.Tx) error {
		if err := tx.PutItem(id, &items[0]); err != nil {
			return err
		}
		if err := tx.TouchItem(id, &touched); err != nil {
			return err
		}
		return tx.DropItem(id, items[1].Key)
	})
	items[3].Raw, items[3].Status, items[3].HasSrc, items[3].Src = touched.Raw, touched.Status, false, state.SourceRef{}
	checkItems(t, s, id, append(items[:1:1], items[2:]...))
	checkItems(t, s, other, someItems()[2:3])
}

func checkItems(t *testing.T, s state.Store, id int64, want []state.Item) {
	t.Helper()
	got := dump(t, s, id, 0)
	if diff := cmp.Diff(want, got.Items); diff != "" {
		t.Errorf("Items (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(light(want), got.Light); diff != "" {
		t.Errorf("ItemsLight (-want +got):\n%s", diff)
	}
	count := map[state.Status]int{}
	for _, it := range want {
		count[it.Status]++
	}
	if diff := cmp.Diff(count, got.Count); diff != "" {
		t.Errorf("CountItems (-want +got):\n%s", diff)
	}
	view(t, s, func(v state.View) error {
		for _, w := range want {
			it, err := v.Item(id, w.Key)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(&w, it); diff != "" {
				t.Errorf("Item %q (-want +got):\n%s", w.Key, diff)
			}
		}
		return nil
	})
}

func testItemsOf(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	ref := state.SourceRef{Part: "mail", Key: "1"}
	items := []state.Item{
		{Key: "1/a", HasSrc: true, Src: ref},
		{Key: "1/b", HasSrc: true, Src: ref},
		{Key: "2", HasSrc: true, Src: state.SourceRef{Part: "mai", Key: "l1"}},
		{Key: "3"},
	}
	putItems(t, s, id, items)
	check := func(want ...state.Item) {
		t.Helper()
		view(t, s, func(v state.View) error {
			got, err := collect(v.ItemsOf(id, ref), cloneItem)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("ItemsOf (-want +got):\n%s", diff)
			}
			return err
		})
	}
	check(items[:2]...)
	moved := state.Item{Key: "1/a", HasSrc: true, Src: items[2].Src}
	update(t, s, func(tx state.Tx) error {
		items[3].HasSrc, items[3].Src = true, ref
		if err := tx.TouchItem(id, &moved); err != nil {
			return err
		}
		return tx.TouchItem(id, &items[3])
	})
	check(items[1], items[3])
	update(t, s, func(tx state.Tx) error { return tx.DropItem(id, "1/b") })
	check(items[3])
}

func testLargeItems(t *testing.T, open opener) {
	s := open.start(t)
	id := pipeline(t, s, "pipeline.p")
	var items []state.Item
	for i, size := range []int{0, 1, 127, 128, 2000, 4000, 8192, 70_000, 1 << 20} {
		items = append(items, state.Item{
			Key:    record.Key(fmt.Sprintf("%02d%s", i, bytes.Repeat([]byte("k"), min(size, 5000)))),
			Mapped: hash(byte(i)), Answer: body(size / 2), Body: body(size),
		})
	}
	putItems(t, s, id, items)
	checkItems(t, s, id, items)
}

func body(size int) []byte {
	if size == 0 {
		return nil
	}
	return bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
}
