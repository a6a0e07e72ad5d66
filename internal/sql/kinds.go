package sql

import (
	"fmt"

	"koppel/engine/connector"
)

// Kinds are the connection kinds of databases; each opens a *DB.
func Kinds() []connector.Kind[any] {
	return []connector.Kind[any]{SQLiteKind(), PostgresKind(), MySQLKind(), SQLServerKind()}
}

// Located is a connection's configuration that tells, offline, which table a
// name stands for: the same text for the same table, without secrets; empty
// when what it rests on is not known yet.
type Located interface{ Locate(table string) string }

// Named puts the address of a connection before the error of opening it.
func Named(c connector.Connection, err error) error {
	if err == nil || c.Address == "" {
		return err
	}
	return fmt.Errorf("%s: %w", c.Address, err)
}
