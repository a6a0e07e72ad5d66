package sql

import (
	"testing"
	"time"
)

// TestPlace holds that a place is that of the rows: another password, user or
// timeout leaves it, another server, database or search path does not.
func TestPlace(t *testing.T) {
	place := func(url string) string {
		t.Helper()
		open := map[byte]func() (*DB, error){
			'p': func() (*DB, error) { return NewPostgres(url, "", 0) },
			'm': func() (*DB, error) { return NewMySQL(url, "", time.Second, 0) },
			's': func() (*DB, error) { return NewSQLServer(url, time.Second, 0) },
		}[url[0]]
		db, err := open()
		if err != nil {
			t.Fatal(err)
		}
		return db.Place
	}
	tests := map[string]struct {
		url             string
		same, different []string
	}{
		"postgres": {
			"postgres://ann:x@db.example/hr",
			[]string{"postgres://ann:y@db.example/hr", "postgresql://bob@db.example:5432/hr?sslmode=require&connect_timeout=3"},
			[]string{"postgres://ann:x@db2.example/hr", "postgres://ann:x@db.example:5433/hr", "postgres://ann:x@db.example/crm",
				"postgres://ann:x@db.example/hr?search_path=old", "postgres://ann:x@db.example/hr?options=-csearch_path%3Dold"},
		},
		"mysql": {
			"mysql://ann:x@db.example/hr",
			[]string{"mysql://ann:y@DB.example/hr", "mariadb://bob@db.example:3306/hr?timeout=3s&tls=skip-verify"},
			[]string{"mysql://ann:x@db2.example/hr", "mysql://ann:x@db.example:3307/hr", "mysql://ann:x@db.example/crm", "mysql://ann:x@db.example/hr?socket=/run/m"},
		},
		"sqlserver": {
			"sqlserver://ann:x@db.example?database=hr",
			[]string{"sqlserver://ann:y@DB.example?database=hr", "sqlserver://bob@db.example:1433?database=hr&TrustServerCertificate=true"},
			[]string{"sqlserver://ann:x@db2.example?database=hr", "sqlserver://ann:x@db.example:1434?database=hr", "sqlserver://ann:x@db.example?database=crm",
				"sqlserver://ann:x@db.example/b?database=hr"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			base := place(test.url)
			for _, url := range test.same {
				if got := place(url); got != base {
					t.Errorf("%s: %s, want %s", url, got, base)
				}
			}
			for _, url := range test.different {
				if got := place(url); got == base {
					t.Errorf("%s: %s as well", url, got)
				}
			}
		})
	}
}
