// Package sql is what the sql source and the sql sink share: databases behind
// one small interface, their dialects, values on their way between JSON and
// columns, and placeholders that are written the same on every database.
package sql
