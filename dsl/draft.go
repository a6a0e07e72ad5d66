package dsl

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/text/unicode/norm"

	"koppel/engine/connector"
)

// Draft writes a source that reads a collection of a connection, and a pipeline
// that maps every field of it, in canonical form. Their names are not those of
// blocks that the project has.
func (p *Project) Draft(connection string, c connector.Collection) []byte {
	name := p.freeName(c)
	d := &draft{c: c, names: fieldNames(c.Fields)}
	if c.Sink {
		d.sink(connection, name)
		out, _ := Format("draft.hcl", d.text.Bytes())
		return out
	}
	if !slices.ContainsFunc(c.Fields, func(f connector.Field) bool { return f.Unreadable == "" }) {
		d.comment(fmt.Sprintf("No source is drafted: %s has no field that a record can carry.", c.Name))
		return d.text.Bytes()
	}
	d.line("source %s %s {", quoted(c.Kind), quoted(name))
	d.line("connection = %s", referenceTo(connection))
	for _, a := range c.Arguments {
		d.line("%s = %s", a.Name, quoted(a.Value))
	}
	d.key()
	for _, n := range c.Notes {
		d.comment(n)
	}
	d.incremental()
	d.line("}")
	d.line("")
	d.line("pipeline %s {", quoted(name))
	d.line("from = source.%s.%s", c.Kind, name)
	d.comment("into = sink.KIND.NAME")
	d.pipelineKey()
	d.line("")
	d.fields()
	d.line("}")
	out, _ := Format("draft.hcl", d.text.Bytes())
	return out
}

// sink writes a sink, and what a pipeline into it maps as a comment: where the
// records come from is not known.
func (d *draft) sink(connection, name string) {
	d.line("sink %s %s {", quoted(d.c.Kind), quoted(name))
	d.line("connection = %s", referenceTo(connection))
	for _, a := range d.c.Arguments {
		d.line("%s = %s", a.Name, quoted(a.Value))
	}
	if len(d.c.Key) > 0 {
		parts := make([]string, len(d.c.Key))
		for i, k := range d.c.Key {
			parts[i] = quoted(k)
		}
		d.line("keys = [%s]", strings.Join(parts, ", "))
	}
	for _, n := range d.c.Notes {
		d.comment(n)
	}
	d.line("}")
	d.line("")
	d.comment(fmt.Sprintf("pipeline %s {", quoted(name)))
	d.comment("  from = source.KIND.NAME")
	d.comment(fmt.Sprintf("  into = sink.%s.%s", d.c.Kind, name))
	d.comment("  map {")
	for i, f := range d.c.Fields {
		need := ""
		if !f.Nullable {
			need = " # mandatory"
		}
		d.comment(fmt.Sprintf("    %s = src.%s%s", d.names[i], d.names[i], need))
	}
	d.comment("  }")
	d.comment("}")
}

// referenceTo writes the address of an instance as a reference.
func referenceTo(address string) string {
	block, key, one := strings.Cut(address, "[")
	if !one {
		return block
	}
	return block + "[" + quoted(unquoted(key)) + "]"
}

// freeName is a name for both blocks.
func (p *Project) freeName(c connector.Collection) string {
	last := c.Name
	if i := strings.LastIndexByte(strings.TrimSuffix(last, `"`), '.'); i >= 0 && !strings.HasSuffix(last, `"`) {
		last = last[i+1:]
	}
	base := strings.ToLower(identifierOf(last, "records"))
	name := base
	for n := 2; !c.Sink && p.hasBlock("source."+c.Kind+"."+name) || c.Sink && p.hasBlock("sink."+c.Kind+"."+name) || p.hasBlock("pipeline."+name); n++ {
		name = base + "_" + strconv.Itoa(n)
	}
	return name
}

func (p *Project) hasBlock(address string) bool {
	return slices.ContainsFunc(p.Blocks, func(b Block) bool { return b.Address == address })
}

// A draft is text on its way.
type draft struct {
	c     connector.Collection
	names []string // of the mapped fields
	text  bytes.Buffer
}

func (d *draft) line(format string, args ...any) { fmt.Fprintf(&d.text, format+"\n", args...) }

// comment writes a line that says something and means nothing.
func (d *draft) comment(s string) {
	d.line("# %s", strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s))
}

