// Command koppel keeps systems in step with each other, as files declare it.
package main

import (
	"os"

	"koppel/cmd/koppel/internal/cli"
)

//go:generate go run koppel/cmd/koppel docs --out ../../docs/reference

func main() { os.Exit(cli.Main(os.Args[1:])) }
