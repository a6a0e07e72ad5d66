package cli

import "github.com/spf13/cobra"

func (a *app) graphVerb() *cobra.Command { return &cobra.Command{Use: "graph"} }
