// Command koppel keeps systems in step with each other, as files declare it.
package main

import (
	"os"
	"runtime/debug"

	"koppel/cmd/koppel/internal/cli"
)

//go:generate go run koppel/cmd/koppel docs --out ../../docs/reference

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // most of what a run makes is short-lived, and its memory is bounded
	}
	os.Exit(cli.Main(os.Args[1:]))
}
