package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// A collection is what callers see of a table.
type collection struct {
	style    string   // of paging, where the path names none
	unique   string   // column in which a value may stand once; empty: none
	required []string // columns of a new record
	doubles  string   // column by which records that came twice are found; empty: unique
}

// documents holds any JSON: a record is what stands in its column body.
const documents = "documents"

func collections() map[string]collection {
	return map[string]collection{
		"orders":    {style: "cursor"},
		"products":  {style: "page", unique: "sku", required: []string{"sku", "name"}},
		"customers": {style: "offset", unique: "email", required: []string{"name", "email"}},
		"tickets":   {style: "next_url", unique: "external", required: []string{"subject"}},
		"visits":    {style: "link", required: []string{"name"}, doubles: "reference"},
		documents:   {style: "cursor"},
	}
}

func tables() []dataset.Def {
	const text, whole, number, moment, any = dataset.String, dataset.Int, dataset.Number, dataset.Time, dataset.Any
	id, updated := dataset.Column{Name: "id", Type: whole}, dataset.Column{Name: "updated_at", Type: moment}
	return []dataset.Def{
		{Name: "orders", Key: []string{"id"}, Modified: "updated_at", Columns: []dataset.Column{
			id, {Name: "number", Type: text}, {Name: "status", Type: text}, {Name: "customer", Type: any}, {Name: "lines", Type: any},
			{Name: "total", Type: number, Decimals: 2}, {Name: "note", Type: text}, {Name: "created_at", Type: moment}, updated,
		}},
		{Name: "products", Key: []string{"id"}, Modified: "updated_at", Columns: []dataset.Column{
			id, {Name: "sku", Type: text}, {Name: "name", Type: text}, {Name: "price", Type: number, Decimals: 2}, updated,
		}},
		{Name: "customers", Key: []string{"id"}, Modified: "updated_at", Columns: []dataset.Column{
			id, {Name: "name", Type: text}, {Name: "email", Type: text}, {Name: "department", Type: text}, updated,
		}},
		{Name: "tickets", Key: []string{"id"}, Modified: "updated_at", Columns: []dataset.Column{
			id, {Name: "external", Type: text}, {Name: "subject", Type: text}, {Name: "email", Type: text}, {Name: "status", Type: text},
			{Name: "priority", Type: whole}, {Name: "tags", Type: any}, updated,
		}},
		{Name: "visits", Key: []string{"id"}, Modified: "updated_at", Columns: []dataset.Column{
			id, {Name: "reference", Type: text}, {Name: "name", Type: text}, {Name: "email", Type: text}, {Name: "date", Type: text}, updated,
		}},
		{Name: documents, Key: []string{"id"}, Modified: "updated_at", Columns: []dataset.Column{
			{Name: "id", Type: text}, {Name: "body", Type: any}, updated,
		}},
	}
}

func (s *System) seed() error {
	err := s.Data.Change(func(tx *dataset.Tx) (err error) {
		r := dataset.Rand(s.o.Seed, "rest")
		put := func(table string, row dataset.Row) {
			if err == nil {
				row["updated_at"] = s.o.Now().UTC().Add(-time.Duration(r.Int64N(int64(90 * 24 * time.Hour)))).Truncate(time.Millisecond)
				_, err = tx.Insert(table, row)
			}
		}
		goods := []string{"Proefboek", "Testbeker", "Voorbeeldpen", "Oefenmat", "Schijnplant"}
		for i := range 17 {
			put("products", dataset.Row{
				"id": i + 1, "sku": fmt.Sprintf("SKU-%03d", i+1), "name": fmt.Sprintf("%s %d", goods[i%len(goods)], i/len(goods)+1),
				"price": dataset.Decimal{Units: int64(95 + 310*i), Scale: 2},
			})
		}
		people := dataset.People(s.o.Seed+2, max(s.o.Orders/2, 10))
		for i, p := range people {
			put("customers", dataset.Row{"id": 5001 + i, "name": p.Name(), "email": p.Email, "department": p.Unit})
		}
		for i := range s.o.Orders {
			p, status := people[r.IntN(len(people))], []string{"open", "open", "paid", "shipped"}[r.IntN(4)]
			lines := []map[string]any{}
			for n := range 1 + i%3 {
				lines = append(lines, map[string]any{"sku": fmt.Sprintf("SKU-%03d", 1+(i+n)%17), "count": 1 + n})
			}
			put("orders", dataset.Row{
				"id": 9007199254740993 + int64(i), "number": fmt.Sprintf("T-%05d", i+1), "status": status, "lines": lines,
				"customer": map[string]any{"name": p.Name(), "email": p.Email}, "total": dataset.Decimal{Units: int64(r.IntN(90000)), Scale: 2},
				"created_at": s.o.Now().UTC().AddDate(0, 0, -100).Truncate(time.Second),
			})
		}
		for i, p := range people[:5] {
			put("tickets", dataset.Row{
				"id": 100 + i, "external": fmt.Sprintf("EXT-%d", i+1), "subject": "Toegang voor " + p.Name(), "email": p.Email, "status": "open",
				"priority": 1 + i%3, "tags": []string{"toegang"},
			})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("fill the shop: %w", err)
	}
	return nil
}

// encode writes a record. Times are UTC and say so rightly.
func encode(def dataset.Def, row dataset.Row) json.RawMessage {
	if def.Name == documents {
		return plain(row["body"])
	}
	var buf bytes.Buffer
	for i, c := range def.Columns {
		buf.WriteString([]string{",", "{"}[max(0, 1-i)])
		buf.Write(plain(c.Name))
		buf.WriteByte(':')
		if t, ok := row[c.Name].(time.Time); ok {
			buf.Write(plain(t.Format("2006-01-02T15:04:05.000Z")))
		} else {
			buf.Write(plain(row[c.Name]))
		}
	}
	buf.WriteByte('}')
	return buf.Bytes()
}

func plain(v any) json.RawMessage {
	if raw, ok := v.(json.RawMessage); ok {
		return raw
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return json.RawMessage("null")
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// Doubled names records of one reference that exist more than once.
func (s *System) Doubled() []string {
	list := []string{}
	for name, c := range collections() {
		by := c.doubles
		if by == "" {
			by = c.unique
		}
		if by == "" {
			continue
		}
		seen := map[string]int{}
		for _, row := range s.Data.Rows(name) {
			text := dataset.Text(row[by])
			if seen[text]++; text != "" && seen[text] == 2 {
				list = append(list, strings.Join([]string{name, by, text}, " "))
			}
		}
	}
	return list
}
