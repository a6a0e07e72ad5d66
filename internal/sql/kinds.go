package sql

import "koppel/engine/connector"

// Kinds are the connection kinds of databases; each opens a *DB.
func Kinds() []connector.Kind[any] {
	return []connector.Kind[any]{SQLiteKind(), MySQLKind()}
}

// Located is a connection's configuration that tells, offline, which table a
// name stands for: the same text for the same table, without secrets.
type Located interface{ Locate(table string) string }
