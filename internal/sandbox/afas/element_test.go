package afas

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOrderOfObjects: what stands below an element is written in the order in
// which it was sent.
func TestOrderOfObjects(t *testing.T) {
	for range 20 {
		got, err := parseBody([]byte(`{"A":{"Element":{"Objects":{"B":{"Element":{}},"D":{"Element":{}},"C":{"Element":{}}}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		var roots string
		for _, n := range got.elements[0].subs {
			roots += n.root
		}
		if roots != "BDC" {
			t.Fatalf("the objects are read as %s", roots)
		}
	}
}

// FuzzBody: any body is read or refused, and is read in one way only.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{"KnCourseMember":{"Element":{"@CrId":"341","@CdId":"1401","Fields":{"BcCo":"2000103","Invo":false}}}}`,
		`{"A":{"Element":[{"@Action":"delete","@CrId":340},{"Fields":{"@action":"insert","n":1.50}}]}}`,
		`{"A":{"Element":{"Objects":[{"B":{"Element":[]}},{"C":{"Element":{}}}]}}}`, `{"A":{"Element":{"Objects":{"B":{},"C":{}}}}}`, `{"A":{}}`, `[]`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		one, err := parseBody(body)
		if err != nil {
			return
		}
		two, err := parseBody(body)
		if diff := cmp.Diff(one, two, cmp.AllowUnexported(named{}, element{})); diff != "" || err != nil {
			t.Errorf("%s is read in two ways: %v\n%s", body, err, diff)
		}
	})
}
