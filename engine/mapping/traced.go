package mapping

// JoinSensitive reports whether what the i-th join looks for is sensitive.
func (p *Program) JoinSensitive(i int) bool {
	for _, l := range p.joins[i].left {
		if l.sensitive {
			return true
		}
	}
	return false
}

// EachSensitive reports whether the items of a record hold something that is
// sensitive.
func (p *Program) EachSensitive() bool { return p.each != nil && p.each.sensitive }
