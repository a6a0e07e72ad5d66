package view

import (
	"bufio"
	"fmt"
	"html"
)

// Sizes of the picture, in pixels.
const (
	boxHeight = 34
	rowHeight = 54
	layerGap  = 70
	margin    = 20
	charWidth = 8
	boxInside = 24
)

// WriteSVG draws the graph: sources at the left, sinks at the right.
func (g Graph) WriteSVG(out *bufio.Writer) error {
	l := newLayout(&g)
	width, height := l.place()
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n",
		width, height, width, height)
	out.WriteString(`<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#556"/></marker></defs>` + "\n")
	for _, r := range l.edges {
		drawRoute(out, r)
	}
	for _, layer := range l.layers {
		for _, s := range layer {
			if s.node != nil {
				drawNode(out, s)
			}
		}
	}
	out.WriteString("</svg>\n")
	return out.Flush()
}

// place gives every spot its coordinates.
func (l *layout) place() (width, height int) {
	x, rows := margin, 0
	for _, layer := range l.layers {
		rows = max(rows, len(layer))
	}
	for _, layer := range l.layers {
		widest := 0
		for _, s := range layer {
			if s.node != nil {
				widest = max(widest, columns(Clean(s.node.Title))*charWidth+boxInside)
			}
		}
		top := margin + (rows-len(layer))*rowHeight/2
		for _, s := range layer {
			s.x, s.y, s.width = x, top+s.row*rowHeight, widest
		}
		x += widest + layerGap
	}
	return max(x-layerGap, margin) + margin, rows*rowHeight + 2*margin
}

var nodeColors = map[string][2]string{
	"source": {"#e7f1fb", "#3b78b5"}, "pipeline": {"#f3f3f6", "#667"}, "sink": {"#e9f6ea", "#3f8f4a"},
}

func drawNode(out *bufio.Writer, s *spot) {
	c, radius := nodeColors[s.node.Class], 2
	if s.node.Class == "pipeline" {
		radius = 10
	}
	fmt.Fprintf(out, `<g><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="%d" fill="%s" stroke="%s"/><text x="%d" y="%d" text-anchor="middle">%s</text></g>`+"\n",
		xmlText(s.node.Address), s.x, s.y, s.width, boxHeight, radius, c[0], c[1], s.x+s.width/2, s.y+boxHeight/2+5, xmlText(s.node.Title))
}

// drawRoute draws an edge as a curve through its bends.
func drawRoute(out *bufio.Writer, r route) {
	dash := ""
	if r.edge.Kind == "after" || r.edge.Kind == "told" {
		dash = ` stroke-dasharray="4 3"`
	}
	first := r.spots[0]
	middle := func(s *spot) int { return s.y + boxHeight/2 }
	path := ""
	if len(r.spots) == 1 { // a pipeline that joins itself
		x, y := first.x+first.width/2, first.y
		path = fmt.Sprintf("M%d %d C%d %d %d %d %d %d", x+20, y, x+30, y-22, x-30, y-22, x-20, y)
	} else {
		path = fmt.Sprintf("M%d %d", first.x+first.width, middle(first))
		for i, s := range r.spots[1:] {
			from := r.spots[i]
			path += fmt.Sprintf(" C%d %d %d %d %d %d", from.x+from.width+layerGap/2, middle(from), s.x-layerGap/2, middle(s), s.x, middle(s))
			if s.node == nil {
				path += fmt.Sprintf(" L%d %d", s.x+s.width, middle(s))
			}
		}
	}
	fmt.Fprintf(out, `<path d="%s" fill="none" stroke="#556"%s marker-end="url(#end)"/>`+"\n", path, dash)
	if r.edge.Name != "" && len(r.spots) > 1 {
		last, s := r.spots[len(r.spots)-1], r.spots[len(r.spots)-2]
		fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="end" font-size="11" fill="#556">%s</text>`+"\n",
			last.x-10, (middle(s)+3*middle(last))/4-4, xmlText(r.edge.Name))
	}
}

func xmlText(s string) string { return html.EscapeString(Clean(s)) }
