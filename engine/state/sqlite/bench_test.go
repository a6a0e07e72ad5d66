package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"koppel/engine/record"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
)

const benchBatch = 20_000

func benchItem(i, size int) *state.Item {
	it := &state.Item{Key: record.Key(fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i)), Born: 1, Run: 1}
	it.Raw[0], it.Mapped[5] = byte(i), byte(i>>8)
	it.Body = fmt.Appendf(nil, `{"text":"%s"}`, bytes.Repeat([]byte("x"), size))
	return it
}

// fill puts n items in key order, in batches as a run does.
func fill(b testing.TB, s state.Store, n, size int) int64 {
	b.Helper()
	var id int64
	err := s.Update(context.Background(), func(tx state.Tx) (err error) {
		id, err = tx.PutPipeline(state.Pipeline{Address: "pipeline.p"})
		return err
	})
	for at := 0; err == nil && at < n; at += benchBatch {
		err = s.Update(context.Background(), func(tx state.Tx) error {
			for i := at; i < min(n, at+benchBatch); i++ {
				if err := tx.PutItem(id, benchItem(i, size)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		b.Fatal(err)
	}
	return id
}

func openBench(b *testing.B, seal bool) *sqlite.Store {
	b.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(b.TempDir(), "state.db"), Seal: seal})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkPutItem is the time of one item of a first load.
func BenchmarkPutItem(b *testing.B) {
	for _, seal := range []bool{false, true} {
		b.Run(fmt.Sprintf("seal=%v", seal), func(b *testing.B) {
			s := openBench(b, seal)
			b.ReportAllocs()
			b.ResetTimer()
			fill(b, s, b.N, 350)
		})
	}
}

// BenchmarkScan is the time of one item of an index pass.
func BenchmarkScan(b *testing.B) {
	const n = 200_000
	s := openBench(b, false)
	id := fill(b, s, n, 350)
	for _, scan := range []struct {
		name string
		rows func(state.View) error
	}{
		{"light", func(v state.View) error {
			for _, err := range v.ItemsLight(id) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"whole", func(v state.View) error {
			for _, err := range v.Items(id, "") {
				if err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		b.Run(scan.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.View(context.Background(), scan.rows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/item")
		})
	}
}
