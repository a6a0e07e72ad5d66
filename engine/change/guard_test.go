package change

import (
	"math"
	"testing"
	"time"

	"koppel/engine/record"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func share(x float64) *Limit { return &Limit{Share: x, IsShare: true} }
func count(n int64) *Limit   { return &Limit{Count: n} }

func TestGuards(t *testing.T) {
	tests := []struct {
		name  string
		limit *Limit
		tally Tally
		want  bool
	}{
		{"count reached", count(3), Tally{Deletes: 3, Of: 100}, false},
		{"count exceeded", count(3), Tally{Deletes: 4, Of: 100}, true},
		{"count of none", count(0), Tally{Deletes: 1}, true},
		{"nothing to do", count(0), Tally{}, false},
		{"share reached", share(0.1), Tally{Deletes: 10, Of: 100}, false},
		{"share exceeded", share(0.1), Tally{Deletes: 11, Of: 100}, true},
		{"share that is no binary fraction", share(0.29), Tally{Deletes: 29, Of: 100}, false},
		{"share by four", share(0.1), Tally{Deletes: 4, Of: 4}, false},
		{"share by five", share(0.1), Tally{Deletes: 5, Of: 5}, true},
		{"share of nothing", share(0.1), Tally{Deletes: 5}, true},
		{"recent ones count along", share(0.1), Tally{Deletes: 6, Recent: 5, Of: 100}, true},
		{"recent ones fill the five", share(0.1), Tally{Deletes: 1, Recent: 4, Of: 10}, true},
		{"recent ones alone", share(0.1), Tally{Recent: 90, Of: 100}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Guards{Deletes: test.limit}.Judge(test.tally)
			want := []Judgement{{
				Op: record.Delete, Limit: *test.limit, Count: test.tally.Deletes + test.tally.Recent,
				Of: test.tally.Of, Tripped: test.want,
			}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("judgement (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGuardsJudgeEachKind(t *testing.T) {
	got := Guards{Creates: count(1), Updates: share(0.5)}.Judge(Tally{Creates: 2, Updates: 50, Deletes: 90, Recent: 9, Of: 100})
	want := []Judgement{
		{Op: record.Create, Limit: *count(1), Count: 2, Of: 100, Tripped: true},
		{Op: record.Update, Limit: *share(0.5), Count: 50, Of: 100},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("judgements (-want +got):\n%s", diff)
	}
}

func TestShareIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		percent := rapid.Int64Range(0, 100).Draw(t, "percent")
		n, of := rapid.Int64Range(0, 1e9).Draw(t, "n"), rapid.Int64Range(0, 1e9).Draw(t, "of")
		got := Limit{Share: float64(percent) / 100, IsShare: true}.Exceeded(n, of)
		if want := n*100 > percent*of; got != want {
			t.Errorf("%d of %d exceeds %d%%: %v, want %v", n, of, percent, got, want)
		}
	})
}

func TestErrorsExceeded(t *testing.T) {
	tests := []struct {
		limit        *Limit
		failed, read int64
		want         bool
	}{
		{nil, 100, 100, false},
		{share(0.05), 5, 100, false},
		{share(0.05), 6, 100, true},
		{share(0.05), 1, 10, true},
		{count(2), 2, 2, false},
		{count(2), 3, 1000, true},
	}
	for _, test := range tests {
		if got := ErrorsExceeded(test.limit, test.failed, test.read); got != test.want {
			t.Errorf("%d of %d under %v: %v, want %v", test.failed, test.read, test.limit, got, test.want)
		}
	}
}

func TestLimitString(t *testing.T) {
	for want, limit := range map[string]*Limit{"25": count(25), "10%": share(0.1), "29%": share(0.29), "0.5%": share(0.005)} {
		if got := limit.String(); got != want {
			t.Errorf("limit %q, want %q", got, want)
		}
	}
}

func TestBackoff(t *testing.T) {
	want := []time.Duration{15, 15, 60, 120, 240, 480, 960, 1440, 1440}
	for i, minutes := range want {
		if got := Backoff(i); got != minutes*time.Minute {
			t.Errorf("after %d refusals %v, want %v", i, got, minutes*time.Minute)
		}
	}
	if got := Backoff(math.MaxInt); got != 24*time.Hour {
		t.Errorf("after very many refusals %v, want 24h", got)
	}
}
