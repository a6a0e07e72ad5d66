package dsl

import (
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A declaration is one block that has an address: a connection, source, sink
// or pipeline.
type declaration struct {
	Class string // connection, source, sink, pipeline
	Kind  string // empty for a pipeline
	Name  string
	Block *hclsyntax.Block
	Later bool // a kind that this version does not have

	instances []*instance
	state     cellState
	all       cty.Value   // the instances as a value; made when first asked for
	known     []*instance // with resolved secrets, for programs
}

// address is the block's address, without an instance.
func (d *declaration) address() string {
	if d.Kind == "" {
		return d.Class + "." + d.Name
	}
	return d.Class + "." + d.Kind + "." + d.Name
}

// configuration holds the blocks of a project, before anything is evaluated.
type configuration struct {
	koppel       *hclsyntax.Block
	variables    map[string]*hclsyntax.Block
	locals       map[string]*hclsyntax.Attribute
	tables       map[string]*hclsyntax.Block
	declarations map[string]*declaration // by address
	order        []*declaration          // by file and place
	moved        []*hclsyntax.Block
	tests        []*hclsyntax.Block // of *.test.hcl files
	used         map[string]bool    // var.x and local.x that something reads
	// loaded says that nothing here changes any more: sources, sinks and
	// connections are opened from many goroutines.
	loaded bool
}

// topLevel names the blocks of a configuration file with their labels.
var topLevel = map[string][]string{
	"koppel": nil, "locals": nil, "moved": nil, "console": nil,
	"variable": {"name"}, "table": {"name"}, "pipeline": {"name"},
	"connection": {"kind", "name"}, "source": {"kind", "name"}, "sink": {"kind", "name"},
}

// declare collects the blocks of all files.
func declare(files *sourceFiles, out *problems) *configuration {
	c := &configuration{
		variables: map[string]*hclsyntax.Block{}, locals: map[string]*hclsyntax.Attribute{},
		tables: map[string]*hclsyntax.Block{}, declarations: map[string]*declaration{}, used: map[string]bool{},
	}
	for _, name := range files.main {
		if body := files.bodies[name]; body != nil {
			c.declareFile(body, out)
		}
	}
	for _, name := range files.tests {
		if body := files.bodies[name]; body != nil {
			c.declareTests(body, out)
		}
	}
	return c
}

func (c *configuration) declareFile(body *hclsyntax.Body, out *problems) {
	for _, attr := range sortedAttributes(body) {
		out.add("unknown_argument", attr.NameRange, "An argument stands outside all blocks",
			"At the top of a file only blocks are known: %s.%s", strings.Join(sortedKeys(topLevel), ", "), attributeHint(attr.Name))
	}
	for _, b := range body.Blocks {
		labels, known := topLevel[b.Type]
		switch {
		case b.Type == "test":
			out.add("unknown_block", b.DefRange(), "A test stands outside its pipeline",
				"Put it into the pipeline's block, or into a file *.test.hcl with pipeline = pipeline.NAME.")
		case !known:
			out.add("unknown_block", b.TypeRange, fmt.Sprintf("There is no block %q", b.Type),
				"The blocks of a project are %s.%s", strings.Join(sortedKeys(topLevel), ", "), didYouMean(b.Type, sortedKeys(topLevel)))
		case c.checkLabels(b, labels, out):
			c.declareBlock(b, out)
		}
	}
}

func attributeHint(name string) string {
	if _, ok := topLevel[name]; ok {
		return fmt.Sprintf(" Write %s { … }, without an equals sign.", name)
	}
	return ""
}

// checkLabels tells whether a block has the labels that it should.
func (c *configuration) checkLabels(b *hclsyntax.Block, labels []string, out *problems) bool {
	if len(b.Labels) != len(labels) {
		want := b.Type
		for _, l := range labels {
			want += fmt.Sprintf(" %q", strings.ToUpper(l))
		}
		out.add("invalid_label", b.DefRange(), fmt.Sprintf("A %s block has %s", b.Type, count(len(labels), "label")),
			"Write %s { … }.", want)
		return false
	}
	for i, l := range b.Labels {
		if !hclsyntax.ValidIdentifier(l) {
			out.add("invalid_name", b.LabelRanges[i], fmt.Sprintf("%q is not a name", l),
				"A name starts with a letter and has letters, digits, _ and - only, so that %s can be written elsewhere.",
				strings.Join(append([]string{b.Type}, strings.ToUpper(labels[i])), "."))
			return false
		}
	}
	return true
}

func (c *configuration) declareBlock(b *hclsyntax.Block, out *problems) {
	switch b.Type {
	case "koppel":
		if c.koppel != nil {
			out.duplicate("koppel", b, c.koppel.DefRange())
			return
		}
		c.koppel = b
	case "variable":
		declareNamed(c.variables, b, out)
	case "table":
		declareNamed(c.tables, b, out)
	case "locals":
		c.declareLocals(b, out)
	case "moved":
		c.moved = append(c.moved, b)
	case "console":
		out.later(b.DefRange(), "The console block")
	default:
		d := &declaration{Class: b.Type, Name: b.Labels[len(b.Labels)-1], Block: b}
		if len(b.Labels) == 2 {
			d.Kind = b.Labels[0]
		}
		if first := c.declarations[d.address()]; first != nil {
			out.duplicate(d.address(), b, first.Block.DefRange())
			return
		}
		c.declarations[d.address()] = d
		c.order = append(c.order, d)
	}
}

func declareNamed(into map[string]*hclsyntax.Block, b *hclsyntax.Block, out *problems) {
	name := b.Labels[0]
	if first := into[name]; first != nil {
		out.duplicate(b.Type+" "+name, b, first.DefRange())
		return
	}
	into[name] = b
}

func (c *configuration) declareLocals(b *hclsyntax.Block, out *problems) {
	for _, attr := range sortedAttributes(b.Body) {
		if first := c.locals[attr.Name]; first != nil {
			out.add("duplicate_argument", attr.NameRange, fmt.Sprintf("local.%s is declared twice", attr.Name),
				"The first stands at %s.", placeText(first.NameRange))
			continue
		}
		c.locals[attr.Name] = attr
	}
	for _, inner := range b.Body.Blocks {
		out.add("unknown_block", inner.TypeRange, "A locals block has no blocks",
			"Write %s = { … } to give an object a name.", inner.Type)
	}
}

func (c *configuration) declareTests(body *hclsyntax.Body, out *problems) {
	for _, attr := range sortedAttributes(body) {
		out.add("unknown_argument", attr.NameRange, "An argument stands outside all blocks", "A *.test.hcl file has test blocks only.")
	}
	for _, b := range body.Blocks {
		if b.Type != "test" {
			out.add("unknown_block", b.TypeRange, fmt.Sprintf("A %s block stands in a file of tests", b.Type),
				"A *.test.hcl file has test blocks only; move this one into a file that doesn't end in .test.hcl.")
			continue
		}
		if c.checkTestLabel(b, out) {
			c.tests = append(c.tests, b)
		}
	}
}

func (c *configuration) checkTestLabel(b *hclsyntax.Block, out *problems) bool {
	if len(b.Labels) != 1 {
		out.add("invalid_label", b.DefRange(), "A test block has one label", `Write test "what it shows" { … }.`)
		return false
	}
	return true
}

// ofClass lists the declarations of one class as KIND.NAME or NAME, sorted.
func (c *configuration) ofClass(class string) []string {
	var names []string
	for _, d := range c.order {
		if d.Class == class {
			names = append(names, strings.TrimPrefix(d.address(), class+"."))
		}
	}
	sort.Strings(names)
	return names
}

// duplicate reports a second block of the same name.
func (p *problems) duplicate(what string, b *hclsyntax.Block, first hcl.Range) {
	p.add("duplicate_block", b.DefRange(), fmt.Sprintf("%s is declared twice", what), "The first stands at %s.", placeText(first))
}

// later refuses what the language has and this version does not.
func (p *problems) later(at hcl.Range, what string) {
	p.add("later_version", at, what+" is not in this version of koppel", "")
}

// use remembers that a variable or local is read.
func (c *configuration) use(root, name string) {
	if !c.loaded {
		c.used[root+"."+name] = true
	}
}
