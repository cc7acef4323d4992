// Package checkpoint signs what a journal is at a moment, so that another organisation can keep it, and holds journals
// against what was signed before. A note is a C2SP signed note whose text follows C2SP tlog-checkpoint: the origin, the
// number of entries, the hash of the last one, and lines of our own. The hash is that of a chain and not of a tree: whoever
// checks needs the whole journal, and has it.
//
// It leaves to others how a journal is walked (store.Walk), and in which words a person is told.
//
// INV-CHECKPOINT-ONCE: one end of a journal is signed once for each file: what is there is given again.
// INV-CHECKPOINT-APPEND: the file is only ever appended to. What a power cut has left half-written spoils no note.
// INV-CHECKPOINT-NEVER-FATAL: a note that cannot be signed or written is an alarm; the service goes on.
package checkpoint

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"coso/services/platform/civil"
	"coso/services/platform/store"

	"github.com/google/uuid"
)

// Checkpoint is the end of a journal at a moment.
type Checkpoint struct {
	// Installation is the name of the key's owner, Service whose journal it is.
	Installation, Service string
	// End is what the journal was.
	End store.End
	// Time is when it was signed, by the signer's clock, to the second.
	Time time.Time
}

// Origin names the journal: `<installation>/<service>`.
func (c Checkpoint) Origin() string { return c.Installation + "/" + c.Service }

// The words that begin the lines behind the hash.
const (
	wordIncarnation = "incarnation"
	wordContinues   = "continues"
	wordTime        = "time"
)

// text is what is signed.
func (c Checkpoint) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d\n%s\n", c.Origin(), c.End.Position, base64.StdEncoding.EncodeToString(c.End.Hash[:]))
	fmt.Fprintf(&b, "%s %s\n", wordIncarnation, c.End.Incarnation)
	for _, a := range c.End.Ancestors {
		fmt.Fprintf(&b, "%s %s %d\n", wordContinues, a.Incarnation, a.Position)
	}
	fmt.Fprintf(&b, "%s %s\n", wordTime, civil.Moment(c.Time))
	return b.String()
}

var (
	errShort  = errors.New("it has fewer lines than a checkpoint")
	errOrigin = errors.New("the first line is not <installation>/<service>")
	errHash   = errors.New("the third line is no SHA-256 in base64")
	errTwice  = errors.New("a line is there twice")
	errLacks  = errors.New("the line `incarnation` or `time` is missing")
	errOrder  = errors.New("the incarnations that it continues do not end one before the other")
)

// parse reads a text. Lines that begin with words of a later version are passed over.
func parse(lines []string) (c Checkpoint, err error) {
	if len(lines) < 5 {
		return c, errShort
	}
	at := strings.LastIndexByte(lines[0], '/')
	if at <= 0 || at == len(lines[0])-1 {
		return c, errOrigin
	}
	c.Installation, c.Service = lines[0][:at], lines[0][at+1:]
	if c.End.Position, err = number(lines[1]); err != nil {
		return c, err
	}
	hash, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(hash) != len(c.End.Hash) {
		return c, errHash
	}
	copy(c.End.Hash[:], hash)
	for _, line := range lines[3:] {
		word, rest, _ := strings.Cut(line, " ")
		if err := take(&c, word, rest); err != nil {
			return c, err
		}
	}
	if c.End.Incarnation == uuid.Nil || c.Time.IsZero() {
		return c, errLacks
	}
	last := c.End.Position
	for _, a := range c.End.Ancestors {
		if a.Position >= last {
			return c, errOrder
		}
		last = a.Position
	}
	return c, nil
}

// take reads a line behind the hash.
func take(c *Checkpoint, word, rest string) (err error) {
	switch word {
	case wordIncarnation:
		if c.End.Incarnation != uuid.Nil {
			return errTwice
		}
		c.End.Incarnation, err = incarnation(rest)
	case wordContinues:
		id, position, _ := strings.Cut(rest, " ")
		var a store.Ancestor
		if a.Incarnation, err = incarnation(id); err != nil {
			return err
		}
		if a.Position, err = number(position); err != nil {
			return err
		}
		c.End.Ancestors = append(c.End.Ancestors, a)
	case wordTime:
		if !c.Time.IsZero() {
			return errTwice
		}
		c.Time, err = time.Parse(time.RFC3339, rest)
	}
	return err
}

// number reads a position as it is written: without sign, spaces or leading zeros, and not 0.
func number(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%q is no position", s)
	}
	return n, nil
}

// incarnation reads a UUID as it is written.
func incarnation(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id == uuid.Nil || id.String() != s {
		return uuid.Nil, fmt.Errorf("%q is no incarnation", s)
	}
	return id, nil
}
