package cli

import "github.com/spf13/cobra"

func (a *app) newVerb() *cobra.Command { return &cobra.Command{Use: "new"} }
