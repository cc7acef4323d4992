package store

import (
	"encoding/binary"
	"math"
)

// Key is an order-preserving tuple: comparing two keys byte by byte compares their parts in turn. A text part is
// escaped and terminated, so the key of `u/1` is no prefix of the key of `u/10`; integers have a fixed width. The
// encoding is final: keys are stored in journals.
type Key []byte

// Terminator and escape of text parts: 0x00 0x01 ends a part, 0x00 0xff stands for 0x00 inside it.
const (
	textEscape     = 0x00
	textEnd        = 0x01
	textEscapedNUL = 0xff
)

// Text appends a text part.
func (k Key) Text(s string) Key {
	for i := range len(s) {
		if s[i] == textEscape {
			k = append(k, textEscape, textEscapedNUL)
			continue
		}
		k = append(k, s[i])
	}
	return append(k, textEscape, textEnd)
}

// Uint64 appends an unsigned integer part of 8 bytes.
func (k Key) Uint64(n uint64) Key { return binary.BigEndian.AppendUint64(k, n) }

// Int64 appends a signed integer part of 8 bytes; negative numbers sort first.
func (k Key) Int64(n int64) Key {
	return binary.BigEndian.AppendUint64(k, uint64(n)^(1<<63)) //nolint:gosec // the bit pattern is wanted
}

// Int32 appends a signed integer part of 4 bytes; negative numbers sort first.
func (k Key) Int32(n int32) Key {
	return binary.BigEndian.AppendUint32(k, uint32(n)^(1<<31)) //nolint:gosec // the bit pattern is wanted
}

// Descending appends an unsigned integer part that sorts from the largest to the smallest.
func (k Key) Descending(n uint64) Key { return k.Uint64(math.MaxUint64 - n) }

// Text starts a key with a text part.
func Text(s string) Key { return make(Key, 0, len(s)+2).Text(s) }

// Parts reads the parts of a key in order. Each method answers false, and leaves the rest unread, when the key does
// not hold such a part.
type Parts struct{ rest []byte }

// Split starts reading a key.
func (k Key) Split() *Parts { return &Parts{rest: k} }

// Text reads a text part.
func (p *Parts) Text() (string, bool) {
	var out []byte
	for i := 0; i+1 < len(p.rest); i++ {
		if p.rest[i] != textEscape {
			out = append(out, p.rest[i])
			continue
		}
		switch p.rest[i+1] {
		case textEnd:
			p.rest = p.rest[i+2:]
			return string(out), true
		case textEscapedNUL:
			out = append(out, 0)
			i++
		default:
			return "", false
		}
	}
	return "", false
}

// Uint64 reads an unsigned integer part.
func (p *Parts) Uint64() (uint64, bool) {
	if len(p.rest) < 8 {
		return 0, false
	}
	n := binary.BigEndian.Uint64(p.rest)
	p.rest = p.rest[8:]
	return n, true
}

// Int64 reads a signed integer part.
func (p *Parts) Int64() (int64, bool) {
	n, ok := p.Uint64()
	return int64(n ^ (1 << 63)), ok //nolint:gosec // the bit pattern is wanted
}

// Int32 reads a signed integer part of 4 bytes.
func (p *Parts) Int32() (int32, bool) {
	if len(p.rest) < 4 {
		return 0, false
	}
	n := binary.BigEndian.Uint32(p.rest)
	p.rest = p.rest[4:]
	return int32(n ^ (1 << 31)), true //nolint:gosec // the bit pattern is wanted
}

// Descending reads a part written by Key.Descending.
func (p *Parts) Descending() (uint64, bool) {
	n, ok := p.Uint64()
	return math.MaxUint64 - n, ok
}

// Done says whether every part was read.
func (p *Parts) Done() bool { return len(p.rest) == 0 }
