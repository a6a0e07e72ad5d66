// Package sources lists the kinds of sources that are built in.
package sources

//go:generate go run koppel/internal/kindlist -type Source
