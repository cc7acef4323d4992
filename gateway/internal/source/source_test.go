package source

import "testing"

// All addresses of an IPv6 network are one source.
func TestSources(t *testing.T) {
	for given, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "pipe": "pipe",
	} {
		if got := Network(given); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
}
