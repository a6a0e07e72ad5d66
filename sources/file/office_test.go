package file_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/sources/file"
)

// TestReadAsLibreOfficeShows reads a sheet with many formats, written with both
// ways of counting days. What is read, in the sheet's formats, is what
// LibreOffice shows.
func TestReadAsLibreOfficeShows(t *testing.T) {
	text, err := os.Open("testdata/office/people.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	shown, err := csv.NewReader(text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	header := shown[2]
	var want [][]string
	for _, row := range shown[3:] {
		if strings.Join(row, "") != "" {
			want = append(want, row)
		}
	}
	for _, name := range []string{"people.xlsx", "people1904.xlsx"} {
		got := readOne(t, openFile(t, "testdata/office", file.Config{Path: name, Records: constant("Lijst & meer"), Header: 3}), name)
		if !got.Complete {
			t.Fatalf("%s: %s", name, got.Problem)
		}
		var rows [][]string
		for _, record := range got.Records {
			var values map[string]any
			d := json.NewDecoder(strings.NewReader(record))
			d.UseNumber()
			if err := d.Decode(&values); err != nil {
				t.Fatal(err)
			}
			row := make([]string, len(header))
			for i, column := range header {
				row[i] = show(t, column, values[column])
			}
			rows = append(rows, row)
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("%s (-shown +read)\n%s", name, diff)
		}
	}
}

// show writes a value as the column's format in the sheet does.
func show(t *testing.T, column string, v any) string {
	switch {
	case v == nil:
		return ""
	case column == "Geboren":
		return moment(t, time.DateOnly, v, "02-01-2006")
	case column == "Gezien":
		return moment(t, "2006-01-02T15:04:05", v, "2 January 2006 15:04")
	case column == "Maand":
		return moment(t, time.DateOnly, v, "Jan-06")
	case column == "Begin":
		return moment(t, time.TimeOnly, v, "15:04")
	case column == "Duur":
		return strings.TrimPrefix(v.(string), "0")
	case v == true || v == false:
		return strings.ToUpper(fmt.Sprint(v))
	}
	number, ok := v.(json.Number)
	if !ok {
		return v.(string)
	}
	f, err := number.Float64()
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case column == "Deel":
		return fmt.Sprintf("%.1f%%", f*100)
	case column == "Loon":
		return money(f)
	case column == "Code":
		return fmt.Sprintf("%06.0f", f+1e-9) // halves go up
	case column == "Breuk":
		return fraction(f)
	case f == 1.5e10:
		return fmt.Sprintf("%.2E", f)
	case f < -1e300:
		return fmt.Sprintf("%.16E", f)
	}
	return number.String()
}

func moment(t *testing.T, layout string, v any, shown string) string {
	t.Helper()
	at, err := time.Parse(layout, v.(string))
	if err != nil {
		t.Error(err)
	}
	return at.Format(shown)
}

// money has a point before cents and commas between thousands.
func money(f float64) string {
	sign := ""
	if f < 0 {
		sign, f = "-", -f
	}
	text := fmt.Sprintf("%.2f", f)
	for at := len(text) - len(".00") - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return sign + "€ " + text
}

// fraction has one digit above and one below the line.
func fraction(f float64) string {
	if f == 2 {
		return "2    "
	}
	for below := int64(1); below < 10; below++ {
		r := new(big.Rat).SetFrac64(int64(f*float64(below)+0.5), below)
		if at, _ := r.Float64(); at-f < 1e-9 && f-at < 1e-9 {
			return " " + r.String()
		}
	}
	return fmt.Sprint(f)
}

// TestReadOtherSheets reads a sheet with many columns, an empty one, and one with
// merged cells.
func TestReadOtherSheets(t *testing.T) {
	read := func(sheet string) result {
		return readOne(t, openFile(t, "testdata/office", file.Config{Path: "people.xlsx", Records: constant(sheet)}), "people.xlsx")
	}
	wide := read("Breed")
	if len(wide.Records) != 2 || !wide.Complete {
		t.Fatalf("%+v", wide)
	}
	var first, second map[string]any
	if err := json.Unmarshal([]byte(wide.Records[0]), &first); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(wide.Records[1]), &second); err != nil {
		t.Fatal(err)
	}
	if len(first) != 120 || first["k119"] != 119.0 || second["k118"] != nil || second["k119"] != "laatste" {
		t.Errorf("wide: %v\n%v", first, second)
	}
	want := result{[]string{`{"Afdeling":"ICT","Naam":"Noor"}`, `{"Afdeling":null,"Naam":"Bram"}`}, true, ""}
	if diff := cmp.Diff(want, read("Samengevoegd")); diff != "" {
		t.Errorf("merged (-want +got)\n%s", diff)
	}
	if got := read("Leeg"); got.Complete || got.Problem != `sheet "Leeg": there is no header row` {
		t.Errorf("empty: %+v", got)
	}
}
