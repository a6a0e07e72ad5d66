package mapping

func (c *compiler) jq(n *Node) code {
	c.problem(n.Pos, CodeSyntax, "jq is not compiled yet", "")
	return nothing
}

type decodes struct{ hasItem bool }

func (d *decodes) drop(int) {}

func (e *Evaluator) outputs(p *part) ([]val, error) {
	v, err := e.evaluate(p.run)
	return []val{v}, err
}

func (e *Evaluator) weigh(v any, depth int) error { return nil }
