package text

import (
	"bytes"
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// collators keeps collators for reuse: one is not safe for concurrent use, and building one is slow.
var collators sync.Pool

// SortKey returns bytes that order as the texts do in the Vietnamese alphabet (a ă â b c d đ e ê …; of two words that
// differ only in tone: ngang, huyền, hỏi, ngã, sắc, nặng). Texts equal to the collation but not the same bytes (other
// than in normalisation) are told apart, so that the order is total. Keys of one version of the program are comparable
// with one another only: they are not for storing.
func SortKey(s string) []byte {
	s = NFC(s)
	c, ok := collators.Get().(*collate.Collator)
	if !ok {
		c = collate.New(language.Vietnamese)
	}
	defer collators.Put(c)
	key := c.KeyFromString(&collate.Buffer{}, s)
	return append(append(key, 0, 0), s...)
}

// Compare returns -1, 0 or +1 as a comes before, with or after b in the order of SortKey. It is 0 only for texts that
// are the same but for normalisation.
func Compare(a, b string) int {
	return bytes.Compare(SortKey(a), SortKey(b))
}
