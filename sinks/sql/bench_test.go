package sql

import (
	"fmt"
	"path/filepath"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// loadShape is that of the first-load task: twelve fields, most of them text.
func loadShape() record.Shape {
	s := record.Shape{Key: []record.KeyField{{Name: "id", Source: "id"}}}
	for _, name := range []string{
		"id", "employeeId", "email", "fullName", "startDate", "managerEmail",
		"city", "categories", "phone", "contract", "department", "jobTitle",
	} {
		s.Fields = append(s.Fields, record.Field{Name: name, Send: true})
	}
	return s
}

func loadBatch(from, n int) []record.Change {
	batch := make([]record.Change, n)
	for i := range batch {
		id := fmt.Sprintf("%08x-0000-4000-8000-%012x", from+i, from+i)
		batch[i] = create(id, fmt.Sprintf(`{"categories":"one,two,three","city":"Utrecht","contract":"full-time","department":"KAZ-%d","email":"person.number.%d@example.org","employeeId":"%d","fullName":"Person van der Number %d","id":"%s","jobTitle":"Medewerker binnendienst","managerEmail":"manager.%d@example.org","phone":"+31 6 %08d","startDate":"01-02-2015"}`,
			i%100, from+i, from+i, from+i, id, i%1000, from+i))
	}
	return batch
}

func BenchmarkFirstLoad(b *testing.B) {
	const size = 20000
	g := reopen(b, filepath.Join(b.TempDir(), "bench.db"), Config{Create: true}, loadShape())
	var batches [][]record.Change
	for i := range 5 {
		batches = append(batches, loadBatch(i*size, size))
	}
	bytes := 0
	for _, c := range batches[0] {
		bytes += len(c.After)
	}
	b.SetBytes(int64(bytes / size))
	n := 0
	for b.Loop() {
		if n%size == 0 {
			k := n / size
			if k >= len(batches) {
				b.StopTimer()
				batches = append(batches, loadBatch(k*size, size))
				batches[k-1] = nil
				b.StartTimer()
			}
			if _, err := g.Write(b.Context(), batches[k]); err != nil {
				b.Fatal(err)
			}
		}
		n++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkMatch looks a batch up in a table of earlier rows without an index.
func BenchmarkMatch(b *testing.B) {
	g := reopen(b, filepath.Join(b.TempDir(), "bench.db"), Config{Match: []string{"email"}}, loadShape())
	g.exec(`CREATE TABLE people (id UNIQUE, employeeId, email TEXT COLLATE NOCASE, fullName, startDate, managerEmail, city, categories, phone, contract, department, jobTitle)`,
		`WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < 100000) INSERT INTO people (email, fullName) SELECT 'Person.Number.'||n||'@example.org', 'x' FROM c`)
	batch := loadBatch(0, 20000)
	for b.Loop() {
		found, err := g.Match(b.Context(), batch)
		if err != nil || found[7].N != 1 {
			b.Fatal(found[7], err)
		}
	}
}

func BenchmarkList(b *testing.B) {
	g := reopen(b, filepath.Join(b.TempDir(), "bench.db"), Config{Create: true}, loadShape())
	g.send(loadBatch(0, 100000)...)
	for b.Loop() {
		if err := g.List(b.Context(), func(connector.Row) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*100000/b.Elapsed().Seconds(), "rows/s")
}
