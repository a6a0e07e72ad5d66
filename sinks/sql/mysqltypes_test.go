package sql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql/mysqltest"
)

// mysqlTypes lists a column type, a value and what it reads back as; empty: the
// same. What begins with ! is refused.
var mysqlTypes = []struct{ column, value, want string }{
	{"TINYINT(1)", `true`, ``},
	{"TINYINT(1)", `false`, ``},
	{"TINYINT(4)", `-128`, ``},
	{"TINYINT UNSIGNED", `255`, ``},
	{"TINYINT UNSIGNED", `256`, `!Out of range`},
	{"SMALLINT", `-32768`, ``},
	{"MEDIUMINT", `8388607`, ``},
	{"INT", `2147483647`, ``},
	{"INT", `"12"`, `12`},
	{"INT", `"012"`, `!another number`},
	{"INT", `"twelve"`, `!keeps no such value`},
	{"INT", `1.5`, `!round`},
	{"INT", `[1]`, `!keeps no such value`},
	{"INT UNSIGNED", `4294967295`, ``},
	{"INT UNSIGNED", `-1`, `!Out of range`},
	{"BIGINT", `-9223372036854775808`, ``},
	{"BIGINT", `9223372036854775808`, `!Out of range`},
	{"BIGINT UNSIGNED", `18446744073709551615`, ``},
	{"BIGINT UNSIGNED", `9007199254740993`, ``},
	{"DECIMAL(65,30)", `12345678901234567890123456789012345.123456789012345678901234567890`, `12345678901234567890123456789012345.12345678901234567890123456789`},
	{"DECIMAL(10,2)", `0.10`, `0.1`},
	{"DECIMAL(10,2)", `0.125`, `!round`},
	{"DECIMAL(10,2)", `123456789`, `!Out of range`},
	{"DECIMAL(10,2)", `-0.5`, ``},
	{"FLOAT", `0.1`, ``},
	{"FLOAT", `16777217`, `!round`},
	{"DOUBLE", `0.1`, ``},
	{"DOUBLE", `1.5e20`, `150000000000000000000`},
	{"DOUBLE", `9007199254740993`, `!round`},
	{"BIT(1)", `true`, ``},
	{"BIT(8)", `255`, ``},
	{"BIT(64)", `18446744073709551615`, ``},
	{"BIT(8)", `256`, `!Data too long`},
	{"YEAR", `1999`, ``},
	{"YEAR", `24`, `!keeps no such value`},
	{"DATE", `"2024-02-29"`, ``},
	{"DATE", `"2023-02-29"`, `!ISO`},
	{"DATE", `"2024-02-29T10:00:00Z"`, `!ISO`},
	{"DATE", `20240229`, `!ISO`},
	{"DATETIME", `"2024-02-29T10:11:12Z"`, ``},
	{"DATETIME", `"2024-02-29T10:11:12.5Z"`, `!digits of a second`},
	{"DATETIME(6)", `"2024-02-29T10:11:12.123456Z"`, ``},
	{"DATETIME(3)", `"2024-02-29T12:11:12.5+02:00"`, `"2024-02-29T10:11:12.5Z"`},
	{"TIMESTAMP(6)", `"2024-02-29T10:11:12.1Z"`, ``},
	{"TIMESTAMP NULL", `"1960-01-01T00:00:00Z"`, `!Incorrect datetime value`},
	{"TIME", `"10:11:12"`, ``},
	{"TIME", `"-120:00:00"`, ``},
	{"TIME", `"-00:00:01"`, ``},
	{"TIME", `"36:00:00.5"`, `!digits of a second`},
	{"TIME", `"839:00:00"`, `!Incorrect time value`},
	{"TIME(3)", `"10:11:12.5"`, ``},
	{"TIME(3)", `"10:11:12.500"`, `"10:11:12.5"`},
	{"TIME(3)", `"-838:59:59.5"`, ``},
	{"TIME(3)", `"120:00:00.1234"`, `!digits of a second`},
	{"TIME(3)", `"120:60:00"`, `!Incorrect time value`},
	{"TIME(3)", `"120:00:00."`, `!ISO`},
	{"TIME", `"10"`, `!ISO`},
	{"CHAR(4)", `"é😀"`, ``},
	{"CHAR(4)", `"a  "`, `"a"`},
	{"VARCHAR(3)", `"abc"`, ``},
	{"VARCHAR(3)", `"abcd"`, `!Data too long`},
	{"VARCHAR(20)", `12.50`, `"12.5"`},
	{"VARCHAR(20) CHARACTER SET latin1", `"é"`, ``},
	{"VARCHAR(20) CHARACTER SET latin1", `"😀"`, `!Incorrect string value`},
	{"TEXT", `"line\nline\u0000 \\ ' \" ?1 :x"`, ``},
	{"LONGTEXT", `""`, ``},
	{"ENUM('a','b','1')", `"b"`, ``},
	{"ENUM('a','b','1')", `"1"`, ``},
	{"ENUM('a','b','1')", `"2"`, `!no such member`},
	{"ENUM('a','b','1')", `"c"`, `!Data truncated`},
	{"SET('x','y')", `"x,y"`, ``},
	{"JSON", `[1,{"a":"é","b":12345678901234567890.5}]`, ``},
	{"JSON", `"{ \"a\": 1.50 }"`, `{"a":1.50}`},
	{"JSON", `"no json"`, `!CONSTRAINT`},
	{"LONGTEXT", `{"a":[1]}`, `"{\"a\":[1]}"`},
	{"BLOB", `"x"`, `!bytes`},
	{"INT", `null`, ``},
	{"INT NOT NULL", `null`, `!cannot be null`},
}

