// Package token proves who calls: it verifies signed JWTs (RFC 7519, compact JWS) of the issuers that the operator has
// named, and signs those of the installation's own accounts. It says who a caller is, not what it may do; it keeps no
// keys (the caller of Rotate does), and it knows no passwords.
//
// A token is accepted if its issuer is known, its algorithm is one pinned for that issuer out of EdDSA (Ed25519), ES256
// and RS256, a key that the issuer publishes for that algorithm now signed it, it was issued for this installation, and
// the clock lies between its moments. What a token says of keys (`jwk`, `jku`, `x5u`, `x5c`) is never looked at; what it
// says that must be understood (`crit`) is refused.
//
// INV-TOKEN-SIGNED: nothing is accepted that a published key of its issuer did not sign, for the algorithm that the key is
// published for; a remembered token ends when its key leaves the set.
// INV-TOKEN-NAME: no token of another issuer gives the name of an own account, or of a third issuer's user (principal.go).
// INV-TOKEN-SPELLING: of the spellings that base64 allows for the same bytes only one is a token (no padding, no line ends,
// no loose bits), and of JSON what two readers could read in two ways is none (no member twice, no half characters).
// INV-TOKEN-SILENT: no refusal repeats what stands in a token that was not proved.
// INV-TOKEN-KNOWN-KEY: a token of a known key is never kept waiting for its issuer, and tokens of unknown keys ask the
// issuer once every few seconds, however many they are.
// INV-TOKEN-STALE: the keys of an issuer that cannot be asked are believed for a stated time and no longer.
// INV-TOKEN-PUBLISHED: an own key is published before it signs (but for the first) and until all it signed has expired.
package token

import (
	"strings"
	"time"
)

// Limits of a token.
const (
	// MaxSize is the longest token, in bytes.
	MaxSize = 8 << 10
	// Leeway is how far the clocks of issuer and verifier may differ when a token was issued or begins to hold. An expired
	// token has none: it ends at its second.
	Leeway = 30 * time.Second

	maxMembers  = 100
	maxDepth    = 8
	maxSubject  = 255
	maxID       = 128
	maxScope    = 1024
	maxAudience = 16
	maxKeyID    = 256
)

// Claims are what a verified token says. They are a comparable value.
type Claims struct {
	// Principal is the resource name of who acts, e.g. `principals/lan` or `principals/sso-…` (see Issuer.Prefix).
	Principal string
	// Issuer is the URL of who proved it.
	Issuer string
	// Subject is what the issuer calls it, never empty.
	Subject string
	// ID tells the token from others of its issuer; empty if the issuer gives none.
	ID string
	// IssuedAt is when it was issued; zero if the issuer does not say.
	IssuedAt time.Time
	// Expires is the first moment at which it does not hold any more.
	Expires time.Time
	// Scope is what the token is narrowed to; empty if it is not.
	Scope Scope
}

// Scope is a list of words with one space between them (RFC 6749 §3.3). An own token without a scope stands for all that
// its principal may do; one with a scope for that part. Another issuer's words are its own (`openid profile`): who asks
// for a word of coso's refuses them, which errs on the safe side.
type Scope string

// Has reports whether word is one of the scope's.
func (s Scope) Has(word string) bool {
	for w := range strings.SplitSeq(string(s), " ") {
		if w == word {
			return word != ""
		}
	}
	return false
}

// valid reports whether s is a scope: empty, or words of the characters that RFC 6749 allows.
func (s Scope) valid() bool {
	if s == "" {
		return true
	}
	for w := range strings.SplitSeq(string(s), " ") {
		if w == "" || strings.ContainsFunc(w, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return false
		}
	}
	return len(s) <= maxScope
}
