package view

import (
	"cmp"
	"slices"
)

// A layout places the nodes of a graph in layers from left to right. An edge
// over several layers passes through a bend in each of those between.
type layout struct {
	layers [][]*spot
	edges  []route
}

// A spot is a node, or a bend of an edge, in a layer.
type spot struct {
	node          *Node // nil: a bend
	layer, row    int
	before, after []*spot
	x, y, width   int
}

// A route is an edge with the spots that it passes.
type route struct {
	edge  Edge
	spots []*spot
}

// newLayout places the nodes: each behind all that flow into it, in an order
// that keeps edges short.
func newLayout(g *Graph) *layout {
	l := &layout{}
	spots := map[string]*spot{}
	for i := range g.Nodes {
		spots[g.Nodes[i].Address] = &spot{node: &g.Nodes[i], layer: -1}
	}
	into := map[string][]string{}
	for _, e := range g.Edges {
		if e.From != e.To {
			into[e.To] = append(into[e.To], e.From)
		}
	}
	for i := range g.Nodes {
		l.add(spots, into, g.Nodes[i].Address)
	}
	for _, e := range g.Edges {
		l.edges = append(l.edges, route{edge: e, spots: l.route(spots[e.From], spots[e.To])})
	}
	for range 8 {
		l.sweep(func(s *spot) []*spot { return s.before })
		l.sweep(func(s *spot) []*spot { return s.after })
	}
	return l
}

// add puts a node in the layer behind the last one that flows into it.
func (l *layout) add(spots map[string]*spot, into map[string][]string, address string) {
	s := spots[address]
	if s.layer >= 0 {
		return
	}
	s.layer = 0
	for _, from := range into[address] {
		l.add(spots, into, from)
		s.layer = max(s.layer, spots[from].layer+1)
	}
	l.append(s)
}

func (l *layout) append(s *spot) {
	for len(l.layers) <= s.layer {
		l.layers = append(l.layers, nil)
	}
	s.row = len(l.layers[s.layer])
	l.layers[s.layer] = append(l.layers[s.layer], s)
}

// route links two nodes, with a bend in every layer between.
func (l *layout) route(from, to *spot) []*spot {
	if from == to {
		return []*spot{from}
	}
	path := []*spot{from}
	for layer := from.layer + 1; layer <= to.layer; layer++ {
		next := to
		if layer < to.layer {
			next = &spot{layer: layer}
			l.append(next)
		}
		last := path[len(path)-1]
		last.after, next.before = append(last.after, next), append(next.before, last)
		path = append(path, next)
	}
	return path
}

// sweep sorts every layer by the middle of each spot's neighbours.
func (l *layout) sweep(neighbours func(*spot) []*spot) {
	for _, layer := range l.layers {
		middle := map[*spot]float64{}
		for _, s := range layer {
			middle[s] = float64(s.row)
			if near := neighbours(s); len(near) > 0 {
				sum := 0.0
				for _, n := range near {
					sum += float64(n.row)
				}
				middle[s] = sum / float64(len(near))
			}
		}
		slices.SortStableFunc(layer, func(a, b *spot) int { return cmp.Compare(middle[a], middle[b]) })
		for i, s := range layer {
			s.row = i
		}
	}
}
