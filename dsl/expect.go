package dsl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"koppel/engine"
	"koppel/engine/record"
)

// UpdateExpect rewrites the expect argument of a test in the text of its file:
// the fields that it names, all of them where the number of records changed,
// get the values that came out. The rest of the file stays.
func UpdateExpect(file string, src []byte, t *engine.Test, got [][]byte) ([]byte, error) {
	f, problems := hclwrite.ParseConfig(src, file, hcl.InitialPos)
	if problems.HasErrors() {
		return nil, fmt.Errorf("update the test %q: %s is not well formed", t.Name, file)
	}
	body := findTest(f.Body(), t.Name, testIndex(src, file, t))
	if body == nil {
		return nil, fmt.Errorf("update the test %q: it is not in %s", t.Name, file)
	}
	var values []cty.Value
	for i, record := range got {
		var named []byte
		if len(got) == len(t.Expect) {
			named = t.Expect[i]
		}
		v, err := expected(record, named)
		if err != nil {
			return nil, fmt.Errorf("update the test %q: %w", t.Name, err)
		}
		values = append(values, v)
	}
	switch {
	case t.ExpectList:
		body.SetAttributeValue("expect", cty.TupleVal(values))
	case len(values) == 1:
		body.SetAttributeValue("expect", values[0])
	default:
		return nil, fmt.Errorf("update the test %q: expect is one object, and the number of records that came out is %d", t.Name, len(values))
	}
	return hclwrite.Format(f.Bytes()), nil
}

// expected gives the fields of a record that named has; nil: all.
func expected(body, named []byte) (cty.Value, error) {
	fields := map[string]cty.Value{}
	var err error
	record.Members(body, func(name string, raw []byte) bool {
		if named != nil && record.Member(named, name) == nil {
			return true
		}
		var typ cty.Type
		if typ, err = ctyjson.ImpliedType(raw); err == nil {
			fields[name], err = ctyjson.Unmarshal(raw, typ)
		}
		return err == nil
	})
	return cty.ObjectVal(fields), err
}

// testIndex tells the how-manieth test of its name in the file t is: tests of
// several pipelines may have one name.
func testIndex(src []byte, file string, t *engine.Test) int {
	f, _ := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	n, index := 0, 0
	var walk func(body *hclsyntax.Body)
	walk = func(body *hclsyntax.Body) {
		for _, b := range body.Blocks {
			if b.Type == "test" && len(b.Labels) == 1 && b.Labels[0] == t.Name {
				if b.TypeRange.Start.Line == t.Line {
					index = n
				}
				n++
			}
			walk(b.Body)
		}
	}
	if body, ok := f.Body.(*hclsyntax.Body); ok {
		walk(body)
	}
	return index
}

// findTest gives the body of the index-th test of a name.
func findTest(body *hclwrite.Body, name string, index int) *hclwrite.Body {
	var walk func(body *hclwrite.Body) *hclwrite.Body
	walk = func(body *hclwrite.Body) *hclwrite.Body {
		for _, b := range body.Blocks() {
			if labels := b.Labels(); b.Type() == "test" && len(labels) == 1 && labels[0] == name {
				if index == 0 {
					return b.Body()
				}
				index--
			}
			if found := walk(b.Body()); found != nil {
				return found
			}
		}
		return nil
	}
	return walk(body)
}
