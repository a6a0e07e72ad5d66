// Package sinks lists the kinds of sinks that are built in.
package sinks

//go:generate go run koppel/internal/kindlist -type Sink
