package guard

import (
	"net/url"
	"strings"
)

// plainPath reports whether the path has one reading: no percent escape, no character that a name or a route cannot
// have, no `.`, `..` or empty segment (the last may be empty: a trailing slash is an unknown route, not a trick).
func plainPath(u *url.URL) bool {
	// net/url keeps RawPath when the escapes sent are not the ones it would write itself.
	if u.RawPath != "" || !strings.HasPrefix(u.Path, "/") {
		return false
	}
	for rest, more := u.Path[1:], true; more; {
		var s string
		s, rest, more = strings.Cut(rest, "/")
		if s == "." || s == ".." || s == "" && more {
			return false
		}
	}
	return !strings.ContainsFunc(u.Path, func(c rune) bool { return !pathChar(c) })
}

func pathChar(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.ContainsRune("/:-._~", c)
}
