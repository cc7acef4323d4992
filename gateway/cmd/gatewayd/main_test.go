package main

import (
	"bytes"
	"strings"
	"testing"

	"coso/services/platform/run/daemon"
)

// What the gateway itself would refuse is refused by a check, and nothing is opened for it.
func TestCheckConfig(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--hosts", "coso.example,office"}, ""},
		{[]string{"--hosts", "coso.example:80"}, `"coso.example:80" is not a host name`},
		{[]string{"--http", "0.0.0.0:80", "--award", "x"}, `--award: "x" is no address`},
		{[]string{"--http", "0.0.0.0:80", "--award", "x"}, `--http: "0.0.0.0:80": without sign-in only loopback`},
	} {
		var out bytes.Buffer
		err := daemon.Execute(t.Context(), program(), append(c.args, "--check-config"), &out, &out)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: says %v, want %s", c.args, err, c.want)
		}
		if err == nil && !strings.Contains(out.String(), "gatewayd: all settings are good") {
			t.Errorf("%v: says %s", c.args, &out)
		}
	}
}
