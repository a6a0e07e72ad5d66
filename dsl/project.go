package dsl

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/mapping"
)

// A Project is what a folder declares: what the engine runs, and where it
// stands in the files.
type Project struct {
	*engine.Project
	// Files holds the text of every file that was read, by its name relative
	// to the project's folder.
	Files map[string][]byte
	// Named are the other files that blocks name and that were read for them, as
	// they are named: relative to the project's folder.
	Named []string
	// Connections are the connection instances, in the order of the files.
	Connections []Connection
	// Blocks are the declared blocks, in the order of the files.
	Blocks []Block
	// Fields say where the mapped fields of a pipeline block stand, by the
	// pipeline's address without instance.
	Fields map[string][]FieldText

	sinkConfigs map[string]any
	// unsettled are the sinks with arguments that are not known yet.
	unsettled map[string]bool
	places    *places
}

// A Connection is one configured connection instance.
type Connection struct {
	Address string // connection.afas.profit
	Kind    string
	Config  any // the decoded configuration; secrets are empty
	// Open opens the connection with its secrets.
	Open func(ctx context.Context, env connector.Env) (any, error)
}

// A Block is one declared connection, source, sink or pipeline.
type Block struct {
	Address string // without an instance
	Class   string // connection, source, sink, pipeline
	Kind    string
	File    string
	Range   Range // of the block's head
	Whole   Range
	// Instances are the addresses of its instances.
	Instances []string
}

// A FieldText is the expression of one mapped field as it is written.
type FieldText struct {
	Name, Text, File string
	Range            Range
}

// Place gives the file and range that a Pos of the project's programs stands
// for: the bytes from offset to end of its program text, or the whole
// expression when offset is negative.
func (p *Project) Place(pos mapping.Pos, offset, end int) (file string, at Range) {
	r := p.places.find(pos, offset, end)
	return r.Filename, rangeOf(r)
}

// Select gives the pipelines with the names given, in that order: employees is
// all instances, employees["acme"] is one. A leading "pipeline." is accepted.
// No names: all pipelines, by address. The error names what was probably meant.
func (p *Project) Select(names []string) ([]*engine.Pipeline, error) {
	all := p.byAddress()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []*engine.Pipeline
	taken := map[string]bool{}
	for _, name := range names {
		found := 0
		for _, pl := range all {
			if !matches(pl, strings.TrimPrefix(name, "pipeline.")) {
				continue
			}
			found++
			if !taken[pl.Address] {
				taken[pl.Address] = true
				chosen = append(chosen, pl)
			}
		}
		if found == 0 && !p.isEmptyBlock(name) {
			return nil, p.unknown(name, all)
		}
	}
	return chosen, nil
}

// isEmptyBlock tells whether a name is a pipeline whose for_each has no element.
func (p *Project) isEmptyBlock(name string) bool {
	for _, b := range p.Blocks {
		if b.Address == "pipeline."+strings.TrimPrefix(name, "pipeline.") {
			return true
		}
	}
	return false
}

func (p *Project) byAddress() []*engine.Pipeline {
	all := make([]*engine.Pipeline, 0, len(p.Pipelines))
	for _, pl := range p.Pipelines {
		all = append(all, pl)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Address < all[j].Address })
	return all
}

// matches tells whether name means a pipeline: its block, or that instance.
// Quotes inside the brackets may be missing, as a shell leaves them.
func matches(pl *engine.Pipeline, name string) bool {
	if pl.Name == name {
		return true
	}
	block, instance, isInstance := strings.Cut(pl.Name, "[")
	if !isInstance {
		return false
	}
	wantBlock, wantInstance, hasInstance := strings.Cut(name, "[")
	if block != wantBlock {
		return false
	}
	return !hasInstance || strings.Trim(instance, `"]`) == strings.Trim(wantInstance, `"']`)
}

func (p *Project) unknown(name string, all []*engine.Pipeline) error {
	names := map[string]bool{}
	for _, pl := range all {
		names[pl.Name] = true
		block, _, _ := strings.Cut(pl.Name, "[")
		names[block] = true
	}
	list := sortedKeys(names)
	hint := didYouMean(strings.TrimPrefix(name, "pipeline."), list)
	if hint == "" && len(list) > 0 && len(list) <= 12 {
		hint = " There are " + strings.Join(list, ", ") + "."
	}
	return fmt.Errorf("there is no pipeline %s.%s", name, hint)
}

func blockOf(d *declaration) Block {
	b := Block{Address: d.address(), Class: d.Class, Kind: d.Kind, File: d.Block.TypeRange.Filename,
		Range: rangeOf(d.Block.DefRange()), Whole: rangeOf(hcl.RangeBetween(d.Block.TypeRange, d.Block.CloseBraceRange))}
	for _, in := range d.instances {
		b.Instances = append(b.Instances, d.address()+in.suffix())
	}
	return b
}
