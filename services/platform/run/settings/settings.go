// Package settings reads what an operator decides about a process: flags, environment variables and a JSON file, over a
// kong model. It also says what is set and where from, and writes the table of all settings.
//
// INV-SETTINGS-PRECEDENCE: a flag beats the environment, which beats the file, which beats the default.
// INV-SETTINGS-NOTHING-IGNORED: a name in the file, or a variable with the process's prefix, that is no setting is refused
// with the nearest name that is one; so is a value that cannot be read, with its name and where it stands.
//
// What a value means is checked by the process that uses it.
package settings

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"
)

// Flags are the settings about settings; a model embeds them.
type Flags struct {
	Config      File      `help:"File of settings: one JSON object, names as here without the dashes." placeholder:"FILE"`
	CheckConfig bool      `help:"Check all settings, print them with where each comes from, and end."`
	Settings    TableFlag `help:"Print the table of all settings and end."`
}

// flagsAbout are the flags that are no settings of what runs.
func flagsAbout() []string { return []string{"help", "config", "check-config", "settings", "version"} }

// Reader reads the settings of one command line. It is for one parse.
type Reader struct {
	// Prefix begins the environment variables that are the process's own: `COSO_PLANNINGD_`.
	Prefix string
	// Others begin variables that have the prefix and belong to other processes.
	Others []string

	file file
}

// Options let a parser read the environment and the file named by --config. Each setting of a command that has --config has a
// variable, the prefix and its name, unless the model names another; flags of other commands have those that the model names.
func (r *Reader) Options() []kong.Option {
	return append(readers(), kong.Resolvers(r), kong.WithBeforeResolve(r.file.open), kong.PostBuild(func(k *kong.Kong) error {
		k.Model.HelpFlag.Help = "Show this help and end."
		r.name(k.Model.Node)
		return nil
	}))
}

// name gives variables to what has none.
func (r *Reader) name(n *kong.Node) {
	configured := slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == "config" })
	for _, f := range n.Flags {
		if configured && len(f.Envs) == 0 && (f.Name == "config" || !slices.Contains(flagsAbout(), f.Name)) {
			f.Envs = []string{r.Prefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))}
			f.Tag.Envs = f.Envs
		}
	}
	for _, c := range n.Children {
		r.name(c)
	}
}

// Validate is for kong; names are checked by Check, which knows the command.
func (r *Reader) Validate(*kong.Application) error { return nil }

// Resolve answers what the file says about a flag that is set neither on the command line nor in the environment.
func (r *Reader) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if slices.Contains(flagsAbout(), flag.Name) || fromEnvironment(flag) != "" {
		return nil, nil //nolint:nilnil // kong's way to say: nothing
	}
	if err := r.readable(flag); err != nil {
		return nil, err
	}
	return r.file.values[flag.Name], nil
}

// readable says why what the file says about a flag cannot be its value.
func (r *Reader) readable(flag *kong.Flag) error {
	value, ok := r.file.values[flag.Name]
	if !ok {
		return nil
	}
	trial := reflect.New(flag.Target.Type()).Elem()
	if err := flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), trial); err != nil {
		return fmt.Errorf("in %s: %s", r.file.path, strings.TrimPrefix(err.Error(), "--"+flag.Name+": "))
	}
	return nil
}

// Check refuses what is in the file or in the environment and is no setting of the command that was parsed.
func (r *Reader) Check(ctx *kong.Context) error {
	var names, variables []string
	var wrong []error
	for _, f := range ctx.Flags() {
		if slices.Contains(flagsAbout(), f.Name) {
			continue
		}
		names = append(names, f.Name)
		if err := r.readable(f); err != nil { // what is overruled has not been read so far
			wrong = append(wrong, fmt.Errorf("--%s: %w", f.Name, err))
		}
	}
	for _, f := range allFlags(ctx.Model.Node) {
		variables = append(variables, f.Envs...)
	}
	for _, name := range r.file.names {
		if !slices.Contains(names, name) {
			wrong = append(wrong, fmt.Errorf("%s has the unknown setting %q%s", r.file.path, name, nearest(name, names)))
		}
	}
	for _, name := range r.strange(variables) {
		wrong = append(wrong, fmt.Errorf("the environment has the unknown setting %s%s", name, nearest(name, variables)))
	}
	return errors.Join(wrong...)
}

// strange are the variables with the process's prefix that nobody knows.
func (r *Reader) strange(known []string) []string {
	var out []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		others := slices.ContainsFunc(r.Others, func(p string) bool { return strings.HasPrefix(name, p) })
		if strings.HasPrefix(name, r.Prefix) && !others && !slices.Contains(known, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Setting is one setting in force.
type Setting struct{ Name, Value, From string }

// InForce lists the settings of the command that was parsed, in the order of --help, passwords left out.
func (r *Reader) InForce(ctx *kong.Context) []Setting {
	var out []Setting
	for _, f := range ctx.Flags() {
		if slices.Contains(flagsAbout(), f.Name) || f.Hidden {
			continue
		}
		out = append(out, Setting{Name: f.Name, Value: shown(f), From: r.from(ctx, f)})
	}
	return out
}

func (r *Reader) from(ctx *kong.Context, f *kong.Flag) string {
	for _, p := range ctx.Path {
		if p.Flag == f && !p.Resolved {
			return "command line"
		}
	}
	if name := fromEnvironment(f); name != "" {
		return "environment " + name
	}
	if _, ok := r.file.values[f.Name]; ok {
		return "file " + r.file.path
	}
	return "default"
}

// fromEnvironment is the variable that sets a flag; empty: none does.
func fromEnvironment(f *kong.Flag) string {
	for _, name := range f.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return name
		}
	}
	return ""
}

func shown(f *kong.Flag) string {
	switch v := f.Target.Interface().(type) {
	case []string:
		return quiet(strings.Join(v, ","))
	default:
		return quiet(fmt.Sprint(v))
	}
}

// quiet is a value as it may be shown.
func quiet(value string) string {
	if value == "" {
		return `""`
	}
	if u, err := url.Parse(value); err == nil && u.User != nil {
		return u.Redacted()
	}
	return value
}

// Print writes settings as aligned lines.
func Print(w io.Writer, all []Setting) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range all {
		if _, err := fmt.Fprintf(t, "%s\t%s\t%s\n", s.Name, s.Value, s.From); err != nil {
			return err
		}
	}
	return t.Flush()
}

func allFlags(n *kong.Node) []*kong.Flag {
	out := slices.Clone(n.Flags)
	for _, c := range n.Children {
		out = append(out, allFlags(c)...)
	}
	return out
}

// Report is what --check-config shows: the settings in force and the verdict. It answers what is wrong.
func Report(w io.Writer, process string, all []Setting, wrong error) error {
	if err := Print(w, all); err != nil || wrong != nil {
		return errors.Join(wrong, err)
	}
	_, err := fmt.Fprintf(w, "\n%s: all settings are good\n", process)
	return err
}
