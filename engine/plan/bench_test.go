package plan

import (
	"fmt"
	"path/filepath"
	"testing"

	"koppel/engine/record"
)

// create400 is an entry of about 400 bytes with the variety of real records.
func create400(e *Entry, body []byte, i int) []byte {
	x := uint64(i) * 0x9e3779b97f4a7c15
	body = fmt.Appendf(body[:0], `{"categories":"alpha,beta","city":"Testdorp","contract":"full-time","department":"KAZ-%02d","email":"persoon.%d@example.org","employeeId":"%d","fullName":"Noor van Bedacht %x","id":"%08d","jobTitle":"medewerker","managerEmail":"chef.%d@example.org","phone":"+31%09d","startDate":"%02d-%02d-2019","token":"%x"}`,
		x%40, i, i, x>>40, i, x%1000, x>>32%1e9, x%28+1, x%12+1, x)
	*e = Entry{Key: record.Key(fmt.Sprintf("%08d", i)), Op: record.Create, Cause: record.CauseNew, After: body, Item: true}
	copy(e.Raw[:], body[40:])
	copy(e.Mapped[:], body[60:])
	return body
}

func BenchmarkWrite(b *testing.B) {
	entries := make([]Entry, 10_000)
	size := 0
	for i := range entries {
		create400(&entries[i], nil, i)
		size += len(appendEntry(nil, &entries[i]))
	}
	for _, kind := range []string{"spool", "plan", "sealed plan"} {
		b.Run(kind, func(b *testing.B) {
			create, seal := Create, Seal{}
			switch kind {
			case "spool":
				create = CreateSpool
			case "sealed plan":
				seal = gcm(b, "0123456789abcdef")
			}
			b.SetBytes(int64(size))
			w, err := create(filepath.Join(b.TempDir(), "x.plan"), seal)
			must(b, err)
			n := 0
			for b.Loop() {
				must(b, w.BeginPipeline(fmt.Sprint(n)))
				n++
				for i := range entries {
					must(b, w.Entry(&entries[i]))
				}
			}
			must(b, w.Close(&Header{}))
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, kind := range []string{"spool", "plan"} {
		b.Run(kind, func(b *testing.B) {
			create := Create
			if kind == "spool" {
				create = CreateSpool
			}
			path := filepath.Join(b.TempDir(), "x.plan")
			w, err := create(path, Seal{})
			must(b, err)
			must(b, w.BeginPipeline(people))
			size := 0
			for i := range 50_000 {
				var e Entry
				create400(&e, nil, i)
				size += len(appendEntry(nil, &e))
				must(b, w.Entry(&e))
			}
			must(b, w.Close(&Header{}))
			r, err := Open(path, Seal{})
			must(b, err)
			defer r.Close()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range r.Entries(people) {
					must(b, err)
				}
			}
		})
	}
}