// key names the key of the source. A field with a dot in its name can't be
// named there, where a dot leads into an object.
func (d *draft) key() {
	key := d.c.Key
	switch {
	case dotted(key):
		return
	case len(key) == 0:
		if key = d.guessedKey(); key == nil || dotted(key) {
			return
		}
		d.line("key = [%s] # a guess, as no key is declared: name the fields that are unique together", quoted(key[0]))
		return
	}
	parts := make([]string, len(key))
	for i, k := range key {
		parts[i] = quoted(k)
	}
	d.line("key = [%s]", strings.Join(parts, ", "))
}

// guessedKey is the field that is most likely a key where none is declared.
func (d *draft) guessedKey() []string {
	best, points := "", 0
	for _, f := range d.c.Fields {
		n, name := 1, strings.ToLower(f.Name)
		switch {
		case f.Unreadable != "":
			n = 0
		case name == "id":
			n = 5
		case strings.HasSuffix(name, "id") && !f.Nullable:
			n = 4
		case !f.Nullable:
			n = 3
		case strings.HasSuffix(name, "id"):
			n = 2
		}
		if n > points {
			best, points = f.Name, n
		}
	}
	if points == 0 {
		return nil
	}
	return []string{best}
}

// pipelineKey names the key where the source can't.
func (d *draft) pipelineKey() {
	key := d.c.Key
	if len(key) == 0 {
		key = d.guessedKey()
	}
	if !dotted(key) {
		return
	}
	paths := make([]string, len(key))
	for i, k := range key {
		paths[i] = pathOf(k)
	}
	d.line("key = [%s]", strings.Join(paths, ", "))
}

func dotted(key []string) bool {
	return slices.ContainsFunc(key, func(k string) bool { return strings.Contains(k, ".") })
}

// incremental proposes to read what changed only.
func (d *draft) incremental() {
	if d.c.Cursor == "" || dotted(d.c.Key) || dotted([]string{d.c.Cursor}) {
		return
	}
	d.line("")
	d.comment("To read only what changed, if every change raises this field:")
	d.comment("incremental {")
	d.comment(fmt.Sprintf("  cursor     = [%s]", quoted(d.c.Cursor)))
	d.comment(`  overlap    = "10m"`)
	d.comment(`  full_every = "24h"`)
	d.comment("}")
}

// fields writes the map: every field that a record can carry.
func (d *draft) fields() {
	d.line("map {")
	for i, f := range d.c.Fields {
		if f.Unreadable != "" {
			continue
		}
		d.line("%s = %s", d.names[i], pathOf(f.Name))
	}
	d.line("}")
}

// quoted is a text as HCL has it.
func quoted(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }

// pathOf is the value of a field of the source.
func pathOf(field string) string {
	if isPlain(field) {
		return "src." + field
	}
	return "src[" + quoted(field) + "]"
}

// fieldNames gives names for mapped fields: as the source has them where they
// are identifiers, and no two that differ in case only.
func fieldNames(fields []connector.Field) []string {
	names := make([]string, len(fields))
	taken := map[string]bool{}
	for i, f := range fields {
		if isPlain(f.Name) && !taken[strings.ToLower(f.Name)] {
			names[i] = f.Name
			taken[strings.ToLower(f.Name)] = true
		}
	}
	for i, f := range fields {
		if names[i] != "" {
			continue
		}
		base := identifierOf(f.Name, "field")
		name := base
		for n := 2; taken[strings.ToLower(name)]; n++ {
			name = base + "_" + strconv.Itoa(n)
		}
		names[i] = name
		taken[strings.ToLower(name)] = true
	}
	return names
}

// isPlain tells whether a name is an identifier everywhere: in HCL, jq and
// expr.
func isPlain(name string) bool { return name != "" && identifierOf(name, "") == name }

// identifierOf makes an identifier of a name; otherwise where nothing of it is
// left.
func identifierOf(name, otherwise string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFD.String(name) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		if r != '_' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)) {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('_')
		}
		gap = false
		b.WriteRune(r)
	}
	s := b.String()
	switch {
	case strings.Trim(s, "_") == "":
		return otherwise
	case s[0] >= '0' && s[0] <= '9':
		return "_" + s
	}
	return s
}
