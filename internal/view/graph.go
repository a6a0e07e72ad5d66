package view

import (
	"bufio"
	"fmt"
	"maps"
	"slices"
	"strings"

	"koppel/engine"
)

// Graph is what `koppel graph --json` prints.
type Graph struct {
	FormatVersion string `json:"format_version" doc:"version of this output"`
	Nodes         []Node `json:"nodes" doc:"sources, pipelines and sinks, by address"`
	Edges         []Edge `json:"edges" doc:"what flows into what"`
	// Schedules are those of the pipelines that have one, by name.
	Schedules []Scheduled `json:"schedules" doc:"when pipelines run by themselves, by name of the instance"`
}

// Node is one block of a Graph.
type Node struct {
	Address string `json:"address" doc:"without an instance"`
	Class   string `json:"class" doc:"source, pipeline or sink"`
	Title   string `json:"title" doc:"for people"`
}

// Edge is one flow of a Graph.
type Edge struct {
	From string `json:"from" doc:"address"`
	To   string `json:"to" doc:"address"`
	Kind string `json:"kind" doc:"from, join, after, into, or told: notices that come to the source start the pipeline"`
	Name string `json:"name" doc:"of the join; else empty"`
}

// NewGraph describes how the chosen pipelines hang together. Instances of one
// block are one node.
func NewGraph(p *engine.Project, pipelines []*engine.Pipeline) Graph {
	b := graphBuilder{project: p, nodes: map[string]Node{}, seen: map[Edge]bool{}}
	for _, pl := range pipelines {
		b.pipeline(pl)
	}
	g := Graph{FormatVersion: FormatVersion, Nodes: []Node{}, Edges: list(b.edges), Schedules: []Scheduled{}}
	for _, n := range b.nodes {
		g.Nodes = append(g.Nodes, n)
	}
	slices.SortFunc(g.Nodes, func(x, y Node) int { return strings.Compare(x.Address, y.Address) })
	return g
}

type graphBuilder struct {
	project *engine.Project
	nodes   map[string]Node
	edges   []Edge
	seen    map[Edge]bool
}

func (b *graphBuilder) pipeline(p *engine.Pipeline) {
	self := b.node(p.Address)
	b.edge(b.node(p.From), self, "from", "")
	for _, j := range p.Joins {
		b.edge(b.node(j.With), self, "join", j.Name)
	}
	for _, a := range b.project.Inputs(p) {
		if src := b.project.Sources[a]; src != nil && src.Upstream != "" {
			b.edge(b.node(src.Upstream), b.node(a), "from", "")
		}
	}
	for _, a := range p.After {
		b.edge(b.node(a), self, "after", "")
	}
	for _, a := range slices.Sorted(maps.Keys(b.project.Sources)) {
		if b.project.Wakes(b.project.Sources[a], p) {
			b.edge(b.node(a), self, "told", "")
		}
	}
	if p.Into != "" {
		b.edge(self, b.node(p.Into), "into", "")
	}
}

// node adds the block of an address and gives its address.
func (b *graphBuilder) node(address string) string {
	block, _, _ := strings.Cut(address, "[")
	if _, ok := b.nodes[block]; ok {
		return block
	}
	class, _, _ := strings.Cut(block, ".")
	n := Node{Address: block, Class: class, Title: strings.TrimPrefix(block, "pipeline.")}
	if s := b.project.Sources[address]; s != nil && s.Title != "" {
		n.Title = s.Title
	}
	if s := b.project.Sinks[address]; s != nil && s.Title != "" {
		n.Title = s.Title
	}
	b.nodes[block] = n
	return block
}

func (b *graphBuilder) edge(from, to, kind, name string) {
	e := Edge{From: from, To: to, Kind: kind, Name: name}
	if !b.seen[e] {
		b.seen[e] = true
		b.edges = append(b.edges, e)
	}
}

// WriteText shows the graph pipeline by pipeline.
func (g Graph) WriteText(out *bufio.Writer) error {
	titles := map[string]string{}
	for _, n := range g.Nodes {
		titles[n.Address] = n.Title
	}
	first := true
	for _, n := range g.Nodes {
		chosen := slices.ContainsFunc(g.Edges, func(e Edge) bool { return e.To == n.Address })
		if n.Class != "pipeline" || !chosen {
			continue
		}
		if !first {
			out.WriteByte('\n')
		}
		first = false
		fmt.Fprintf(out, "pipeline %s\n", Clean(n.Title))
		for _, e := range g.Edges {
			switch n.Address {
			case e.To:
				fmt.Fprintf(out, "  %-5s %s\n", e.Kind, edgeText(e.From, titles, e.Name))
			case e.From:
				if e.Kind == "into" {
					fmt.Fprintf(out, "  into  %s\n", edgeText(e.To, titles, ""))
				}
			}
		}
		g.writeSchedules(out, n.Address)
	}
	return out.Flush()
}

func edgeText(address string, titles map[string]string, name string) string {
	text := Clean(address)
	if title := titles[address]; !strings.HasPrefix(address, "pipeline.") {
		text += "   " + Clean(title)
	}
	if name != "" {
		text = Clean(name) + " = " + text
	}
	return text
}

// WriteDot writes the graph in the language of Graphviz.
func (g Graph) WriteDot(out *bufio.Writer) error {
	out.WriteString("digraph koppel {\n  rankdir = LR;\n  node [shape = box, fontname = \"sans-serif\"];\n")
	for _, n := range g.Nodes {
		style := ""
		if n.Class == "pipeline" {
			style = ", style = rounded"
		}
		fmt.Fprintf(out, "  %s [label = %s%s];\n", dotText(n.Address), dotText(n.Title), style)
	}
	for _, e := range g.Edges {
		style := ""
		switch e.Kind {
		case "join":
			style = " [label = " + dotText(e.Name) + "]"
		case "after", "told":
			style = " [style = dashed]"
		}
		fmt.Fprintf(out, "  %s -> %s%s;\n", dotText(e.From), dotText(e.To), style)
	}
	out.WriteString("}\n")
	return out.Flush()
}

func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(Clean(s)) + `"`
}
