package record_test

import (
	"fmt"
	"testing"

	"koppel/engine/record"
)

// people makes records of about 820 bytes, in the shape of an HR export.
func people(n int) []string {
	recs := make([]string, n)
	for i := range recs {
		prefix, mobile, end := "null", "null", "null"
		if i%3 == 0 {
			prefix, mobile = `"van der"`, fmt.Sprintf(`"+31 6 %08d"`, i*7919)
		}
		if i%5 == 0 {
			end = `"2029-12-09"`
		}
		recs[i] = fmt.Sprintf(`{"id":"%08x-d1b6-4dac-a9ba-58c435477cdc","employeeNumber":%d,"initials":"M.H.","givenName":"Mieke","prefix":%s,`+
			`"surname":"Dijk","mail":"Mieke.Dijk%d@Organisation.example","privateMail":"mdijk@mail.example","gender":"V","birthDate":"1973-05-03",`+
			`"startDate":"2012-08-02","endDate":%s,"jobTitle":"HR Adviseur","department":"Sales","costCenter":"KP0342","fte":0.%d,`+
			`"hourlyRate":28.02,"active":true,"blocked":false,"manager":{"id":"%08x-e2ed-4c83-9536-460f9483d890","displayName":"Gaël Ruijsdæl",`+
			`"mail":"Gael.Ruijsdael%d@Organisation.example"},"address":{"street":"Stationsweg","houseNumber":%d,"addition":null,`+
			`"postalCode":"4150 SY","city":"Rotterdam","country":"NL"},"categories":["Mentor"],"businessPhones":["+31 11 0874170","+31 19 5561601"],`+
			`"mobilePhone":%s,"modifiedAt":"2023-09-07T05:21:34.189Z"}`,
			i*7919, 100000+i, prefix, i, end, i%9+1, i*104729, i%5000, i%200, mobile)
	}
	return recs
}

func BenchmarkScan(b *testing.B) {
	recs := people(1000)
	bodies, size := make([][]byte, len(recs)), 0
	for i, r := range recs {
		bodies[i] = []byte(r)
		size += len(r)
	}
	tree := record.NewTree()
	for _, p := range [][]string{
		{"id"}, {"employeeNumber"}, {"mail"}, {"givenName"}, {"prefix"}, {"surname"}, {"startDate"}, {"manager", "mail"}, {"address", "city"},
		{"categories"}, {"mobilePhone"}, {"fte"}, {"department"}, {"jobTitle"}, {"active"}, {"blocked"},
	} {
		tree.Want(p...)
	}
	s := record.NewScanner(tree, record.Limits{})
	b.SetBytes(int64(size / len(recs)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := s.Scan(bodies[i%len(bodies)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBody(b *testing.B) {
	raw := []byte(people(1)[0])
	body, err := record.AppendBody(nil, raw)
	if err != nil {
		b.Fatal(err)
	}
	h := record.NewHasher(nil)
	run := func(name string, in []byte, do func([]byte) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if err := do(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	var dst []byte
	rules := record.Rules{"businessPhones": record.Unordered, "mail": record.Fold}
	run("AppendBody", raw, func(in []byte) (err error) { dst, err = record.AppendBody(dst[:0], in); return err })
	run("AppendBody/sorted", body, func(in []byte) (err error) { dst, err = record.AppendBody(dst[:0], in); return err })
	run("Decode", raw, func(in []byte) error { _, err := record.Decode(in); return err })
	run("DecodeTrusted", raw, func(in []byte) error { record.DecodeTrusted(in); return nil })
	run("Canonical", body, func(in []byte) error { h.Canonical(in, nil); return nil })
	run("Record", body, func(in []byte) error { _, err := h.Record(in, nil); return err })
	run("Record/rules", body, func(in []byte) error { _, err := h.Record(in, rules); return err })
	run("Record/unsorted", raw, func(in []byte) error { _, err := h.Record(in, nil); return err })
	v := record.DecodeTrusted(raw)
	run("Append", raw, func([]byte) (err error) { dst, err = record.Append(dst[:0], v); return err })
	run("AppendString", []byte("Mieke.Dijk1@Organisation.example Gaël"), func(in []byte) error { dst = record.AppendString(dst[:0], in); return nil })
}
