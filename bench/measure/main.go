// Command measure times koppel's own tasks beside a hand-written program for
// the same tasks, the floor, and beside others' programs for the first of them,
// and writes what it found as tables.
//
// Programs take turns, so that what else the machine does meets both alike.
// Peak memory is that of the process, as the kernel counts it. Before any time
// counts, the programs are held to the same records.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

func main() {
	b := &bench{}
	sizes := flag.String("n", "1000000", "records; or several numbers, with commas")
	flag.IntVar(&b.runs, "runs", 5, "how often each task is run; medians count")
	flag.StringVar(&b.koppel, "koppel", "", "the koppel program")
	flag.StringVar(&b.floor, "floor", "", "the floor program; empty: only koppel is measured")
	flag.StringVar(&b.gen, "gen", "", "the program that makes the data")
	flag.StringVar(&b.projects, "projects", "bench/projects", "the folder of the projects")
	flag.StringVar(&b.peers, "peers", "bench/peers", "the folder of the others' programs")
	flag.StringVar(&b.dir, "dir", "", "the folder for data and results; default: a temporary one")
	flag.BoolVar(&b.small, "small", true, "also measure start, validate and many pipelines")
	table := flag.String("table", "", "the Markdown file whose table is rewritten")
	flag.Parse()
	log.SetFlags(0)
	var err error
	if b.sizes, err = parseSizes(*sizes); err != nil {
		log.Fatal(err)
	}
	if err := b.measure(*table); err != nil {
		log.Fatal(err)
	}
}

func (b *bench) measure(table string) error {
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "koppel-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		b.dir = dir
	}
	for _, p := range []*string{&b.koppel, &b.floor, &b.gen, &b.projects, &b.peers, &b.dir} {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	if err := b.room(); err != nil {
		return err
	}
	if err := b.allSizes(); err != nil {
		return err
	}
	if b.small {
		if err := b.smallTasks(); err != nil {
			return err
		}
	}
	text := b.report()
	fmt.Println(text)
	if table == "" {
		return nil
	}
	return rewrite(table, text)
}
