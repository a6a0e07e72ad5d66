package mapping

import "github.com/itchyny/gojq"

// Plain tells that the program is a jq path of names and nothing else: .a.b,
// or with each .a.b[], so that it can be followed in the raw text of its input.
func (s *Single) Plain() (path []string, each, ok bool) {
	if s.input.Kind != KindJQ {
		return nil, false, false
	}
	q, err := gojq.Parse(s.input.Text)
	if err != nil || q.Term == nil || len(q.FuncDefs) > 0 || q.Meta != nil || len(q.Imports) > 0 {
		return nil, false, false
	}
	t := q.Term
	switch t.Type {
	case gojq.TermTypeIdentity:
	case gojq.TermTypeIndex:
		if path, ok = plainStep(path, t.Index); !ok {
			return nil, false, false
		}
	default:
		return nil, false, false
	}
	for _, suffix := range t.SuffixList {
		switch {
		case each || suffix.Optional:
			return nil, false, false
		case suffix.Iter:
			each = true
		default:
			if path, ok = plainStep(path, suffix.Index); !ok {
				return nil, false, false
			}
		}
	}
	return path, each, true
}

// plainStep adds the name that an index is, if it is one: .name, ."name" or
// .["name"].
func plainStep(path []string, i *gojq.Index) ([]string, bool) {
	switch {
	case i == nil || i.IsSlice:
		return nil, false
	case i.Name != "":
		return append(path, i.Name), true
	case i.Str != nil:
		return plainText(path, i.Str)
	case i.Start != nil && i.End == nil && i.Start.Term != nil && i.Start.Term.Type == gojq.TermTypeString && len(i.Start.Term.SuffixList) == 0:
		return plainText(path, i.Start.Term.Str)
	}
	return nil, false
}

func plainText(path []string, s *gojq.String) ([]string, bool) {
	if s == nil || s.Queries != nil {
		return nil, false
	}
	return append(path, s.Str), true
}
