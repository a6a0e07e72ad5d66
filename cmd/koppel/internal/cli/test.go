package cli

import "github.com/spf13/cobra"

func (a *app) testVerb() *cobra.Command { return &cobra.Command{Use: "test"} }