// testMySQLTypes writes each value into a column of its type and reads it back
// by the sink's own eyes.
func testMySQLTypes(t *testing.T, server *mysqltest.Server) {
	address := server.Create(t, "types")
	for _, c := range mysqlTypes {
		t.Run(c.column+" "+c.value[:min(30, len(c.value))], func(t *testing.T) {
			server.Exec(t, "types", "CREATE OR REPLACE TABLE people (id VARCHAR(10) PRIMARY KEY, v "+c.column+")")
			typ := ""
			if strings.HasPrefix(c.column, "DATETIME") {
				typ = "datetime"
			}
			s := mysqlSink(t, address, Config{}, record.Shape{
				Fields: []record.Field{{Name: "id", Send: true}, {Name: "v", Type: typ, Send: true}},
				Key:    []record.KeyField{{Name: "id", Source: "id"}},
			})
			change := create("k", `{"id":"k","v":`+c.value+`}`)
			got := outcomes(t, s, change)
			if refusal, ok := strings.CutPrefix(c.want, "!"); ok {
				if !strings.HasPrefix(got, "1 ") || !strings.Contains(got, refusal) {
					t.Errorf("outcome: %s", got)
				}
				return
			}
			found, err := s.Find(t.Context(), []record.Change{change})
			if err != nil || got != "applied\n" {
				t.Fatalf("outcome %q, found: %v", got, err)
			}
			want := c.want
			if want == "" {
				want = c.value
			}
			if diff := cmp.Diff(`{"id":"k","v":`+want+`}`, string(found[0].Row)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// testMySQLMade writes what the sink makes columns for, and reads it back.
func testMySQLMade(t *testing.T, server *mysqltest.Server) {
	address := server.Create(t, "made")
	shape := record.Shape{Key: []record.KeyField{{Name: "id", Source: "id"}}, Fields: []record.Field{
		{Name: "id", Send: true}, {Name: "s", Type: "string", Send: true}, {Name: "n", Type: "number", Send: true}, {Name: "i", Type: "integer", Send: true},
		{Name: "b", Type: "bool", Send: true}, {Name: "d", Type: "date", Send: true}, {Name: "t", Type: "datetime", Send: true},
		{Name: "l", Type: "list", Send: true}, {Name: "o", Type: "object", Send: true}, {Name: "any", Send: true}, {Name: "num", Send: true},
	}}
	s := mysqlSink(t, address, Config{Create: true}, shape)
	body := `{"any":"x","b":true,"d":"2024-02-29","i":9007199254740993,"id":"K ","l":[1,null],"n":12345678901234567890.25,"num":1.5,"o":{"a":"b"},"s":"é","t":"2024-02-29T10:11:12.25Z"}`
	lower := strings.NewReplacer(`"K "`, `"k "`).Replace(body)
	bare := strings.NewReplacer(`"K "`, `"K"`).Replace(body)
	changes := []record.Change{create("K ", body), create("k ", lower), create("K", bare)}
	if got := outcomes(t, s, changes...); got != "applied\napplied\napplied\n" {
		t.Fatal(got)
	}
	found, err := s.Find(t.Context(), changes)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{body, lower, bare} {
		if diff := cmp.Diff(want, string(found[i].Row)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// testMySQLKeys holds the folding of keys against what the database calls
// equal.
func testMySQLKeys(t *testing.T, server *mysqltest.Server) {
	address := server.Create(t, "folding")
	words := []string{"Strasse", "straße", "STRASSE", "strasse ", " strasse", "é", "e\u0301", "E", "ё", "Ё", "е", "😀", "🙈", "ﬁ", "fi", "Å", "A", "ä", "ij", "ĳ", "x\u00ad", "x", "1", "١", "ａ", "a-b", "ab"}
	for _, collation := range []string{"utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci", "utf8mb4_bin", "utf8mb4_nopad_bin",
		"utf8mb4_unicode_nopad_ci", "utf8mb4_uca1400_ai_ci", "utf8mb4_uca1400_as_cs", "utf8mb4_swedish_ci", "utf8mb3_general_ci"} {
		t.Run(collation, func(t *testing.T) {
			set, _, _ := strings.Cut(collation, "_")
			server.Exec(t, "folding", "CREATE OR REPLACE TABLE people (id VARCHAR(30) CHARACTER SET "+set+" COLLATE "+collation+" PRIMARY KEY)")
			s := mysqlSink(t, address, Config{}, record.Shape{Fields: []record.Field{{Name: "id", Send: true}}, Key: []record.KeyField{{Name: "id", Source: "id"}}})
			var equal strings.Builder
			equal.WriteString("SELECT CONCAT_WS(' '")
			for _, w := range words {
				for _, x := range words {
					fmt.Fprintf(&equal, ", CONVERT(_utf8mb4'%s' USING %s) = CONVERT(_utf8mb4'%s' USING %s) COLLATE %s", w, set, x, set, collation)
				}
			}
			answers := strings.Fields(server.Query(t, "folding", equal.String()+")"))
			for i, a := range words {
				for j, b := range words {
					if set == "utf8mb3" && strings.ContainsAny(a+b, "😀🙈") {
						continue // the column does not take them
					}
					want := answers[i*len(words)+j] == "1"
					if folded := s.Fold(record.Key(a)) == s.Fold(record.Key(b)); folded != want {
						t.Errorf("%q and %q: folded alike %t, equal %t", a, b, folded, want)
					}
				}
			}
		})
	}
}

// testMySQLUnique shows that a row is never written through another unique
// index than the key's.
func testMySQLUnique(t *testing.T, server *mysqltest.Server) {
	address := server.Create(t, "uniq")
	server.Exec(t, "uniq", `CREATE TABLE teams (id INT PRIMARY KEY);
		CREATE TABLE people (id VARCHAR(10) PRIMARY KEY, mail VARCHAR(50), team INT, other INT DEFAULT 7, UNIQUE mail_once (mail(10)), FOREIGN KEY (team) REFERENCES teams (id));
		INSERT INTO teams VALUES (1); INSERT INTO people VALUES ('theirs', 'a@example.org', 1, 8)`)
	s := mysqlSink(t, address, Config{Answer: []string{"other"}}, record.Shape{
		Fields: []record.Field{{Name: "id", Send: true}, {Name: "mail", Send: true}, {Name: "team", Send: true}},
		Key:    []record.KeyField{{Name: "id", Source: "id"}},
	})
	got := outcomes(t, s,
		create("ours", `{"id":"ours","mail":"a@example.org","team":1}`),
		create("fk", `{"id":"fk","mail":"b@example.org","team":2}`),
		create("fine", `{"id":"fine","mail":"c@example.org","team":1}`),
		create("fine", `{"id":"fine","mail":"d@example.org","team":1}`))
	want := []string{"1 true Duplicate entry 'a@example.' for key 'mail_once'", "1 true Cannot add or update a child row", "applied", "applied"}
	for i, line := range strings.Split(strings.TrimSpace(got), "\n") {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("outcome %d: %s", i, line)
		}
	}
	rows := server.Query(t, "uniq", "SELECT * FROM people ORDER BY id")
	if diff := cmp.Diff("fine\td@example.org\t1\t7\ntheirs\ta@example.org\t1\t8\n", rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out, err := s.Write(t.Context(), []record.Change{update("fine", `{"id":"fine","mail":"d@example.org","team":1}`, `{"id":"fine","mail":"e@example.org","team":1}`, "mail")})
	if err != nil || string(out[0].Answer) != `{"other":7}` || out[0].Status != connector.Applied {
		t.Errorf("update: %+v, %v", out, err)
	}
}

// TestMySQLMatchFolds: rows are matched as the field is compared, also where
// the column tells letters of another case apart.
func TestMySQLMatchFolds(t *testing.T) {
	server := mysqltest.Start(t)
	address := server.Create(t, "target")
	server.Exec(t, "target", "CREATE TABLE staff (row INT AUTO_INCREMENT PRIMARY KEY, id VARCHAR(20) UNIQUE, mail VARCHAR(50) COLLATE utf8mb4_bin, score INT); INSERT INTO staff (mail) VALUES (' Old@x.EXAMPLE')")
	s := mysqlSink(t, address, Config{Table: "staff", Match: []string{"mail"}}, contacts())
	found, err := s.Match(t.Context(), []record.Change{contact(record.Create, "k1", "old@x.example", 5), contact(record.Create, "k2", "two@x.example", 5)})
	if err != nil || found[0].N != 1 || found[1].N != 0 {
		t.Errorf("match: %v: %+v", err, found)
	}
}
