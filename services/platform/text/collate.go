package text

import (
	"bytes"
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// A collate.Collator is not safe for concurrent use, and building one is slow.
type collator struct {
	c   *collate.Collator
	buf collate.Buffer
}

var collators = sync.Pool{New: func() any {
	return &collator{c: collate.New(language.Vietnamese)}
}}

// SortKey returns bytes that order as the texts do in the Vietnamese alphabet (a ă â b c d đ e ê …; of two words that
// differ only in tone: ngang, huyền, hỏi, ngã, sắc, nặng). Texts equal to the collation but not the same bytes (other
// than in normalisation) are told apart, so that the order is total. Keys of one version of the program are comparable
// with one another only: they are not for storing.
func SortKey(s string) []byte {
	s = NFC(s)
	c := collators.Get().(*collator)
	defer collators.Put(c)
	c.buf.Reset()
	key := bytes.Clone(c.c.KeyFromString(&c.buf, s))
	return append(append(key, 0, 0), s...)
}

// Compare returns -1, 0 or +1 as a comes before, with or after b in the order of SortKey. It is 0 only for texts that
// are the same but for normalisation.
func Compare(a, b string) int {
	return bytes.Compare(SortKey(a), SortKey(b))
}
