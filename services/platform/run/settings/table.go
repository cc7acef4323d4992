package settings

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// TableFlag prints the table of all settings and ends.
type TableFlag bool

// BeforeReset prints the table of the command that was named: nothing else of the command line counts.
func (TableFlag) BeforeReset(app *kong.Kong, ctx *kong.Context) error {
	node := ctx.Selected()
	if node == nil {
		node = app.Model.Node
	}
	if err := Table(app.Stdout, node); err != nil {
		return err
	}
	app.Exit(0)
	return nil
}

// Table writes every setting of a node, in the order of --help, as rows of a Markdown table: name, environment variable,
// default, meaning.
func Table(w io.Writer, n *kong.Node) error {
	if _, err := io.WriteString(w, "| setting | environment | default | meaning |\n|---|---|---|---|\n"); err != nil {
		return err
	}
	for _, f := range n.Flags {
		if f.Hidden || f.Name == "help" || f.Name == "version" {
			continue
		}
		value := ""
		if f.HasDefault {
			value = "`" + f.Default + "`"
		}
		variable := strings.Join(f.Envs, "`, `")
		if variable != "" {
			variable = "`" + variable + "`"
		}
		if _, err := fmt.Fprintf(w, "| `--%s` | %s | %s | %s |\n", f.Name, variable, value, f.Help); err != nil {
			return err
		}
	}
	return nil
}
