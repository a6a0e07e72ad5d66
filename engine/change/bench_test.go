package change

import "testing"

func BenchmarkDecide(bench *testing.B) {
	for name, in := range map[string]*Input{
		"create":    {Want: mapped("r1", a)},
		"unchanged": {Item: item(Delivered, a), Want: mapped("r1", a)},
		"update":    {Item: item(Delivered, a), Want: mapped("r2", b)},
		"delete":    {Item: item(Delivered, a), Want: seen(Absent)},
	} {
		bench.Run(name, func(bench *testing.B) {
			d := New(rules(), Run{Now: now})
			bench.ReportAllocs()
			for bench.Loop() {
				if _, err := d.Decide(in); err != nil {
					bench.Fatal(err)
				}
			}
		})
	}
}
