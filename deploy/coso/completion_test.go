package main

import (
	"os/exec"
	"strings"
	"testing"
)

// What a shell is offered: commands, flags, their values; nothing where a file is meant.
func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		typed []string
		want  string
	}{
		{nil, "up demo sign-in sign-out import approve export progress feed verify checkpoint certs backup reset-password administrator restore replicate doctor replicas completion version"},
		{[]string{"ver"}, "verify version"},
		{[]string{"feed", ""}, "status skip"},
		{[]string{"feed", "--data", "status", ""}, "status skip"},
		{[]string{"export", "--la"}, "--lang"},
		{[]string{"export", "--lang", ""}, "vi en"},
		{[]string{"export", "--lang=vi", "--ex"}, "--excel"},
		{[]string{"completion", ""}, "bash zsh fish"},
		{[]string{"import", "my-"}, ""},
		{[]string{"verify", "--data", ""}, ""},
		{[]string{"verify", "--v"}, "--verbose"},
		{[]string{"nothing", "such", "-"}, "--help --verbose"},
	} {
		out, _, err := run(t, append([]string{"complete", "--"}, c.typed...)...)
		if got := strings.Join(strings.Fields(out), " "); err != nil || got != c.want {
			t.Errorf("%q offers %q, want %q (%v)", c.typed, got, c.want, err)
		}
	}
}

// bash takes its script.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		out, _, err := run(t, "completion", shell)
		if err != nil || !strings.HasPrefix(out, "# coso completion "+shell) {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
		if shell != "bash" {
			continue
		}
		sh := exec.CommandContext(t.Context(), "bash", "-c", out+`
coso() { printf 'status\nskip\n'; }
COMP_WORDS=(coso feed s); COMP_CWORD=2; _coso; echo "${COMPREPLY[*]}"`)
		if said, err := sh.CombinedOutput(); err != nil || strings.Join(strings.Fields(string(said)), " ") != "status skip" {
			t.Errorf("bash says %v: %s", err, said)
		}
	}
	if _, _, err := run(t, "completion", "csh"); err == nil || !strings.Contains(err.Error(), "bash") {
		t.Errorf("another shell: %v", err)
	}
}
