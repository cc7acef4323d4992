package token

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"regexp"
	"strings"

	"coso/services/platform/access"
)

// collection begins the name of every principal that a token can prove.
const collection = "principals/"

// former is under whose name old journals hold what was done before there were identities.
const former = collection + "local"

// hashed is the length of the part of a foreign name that stands for issuer and subject: 160 bits, base32hex.
const hashed = 32

var (
	accountID   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	prefixForm  = regexp.MustCompile(`^[a-z][a-z0-9]{0,15}$`)
	foreignForm = regexp.MustCompile(`^[a-z][a-z0-9]{0,15}-[0-9a-v]{32}$`)
	lowerBase32 = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)
)

// AccountID reports whether an account of the installation may have this id: it has the form of a resource id, is not
// `local`, under whose name stands what was done before there were identities, nor `operator`, under which the operator's
// socket acts, and has not the form of a foreign name.
//
// INV-TOKEN-NAME rests on the form alone and not on the prefixes that are configured: `principals/lan` is an account, and
// `principals/sso-` with 32 characters behind it never is. If only the present prefixes were kept free, an issuer that is
// added later could find its names taken by accounts, and an account made after an issuer was removed could take the name,
// and with it the grants, of one of that issuer's users.
func AccountID(id string) bool {
	return accountID.MatchString(id) && collection+id != former && collection+id != access.Operator && !foreignForm.MatchString(id)
}

// ForeignID reports whether an id is of the form that other issuers' users have, and therefore no account's.
func ForeignID(id string) bool { return foreignForm.MatchString(id) }

// foreignName returns the name of another issuer's user. It depends on issuer and subject alone, so that it stays the same,
// and gives away neither. Issuers name their users as they like (mail addresses, numbers, capitals), hence the hash; 160
// bits are beyond finding a second subject with the name of a given one. The issuer is part of it, so that two issuers
// that are given one prefix at different times do not share names.
func foreignName(prefix, issuer, subject string) string {
	input := binary.BigEndian.AppendUint64(nil, uint64(len(issuer)))
	input = append(append(input, issuer...), subject...)
	sum := sha256.Sum256(input)
	return collection + prefix + "-" + lowerBase32.EncodeToString(sum[:])[:hashed]
}

// validSubject reports whether another issuer's subject can be told from all others: bounded, and of characters that are
// seen or a space.
func validSubject(s string) bool {
	return s != "" && len(s) <= maxSubject && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || 0x7f <= r && r <= 0x9f })
}
