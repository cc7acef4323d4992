package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// base64url refuses loose bits at the end; unlike it, the decoder passes over line ends.
var base64url = base64.RawURLEncoding.Strict()

// maxMoment is the last second of the year 9999.
const maxMoment = 253_402_300_799

var errJSON = errors.New("not one JSON object with each member once")

// parts is a token that was read and not proved.
type parts struct {
	// signed is what the signature is over.
	signed    []byte
	signature []byte
	algorithm Algorithm
	keyID     string
	typ       string
	issuer    string
	claims    object
}

// parse reads a token. It knows nothing of issuers.
func parse(compact string) (*parts, error) {
	head, rest, _ := strings.Cut(compact, ".")
	body, tail, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(tail, ".") {
		return nil, malformed("token")
	}
	header, err := part("token.header", head)
	if err != nil {
		return nil, err
	}
	claims, err := part("token.claims", body)
	if err != nil {
		return nil, err
	}
	signature, ok := decode(tail)
	if !ok {
		return nil, malformed("token.signature")
	}
	p := &parts{signed: []byte(compact[:len(head)+1+len(body)]), signature: signature, claims: claims}
	if err := p.readHeader(header); err != nil {
		return nil, err
	}
	if p.issuer, ok = claims.text("iss"); !ok {
		return nil, malformed("token.claims.iss")
	}
	return p, nil
}

// readHeader takes what a signature needs. Members that name keys are passed over; those that would change what the token
// means are refused: extensions (`crit`, `b64`), a token within (`cty`), encryption and compression.
func (p *parts) readHeader(header object) error {
	for _, name := range []string{"crit", "b64", "cty", "enc", "zip"} {
		if _, ok := header[name]; ok {
			return malformed("token.header." + name)
		}
	}
	algorithm, ok := header.text("alg")
	if !ok {
		return malformed("token.header.alg")
	}
	p.algorithm = Algorithm(algorithm)
	if p.keyID, ok = header.text("kid"); !ok || p.keyID == "" || len(p.keyID) > maxKeyID {
		return malformed("token.header.kid")
	}
	if _, given := header["typ"]; given {
		if p.typ, ok = header.text("typ"); !ok {
			return malformed("token.header.typ")
		}
	}
	return nil
}

func part(name, segment string) (object, error) {
	raw, ok := decode(segment)
	if !ok {
		return nil, malformed(name)
	}
	members, err := parseObject(raw)
	if err != nil || len(members) > maxMembers {
		return nil, malformed(name)
	}
	return members, nil
}

func decode(segment string) ([]byte, bool) {
	if strings.ContainsAny(segment, "\r\n") {
		return nil, false
	}
	raw, err := base64url.DecodeString(segment)
	return raw, err == nil
}

func malformed(field string) error {
	return fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MALFORMED, field)
}

// object is a JSON object with exact names, each once.
type object map[string]json.RawMessage

// parseObject reads one JSON object and nothing behind it. No object in it, at whatever depth, has a name twice, by whatever
// escapes; no text holds half a character.
func parseObject(raw []byte) (object, error) {
	if !utf8.Valid(raw) {
		return nil, errJSON
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, errJSON
	}
	if err := inside(d, '{', 1); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errJSON
	}
	var members object
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, errJSON
	}
	return members, nil
}

// inside reads on to the end of an object or list that has begun.
func inside(d *json.Decoder, kind json.Delim, depth int) error {
	if depth > maxDepth {
		return errJSON
	}
	names := map[string]bool{}
	for d.More() {
		if kind == '{' {
			t, err := d.Token()
			name, ok := t.(string)
			if err != nil || !ok || names[name] || broken(name) {
				return errJSON
			}
			names[name] = true
		}
		t, err := d.Token()
		if err != nil {
			return errJSON
		}
		switch v := t.(type) {
		case json.Delim:
			if err := inside(d, v, depth+1); err != nil {
				return err
			}
		case string:
			if broken(v) {
				return errJSON
			}
		}
	}
	if _, err := d.Token(); err != nil {
		return errJSON
	}
	return nil
}

// broken reports whether a text holds what the decoder puts for half a character, so that two texts could become one.
func broken(s string) bool { return strings.ContainsRune(s, utf8.RuneError) }

// text returns a member that is a text.
func (o object) text(name string) (string, bool) {
	return textOf(o[name])
}

func textOf(raw json.RawMessage) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// texts returns a member that is a text or a list of texts.
func (o object) texts(name string) ([]string, bool) {
	if s, ok := o.text(name); ok {
		return []string{s}, true
	}
	var list []json.RawMessage
	if raw := o[name]; len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &list) != nil || len(list) > maxAudience {
		return nil, false
	}
	all := make([]string, len(list))
	for i, raw := range list {
		s, ok := textOf(raw)
		if !ok {
			return nil, false
		}
		all[i] = s
	}
	return all, true
}

// moment returns a member that is a NumericDate, to the second: digits, perhaps with a fraction, which is passed over. ok is
// false if it is anything else; found says whether it is there.
func (o object) moment(name string) (at time.Time, found, ok bool) {
	raw, found := o[name]
	if !found {
		return time.Time{}, false, true
	}
	whole, fraction, dot := strings.Cut(string(raw), ".")
	if dot && !digits(fraction) || !digits(whole) {
		return time.Time{}, true, false
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds > maxMoment {
		return time.Time{}, true, false
	}
	return time.Unix(seconds, 0).UTC(), true, true
}

func digits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
