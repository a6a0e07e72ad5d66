// Command koppel keeps systems in step with each other, as files declare it.
package main

import (
	"os"

	"koppel/cmd/koppel/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
