package mapping

func (c *compiler) expr(n *Node) code {
	c.problem(n.Pos, CodeSyntax, "expr is not compiled yet", "")
	return nothing
}
