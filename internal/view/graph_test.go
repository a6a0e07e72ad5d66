package view

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
)

// randomGraph is any graph without circles but for self joins.
func randomGraph(t *rapid.T) Graph {
	n := rapid.IntRange(0, 12).Draw(t, "nodes")
	g := Graph{}
	for i := range n {
		g.Nodes = append(g.Nodes, Node{Address: fmt.Sprintf("pipeline.p%d", i), Class: "pipeline", Title: rapid.StringN(0, 8, -1).Draw(t, "title")})
	}
	for range rapid.IntRange(0, 2*n).Draw(t, "edges") {
		from := rapid.IntRange(0, n-1).Draw(t, "from")
		to := rapid.IntRange(from, n-1).Draw(t, "to")
		g.Edges = append(g.Edges, Edge{From: g.Nodes[from].Address, To: g.Nodes[to].Address, Kind: "join", Name: "J"})
	}
	return g
}

func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := randomGraph(t)
		l := newLayout(&g)
		placed := map[string]*spot{}
		at := map[[2]int]bool{}
		for _, layer := range l.layers {
			for _, s := range layer {
				if place := [2]int{s.layer, s.row}; at[place] {
					t.Fatalf("two spots at %v", place)
				} else {
					at[place] = true
				}
				if s.node != nil {
					placed[s.node.Address] = s
				}
			}
		}
		if len(placed) != len(g.Nodes) {
			t.Fatalf("%d of %d nodes are placed", len(placed), len(g.Nodes))
		}
		for _, e := range g.Edges {
			if e.From != e.To && placed[e.From].layer >= placed[e.To].layer {
				t.Fatalf("%s is not before %s", e.From, e.To)
			}
		}
	})
}

func TestSVGIsWellFormed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := randomGraph(t)
		var b strings.Builder
		w := bufio.NewWriter(&b)
		if err := g.WriteSVG(w); err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(strings.NewReader(b.String()))
		boxes := 0
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in %s", err, b.String())
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
				boxes++
			}
		}
		if boxes != len(g.Nodes) {
			t.Fatalf("%d boxes for %d nodes", boxes, len(g.Nodes))
		}
	})
}

// Notices that a source takes in are shown with the pipelines that they start.
func TestGraphTold(t *testing.T) {
	reads := &engine.Pipeline{Address: "pipeline.meetings", From: "source.graph_events.m"}
	others := &engine.Pipeline{Address: "pipeline.people", From: "source.file.p"}
	p := &engine.Project{
		Sources: map[string]*engine.Source{
			"source.graph_events.m": {Address: "source.graph_events.m", Noticed: "connection.graph.t"},
			"source.file.p":         {Address: "source.file.p"},
			"source.webhook.n":      {Address: "source.webhook.n", Subscribes: "connection.graph.t"},
		},
		Pipelines: map[string]*engine.Pipeline{reads.Address: reads, others.Address: others},
	}
	want := []Edge{
		{From: "source.graph_events.m", To: "pipeline.meetings", Kind: "from"},
		{From: "source.webhook.n", To: "pipeline.meetings", Kind: "told"},
		{From: "source.file.p", To: "pipeline.people", Kind: "from"},
	}
	if diff := cmp.Diff(want, NewGraph(p, []*engine.Pipeline{reads, others}).Edges); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
}
