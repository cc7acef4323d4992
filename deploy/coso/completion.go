package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCommand prints what a shell needs to complete coso's command lines.
type completionCommand struct {
	Shell string `arg:"" help:"Which shell: bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Run prints the shell's script, which asks `coso complete` for words. How to use it stands in its first line.
func (c completionCommand) Run(s streams) error {
	_, err := fmt.Fprint(s.out, completionScripts[c.Shell])
	return err
}

var completionScripts = map[string]string{
	"bash": `# coso completion bash > ~/.local/share/bash-completion/completions/coso
_coso() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$(coso complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o bashdefault -o default -F _coso coso
`,
	"zsh": `# coso completion zsh > ~/.zfunc/_coso, with fpath+=~/.zfunc before compinit in ~/.zshrc
#compdef coso
local -a found
found=("${(@f)$(coso complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
if [[ -n "${found[1]}" ]]; then compadd -- "${found[@]}"; else _files; fi
`,
	"fish": `# coso completion fish > ~/.config/fish/completions/coso.fish
complete -c coso -a '(coso complete -- (commandline -opc)[2..] (commandline -ct))'
`,
}

// completeCommand answers shells.
type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words of the command line behind coso, the last one as far as it is typed."`
}

// Run prints the words that may stand where the last one is typed, a line each; none where a file or free text is meant.
func (c completeCommand) Run(s streams, k *kong.Kong) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, w := range candidates(k.Model.Node, words) {
		if _, err := fmt.Fprintln(s.out, w); err != nil {
			return err
		}
	}
	return nil
}

// candidates walks down the commands that are typed and lists what may come: a flag's values behind a flag, flags behind a
// hyphen, else commands or an argument's values.
func candidates(at *kong.Node, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	typed, word := words[:len(words)-1], words[len(words)-1]
	var pending *kong.Flag // a flag that waits for its value
	for _, w := range typed {
		if pending != nil {
			pending = nil
			continue
		}
		if strings.HasPrefix(w, "-") {
			if f := flagOf(at, w); f != nil && !f.IsBool() && !strings.Contains(w, "=") {
				pending = f
			}
			continue
		}
		for _, child := range at.Children {
			if child.Name == w {
				at = child
			}
		}
	}
	switch {
	case pending != nil:
		return starting(word, pending.EnumSlice())
	case strings.HasPrefix(word, "-"):
		return starting(word, flagsOf(at))
	}
	var all []string
	for _, child := range at.Children {
		if !child.Hidden {
			all = append(all, child.Name)
		}
	}
	for _, p := range at.Positional {
		all = append(all, p.EnumSlice()...)
	}
	return starting(word, all)
}

// flagOf finds a flag of a command or of those above it.
func flagOf(at *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for ; at != nil; at = at.Parent {
		for _, f := range at.Flags {
			if f.Name == name || f.Short != 0 && string(f.Short) == name {
				return f
			}
		}
	}
	return nil
}

func flagsOf(at *kong.Node) (all []string) {
	for ; at != nil; at = at.Parent {
		for _, f := range at.Flags {
			if !f.Hidden {
				all = append(all, "--"+f.Name)
			}
		}
	}
	return all
}

func starting(prefix string, all []string) (out []string) {
	for _, w := range all {
		if w != "" && strings.HasPrefix(w, prefix) {
			out = append(out, w)
		}
	}
	return out
}
