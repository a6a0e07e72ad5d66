package cli

import "github.com/spf13/cobra"

func (a *app) docsVerb() *cobra.Command { return &cobra.Command{Use: "docs"} }
