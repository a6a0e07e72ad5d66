package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"koppel/internal/sandbox/dataset"
)

// clientsAreRight: every client with its numbers, and nowhere the citizen
// service number.
func clientsAreRight(ctx context.Context, d *Demo) (string, error) {
	var want [][]string
	secret := map[string]bool{}
	for _, c := range d.Box.AlleyOop.Data.Rows("clients") {
		want = append(want, cells(c, "clientId", "name", "referId", "kvk"))
		if number := dataset.Text(c["bsn"]); number != "" {
			secret[number] = true
		}
	}
	rows, err := d.rows(ctx, "alleyoop-clients-to-sql/crm.db", "select client_id, name, reference, kvk from clients")
	if err == nil {
		err = equal("the table clients", want, rows)
	}
	if err != nil {
		return "", err
	}
	whole, err := d.rows(ctx, "alleyoop-clients-to-sql/crm.db", "select * from clients")
	if err != nil {
		return "", err
	}
	for _, row := range whole {
		if slices.ContainsFunc(row, func(cell string) bool { return secret[cell] }) {
			return "", fmt.Errorf("the table clients holds the citizen service number of %s", row[0])
		}
	}
	return fmt.Sprintf("The table holds the %d clients of AlleyOop, and no citizen service number.", len(want)), nil
}

// instancesAreRight: one process instance for each dossier, and nothing twice.
func instancesAreRight(_ context.Context, d *Demo) (string, error) {
	text, err := d.cat([]string{"dossiers-to-alleyoop/data/dossiers.jsonl"})
	if err != nil {
		return "", err
	}
	office := d.Box.AlleyOop.Data
	clients, count := byKey(office.Rows("clients"), "kvk"), 0
	for line := range strings.Lines(text) {
		var dossier struct {
			ID, KvK, Process string
			Year             int
		}
		if err := json.Unmarshal([]byte(line), &dossier); err != nil {
			return "", err
		}
		count++
		found := 0
		for _, i := range office.Rows("instances") {
			if i["clientId"] == clients[dossier.KvK]["clientId"] && i["processKey"] == dossier.Process && i["periodStart"] == strconv.Itoa(dossier.Year)+"-01-01" {
				found++
			}
		}
		if found != 1 {
			return "", fmt.Errorf("AlleyOop should have one instance for dossier %s, and not %d", dossier.ID, found)
		}
	}
	return fmt.Sprintf("AlleyOop has one instance for each of the %d dossiers, and none twice.", count), d.nothingTwice()
}

// filesAreRight: the report of the one dossier that has one, uploaded once.
func filesAreRight(_ context.Context, d *Demo) (string, error) {
	var names [][]string
	for _, f := range d.Box.AlleyOop.Data.Rows("files") {
		names = append(names, cells(f, "filename"))
	}
	return "AlleyOop has the report of the dossier that has one.", equal("AlleyOop", [][]string{{"D-2025-001.txt"}}, names)
}

// nothingTwice: no system holds anything twice that it should hold once, and
// every fault of the story was met.
func (d *Demo) nothingTwice() error {
	for _, s := range d.Box.Systems() {
		if twice := s.Doubled(); len(twice) > 0 {
			return fmt.Errorf("%s has twice: %v", s.Name, twice)
		}
		if left := s.Traffic.Faults(); len(left) > 0 {
			return fmt.Errorf("%s was never asked what was to fail: %+v", s.Name, left)
		}
	}
	return nil
}
