package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// size is a number of bytes as people write it: `500MiB`, `20GiB`; 0 stands alone.
type size int64 //nolint:recvcheck // kong decodes into it; it prints as a value

// units are what a size is counted in, the largest first.
func units() []struct {
	name  string
	bytes int64
} {
	return []struct {
		name  string
		bytes int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}}
}

// Decode reads a size for kong. A number without a unit is refused: 20 would be twenty bytes to some and 20 GiB to others.
func (s *size) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("size", &text); err != nil {
		return fmt.Errorf("a size is missing behind it, e.g. 20GiB")
	}
	if text == "0" {
		*s = 0
		return nil
	}
	for _, u := range units() {
		digits, found := strings.CutSuffix(text, u.name)
		if n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64); found && err == nil && n > 0 && n <= math.MaxInt64/u.bytes {
			*s = size(n * u.bytes)
			return nil
		}
	}
	return fmt.Errorf("%q is no size; write a whole number and its unit (MiB, GiB or TiB), e.g. 20GiB, or 0", text)
}

// String is the size in the largest unit that takes it whole.
func (s size) String() string {
	for _, u := range units() {
		if s > 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
