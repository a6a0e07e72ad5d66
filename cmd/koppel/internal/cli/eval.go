package cli

import "github.com/spf13/cobra"

func (a *app) evalVerb() *cobra.Command { return &cobra.Command{Use: "eval"} }
