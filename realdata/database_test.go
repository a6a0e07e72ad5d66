package realdata_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/internal/sql/mysqltest"
	"koppel/internal/sql/postgrestest"
)

// A database is one that sets are brought into.
type database struct {
	// connection is the block of the connection to the address var.url.
	connection string
	// create makes a database of that name and gives its address, and what reads
	// the rows of its table without Koppel: text, float64 or nil by column.
	create func(t *testing.T, name string) (url string, rows func() ([]map[string]any, error))
}

// hcl is what a set's project lacks.
func (d database) hcl() string {
	return `variable "url" {
  type      = string
  sensitive = true
}
` + d.connection + `
sink "sql" "records" {
  connection = connection.` + strings.ReplaceAll(strings.Fields(d.connection)[1], `"`, "") + `.target
  table      = "records"
}
`
}

func openSQLite(*testing.T) database {
	return database{
		connection: `connection "sqlite" "target" { path = nonsensitive(var.url) }`,
		create: func(t *testing.T, name string) (string, func() ([]map[string]any, error)) {
			path := filepath.Join(t.TempDir(), name+".db")
			return path, func() ([]map[string]any, error) { return sqliteRows(path) }
		},
	}
}

func sqliteRows(path string) (out []map[string]any, err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := conn.Close(); err == nil {
			err = closeErr
		}
	}()
	err = sqlitex.Execute(conn, "select * from records", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		row := map[string]any{}
		for i := range s.ColumnCount() {
			switch s.ColumnType(i) {
			case sqlite.TypeNull:
				row[s.ColumnName(i)] = nil
			case sqlite.TypeInteger, sqlite.TypeFloat:
				row[s.ColumnName(i)] = s.ColumnFloat(i)
			default:
				row[s.ColumnName(i)] = s.ColumnText(i)
			}
		}
		out = append(out, row)
		return nil
	}})
	return out, err
}

// openPostgres reads with psql, in the JSON that the server makes of a row.
func openPostgres(t *testing.T) database {
	server := postgrestest.Start(t)
	return database{
		connection: `connection "postgres" "target" { url = var.url }`,
		create: func(t *testing.T, name string) (string, func() ([]map[string]any, error)) {
			url := server.Create(t, name)
			return url, func() (out []map[string]any, err error) {
				for _, line := range server.Query(t, url, "SELECT row_to_json(r) FROM records r;") {
					var row map[string]any
					if err := json.Unmarshal([]byte(line), &row); err != nil {
						return nil, fmt.Errorf("%s: %w", line, err)
					}
					out = append(out, row)
				}
				for _, row := range out {
					for name, v := range row {
						if row[name], err = plain(v); err != nil {
							return nil, err
						}
					}
				}
				return out, nil
			}
		},
	}
}

// plain makes booleans numbers, and lists and objects text.
func plain(v any) (any, error) {
	switch v.(type) {
	case bool:
		return stored(v, nil)
	case []any, map[string]any:
		text, err := json.Marshal(v)
		return string(text), err
	}
	return v, nil
}

// openMySQL reads with the driver's own types.
func openMySQL(t *testing.T) database {
	server := mysqltest.Start(t)
	return database{
		connection: `connection "mysql" "target" { url = var.url }`,
		create: func(t *testing.T, name string) (string, func() ([]map[string]any, error)) {
			url := server.Create(t, name)
			return url, func() ([]map[string]any, error) {
				c := mysql.NewConfig()
				c.User, c.Passwd, c.Net, c.Addr, c.DBName = "koppel", "canary/1", "tcp", server.Address(), name
				return mysqlRows(c.FormatDSN())
			}
		},
	}
}

func mysqlRows(address string) (out []map[string]any, err error) {
	db, err := sql.Open("mysql", address)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := db.Close(); err == nil {
			err = closeErr
		}
	}()
	rows, err := db.Query("SELECT * FROM records")
	if err != nil {
		return nil, err
	}
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = &sql.NullString{}
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		row := map[string]any{}
		for i, c := range columns {
			if row[c.Name()], err = mysqlValue(values[i].(*sql.NullString), c.DatabaseTypeName()); err != nil {
				return nil, fmt.Errorf("column %s: %w", c.Name(), err)
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

func mysqlValue(v *sql.NullString, typ string) (any, error) {
	switch {
	case !v.Valid:
		return nil, nil
	case strings.HasSuffix(typ, "INT"), typ == "DECIMAL", typ == "DOUBLE":
		return strconv.ParseFloat(v.String, 64)
	}
	return v.String, nil
}
