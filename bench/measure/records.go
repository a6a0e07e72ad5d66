package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// fields are the members of a mapped record.
var fields = []string{"id", "employeeId", "email", "fullName", "startDate", "managerEmail",
	"city", "categories", "phone", "contract", "department", "jobTitle"}

var errDiffer = errors.New("the records differ")

// A dataset is mapped records, each a line of JSON.
type dataset struct {
	name string
	open func() (io.ReadCloser, error)
}

// file is the dataset of a file of JSON lines.
func file(name, path string) dataset {
	return dataset{name, func() (io.ReadCloser, error) { return os.Open(path) }}
}

// table is the dataset of the table "employee" of a database, as the program
// sqlite3 reads it: another reader than those that are measured.
func table(name, db string) dataset {
	members := make([]string, len(fields))
	for i, f := range fields {
		members[i] = fmt.Sprintf("'%[1]s', ifnull(%[1]s, '')", f)
	}
	query := "SELECT json_object(" + strings.Join(members, ", ") + ") FROM employee ORDER BY id"
	return dataset{name, func() (io.ReadCloser, error) {
		if _, err := os.Stat(db); err != nil {
			return nil, err
		}
		cmd := exec.Command("sqlite3", "-batch", db, query)
		var problem strings.Builder
		cmd.Stderr = &problem
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		return &process{out, cmd, &problem}, cmd.Start()
	}}
}

// A process is the output of a program; Close tells how it ended.
type process struct {
	io.Reader
	cmd     *exec.Cmd
	problem *strings.Builder
}

// Close waits for the program.
func (p *process) Close() error {
	if _, err := io.Copy(io.Discard, p.Reader); err != nil {
		return err
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("read with %s: %w: %s", p.cmd.Args[0], err, p.problem)
	}
	return nil
}

// A sum identifies one record.
type sum [sha256.Size]byte

// each walks the records in the order in which they stand.
func (d dataset) each(f func(sum, []byte)) (err error) {
	in, err := d.open()
	if err != nil {
		return fmt.Errorf("read %s: %w", d.name, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		n++
		id, err := identify(lines.Bytes())
		if err != nil {
			return fmt.Errorf("read %s: record %d: %w", d.name, n, err)
		}
		f(id, lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", d.name, err)
	}
	return nil
}

// identify sums up one record, whatever the order of its members. Null is the
// empty text: neither the floor nor every other program knows it.
func identify(line []byte) (sum, error) {
	var record map[string]*string
	if err := json.Unmarshal(line, &record); err != nil {
		return sum{}, err
	}
	if len(record) != len(fields) {
		return sum{}, fmt.Errorf("%d members, want %d: %s", len(record), len(fields), line)
	}
	var text []byte
	for _, f := range fields {
		v, ok := record[f]
		if !ok {
			return sum{}, fmt.Errorf("no member %q: %s", f, line)
		}
		if v != nil {
			text = append(text, *v...)
		}
		text = append(text, 0)
	}
	return sha256.Sum256(text), nil
}

// A digest is the same for the same records in any order.
type digest struct {
	records int
	sums    [sha256.Size / 8]uint64 // added up, word by word
}

func (d dataset) digest() (digest, error) {
	var g digest
	err := d.each(func(id sum, _ []byte) {
		g.records++
		for i := range g.sums {
			g.sums[i] += binary.LittleEndian.Uint64(id[8*i:])
		}
	})
	return g, err
}

// sameInOrder tells that two datasets hold the same lines. Those that do not are
// judged record by record.
func sameInOrder(want, got dataset) error {
	equal, err := equalBytes(want, got)
	if err != nil || equal {
		return err
	}
	return same(want, got)
}

func equalBytes(want, got dataset) (equal bool, err error) {
	var in [2]io.ReadCloser
	for i, d := range []dataset{want, got} {
		if in[i], err = d.open(); err != nil {
			return false, fmt.Errorf("read %s: %w", d.name, err)
		}
		defer func() { err = errors.Join(err, in[i].Close()) }()
	}
	var part [2][1 << 16]byte
	for {
		a, errA := io.ReadFull(in[0], part[0][:])
		b, errB := io.ReadFull(in[1], part[1][:])
		if !bytes.Equal(part[0][:a], part[1][:b]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			return ended(errA) && ended(errB), nil
		}
	}
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

// is tells that the dataset has a digest.
func (d dataset) is(want digest) error {
	got, err := d.digest()
	if err == nil && got != want {
		err = fmt.Errorf("%w: %s (%d) is not what it should be (%d)", errDiffer, d.name, got.records, want.records)
	}
	return err
}

// same tells that two datasets hold the same records, in whatever order.
func same(want, got dataset) error {
	d, err := want.digest()
	if err != nil {
		return err
	}
	err = got.is(d)
	if errors.Is(err, errDiffer) {
		return errors.Join(err, explain(want, got))
	}
	return err
}

// explain gives a record that only one of two datasets has.
func explain(want, got dataset) error {
	seen := map[sum]int{}
	if err := want.each(func(id sum, _ []byte) { seen[id]++ }); err != nil {
		return err
	}
	extra := ""
	if err := got.each(func(id sum, line []byte) {
		if seen[id]--; seen[id] < 0 && extra == "" {
			extra = string(line)
		}
	}); err != nil {
		return err
	}
	missing := ""
	if err := want.each(func(id sum, line []byte) {
		if seen[id] > 0 && missing == "" {
			missing = string(line)
		}
	}); err != nil {
		return err
	}
	return fmt.Errorf("only in %s: %s\nonly in %s: %s", want.name, missing, got.name, extra)
}
