package file_test

import (
	"testing"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/sinks/file"
)

// BenchmarkReplace writes records of twelve fields in the order of a mapping.
func BenchmarkReplace(b *testing.B) {
	names := []string{"id", "employeeId", "email", "fullName", "startDate", "managerEmail", "city", "categories", "phone", "contract", "department", "jobTitle"}
	shape := record.Shape{}
	for _, n := range names {
		shape.Fields = append(shape.Fields, record.Field{Name: n, Send: true})
	}
	body := []byte(`{"categories":"Staff,Board","city":"Utrecht","contract":"full-time","department":"Finance","email":"saar.vandenberg@example.org","employeeId":"100017","fullName":"Saar van den Berg","id":"a1b2c3d4-0000-1111-2222-333344445555","jobTitle":"Controller","managerEmail":"noor.devries@example.org","phone":"+31 6 12345678","startDate":"01-02-2019"}`)
	const count = 100_000
	for _, path := range []string{"p.jsonl", "p.csv"} {
		b.Run(path, func(b *testing.B) {
			b.SetBytes(int64(count * len(body)))
			s := openSink(b, b.TempDir(), shape, file.Config{Path: connectortest.Text(path)})
			for b.Loop() {
				stage, err := s.(connector.Replacer).Stage(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				for range count {
					if err := stage.Add("k", body); err != nil {
						b.Fatal(err)
					}
				}
				if err := stage.Commit(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
