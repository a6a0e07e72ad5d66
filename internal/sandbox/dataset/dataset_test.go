package dataset_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/internal/sandbox/dataset"
)

func clock() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

func store() *dataset.Store {
	return dataset.New(clock, dataset.Def{Name: "things", Key: []string{"a", "b"}, Modified: "m", Columns: []dataset.Column{
		{Name: "a", Type: dataset.Int}, {Name: "b"}, {Name: "n", Type: dataset.Number, Decimals: 2}, {Name: "m", Type: dataset.Time},
		{Name: "s", Length: 3},
	}})
}

func TestRows(t *testing.T) {
	s := store()
	key, err := s.Insert("things", dataset.Row{"a": json.Number("7"), "b": "x", "n": "1.005"})
	if err != nil || key != "7,x" {
		t.Fatalf("%q %v", key, err)
	}
	want := []dataset.Row{{"a": int64(7), "b": "x", "n": dataset.Decimal{Units: 101, Scale: 2}, "m": clock(), "s": nil}}
	if diff := cmp.Diff(want, s.Rows("things")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	before := s.Rows("things")[0]
	if err := s.Update("things", "7,x", dataset.Row{"s": "abc"}); err != nil {
		t.Fatal(err)
	}
	if before["s"] != nil || s.Rows("things")[0]["s"] != "abc" {
		t.Errorf("a row was changed in place")
	}
	var exists *dataset.ExistsError
	var missing *dataset.MissingError
	if _, err := s.Insert("things", dataset.Row{"a": 7, "b": "x"}); !errors.As(err, &exists) {
		t.Errorf("a second row of one key: %v", err)
	}
	if err := s.Delete("things", "8,x"); !errors.As(err, &missing) {
		t.Errorf("a delete of nothing: %v", err)
	}
	for name, row := range map[string]dataset.Row{
		"no key": {"a": 1}, "column": {"a": 1, "b": "x", "q": 1}, "type": {"a": "one", "b": "x"}, "length": {"a": 1, "b": "x", "s": "four"},
		"number": {"a": 1, "b": "x", "n": "1/2"}, "time": {"a": 1, "b": "x", "m": "yesterday"}, "text": {"a": 1, "b": []int{1}},
	} {
		if _, err := s.Insert("things", row); err == nil {
			t.Errorf("%s: %v is accepted", name, row)
		}
	}
	if err := s.Update("things", "7,x", dataset.Row{"b": "y"}); err == nil {
		t.Error("a key is changed")
	}
}

// TestTransactions: any transaction that fails leaves everything as it was, in
// the order in which it was.
func TestTransactions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := store()
		for i := range rapid.IntRange(0, 8).Draw(t, "rows") {
			_, _ = s.Insert("things", dataset.Row{"a": i, "b": "x"})
		}
		before, gen := fmt.Sprint(s.Rows("things")), s.Generation()
		failed := errors.New("failed")
		err := s.Change(func(tx *dataset.Tx) error {
			for range rapid.IntRange(0, 8).Draw(t, "steps") {
				key := fmt.Sprintf("%d,x", rapid.IntRange(0, 9).Draw(t, "key"))
				switch rapid.IntRange(0, 2).Draw(t, "step") {
				case 0:
					_, _ = tx.Insert("things", dataset.Row{"a": key[:1], "b": "x", "s": "new"})
				case 1:
					_ = tx.Update("things", key, dataset.Row{"s": "upd"})
				default:
					_ = tx.Delete("things", key)
				}
			}
			return failed
		})
		if after := fmt.Sprint(s.Rows("things")); err != failed || after != before || s.Generation() != gen {
			t.Fatalf("%v: before %s, after %s", err, before, after)
		}
		s.View(func(tx *dataset.Tx) {
			for _, row := range s.Rows("things") {
				if tx.Get("things", dataset.Text(row["a"])+",x") == nil {
					t.Fatalf("row %v has lost its key", row)
				}
			}
		})
	})
}

func TestDecimals(t *testing.T) {
	for in, want := range map[string]string{"-0.5": "-0.50", "7.754": "7.75", "0": "0.00", "-12.505": "-12.51", "1": "1.00", "0.05": "0.05"} {
		d, err := dataset.ParseDecimal(in, 2)
		if err != nil || d.String() != want {
			t.Errorf("%s: %s %v, want %s", in, d, err, want)
		}
	}
	for _, in := range []string{"", "x", "1e5", "0x1", "1_0", "1/2", "99999999999999999999"} {
		if d, err := dataset.ParseDecimal(in, 2); err == nil {
			t.Errorf("%q is read as %s", in, d)
		}
	}
}

func TestPeople(t *testing.T) {
	people := dataset.People(3, 5000)
	if diff := cmp.Diff(people, dataset.People(3, 5000)); diff != "" {
		t.Errorf("one seed gives two lists\n%s", diff)
	}
	mails := map[string]bool{}
	for _, p := range people {
		if mails[p.Email] || !strings.HasSuffix(p.Email, "@example.org") || strings.ContainsFunc(p.Email, func(r rune) bool { return r > 126 }) {
			t.Fatalf("the address %s", p.Email)
		}
		mails[p.Email] = true
		if !strings.HasPrefix(p.BSN, "9999") || len(p.BSN) != 9 || !elevenTest(p.BSN) {
			t.Fatalf("the number %s", p.BSN)
		}
	}
	if people[0].Name() != "Noor van Bedacht" || people[0].Email != "n.vanbedacht@example.org" {
		t.Errorf("the first is %+v", people[0])
	}
	if slices.Equal(people[:20], dataset.People(4, 20)) {
		t.Error("another seed gives the same list")
	}
}

// elevenTest is the check of citizen service numbers.
func elevenTest(s string) bool {
	sum := 0
	for i, r := range s {
		weight := 9 - i
		if weight == 1 {
			weight = -1
		}
		sum += weight * int(r-'0')
	}
	return sum%11 == 0
}
