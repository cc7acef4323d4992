package token

import "strings"

// What the installation's own tokens carry as `iss` and `aud`.
const (
	OwnIssuer   = "coso"
	OwnAudience = "coso"
)

// Header is the metadata in which a caller's token travels to a service: `Bearer <token>`.
const Header = "authorization"

// Bearer is the token of an authorization header (RFC 6750), perhaps an empty one; not ok for one of another scheme.
func Bearer(header string) (compact string, ok bool) {
	scheme, compact, ok := strings.Cut(header, " ")
	return compact, ok && strings.EqualFold(scheme, "bearer")
}
