package cli

import "github.com/spf13/cobra"

func (a *app) fmtVerb() *cobra.Command { return &cobra.Command{Use: "fmt"} }
