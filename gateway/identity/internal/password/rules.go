package password

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"coso/services/platform/fault"
	"coso/services/platform/text"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// What a password must be. There are no rules on which characters it has (NIST SP 800-63B-4, 3.1.1.2): they make passwords
// that are hard to remember and easy to guess.
const (
	minChars = 12
	maxBytes = 128
	// minDistinct is how many different characters a password has at least.
	minDistinct = 5
	// minLeft is how many characters must be left of a password without what everybody thinks of first.
	minLeft = 6
	// minRow is how long a row of neighbours is that counts as one.
	minRow = 4
	// minName is how long a user name is that a password must not hold; shorter ones are part of many words.
	minName = 3
)

// common is what people in Viet Nam and elsewhere think of first, folded.
var common = []string{
	"matkhau", "password", "passwd", "admin", "administrator", "root", "login", "welcome", "letmein", "dangnhap", "taikhoan",
	"coso", "dangvien", "dangbo", "chibo", "congdoan", "doanvien", "doanthanhnien", "cuuchienbinh", "tochuc", "quantri",
	"vietnam", "hanoi", "saigon", "danang", "haiphong", "hochiminh", "tphcm",
	"iloveyou", "anhyeuem", "emyeuanh", "yeuem", "yeuanh", "conyeu", "giadinh", "hanhphuc", "maimai",
	"monkey", "dragon", "master", "sunshine", "princess", "football", "superman", "abc", "xyz", "pass",
}

// rows are what lies side by side on a keyboard, or in an alphabet.
var rows = []string{"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qazwsxedcrfvtgbyhnujmikolp", "1qaz2wsx3edc4rfv"}

// Check refuses a new password, sent in a field, that is too short, too long, holds the user name or is easy to guess: all
// InvalidArgument. It never repeats the password.
func Check(field, password, username string) error {
	password = text.NFC(password)
	if n := utf8.RuneCountInString(password); n < minChars {
		return fault.InvalidArgument(faultpb.Reason_REASON_PASSWORD_TOO_SHORT, field, "value", strconv.Itoa(n), "limit", strconv.Itoa(minChars))
	}
	if n := len(password); n > maxBytes {
		return fault.InvalidArgument(faultpb.Reason_REASON_PASSWORD_TOO_LONG, field, "value", strconv.Itoa(n), "limit", strconv.Itoa(maxBytes))
	}
	plain := plainOf(password)
	if name := plainOf(username); len(name) >= minName && strings.Contains(plain, name) {
		return fault.InvalidArgument(faultpb.Reason_REASON_PASSWORD_HOLDS_NAME, field)
	}
	if distinct(plain) < minDistinct || repeats(plain) || left(plain) < minLeft || left(asLetters.Replace(plain)) < minLeft {
		return fault.InvalidArgument(faultpb.Reason_REASON_PASSWORD_TOO_SIMPLE, field)
	}
	return nil
}

// asLetters reads digits as the letters that they are written for.
var asLetters = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s")

// left is how much of a text is not what everybody thinks of first.
func left(plain string) int { return utf8.RuneCountInString(withoutRows(withoutCommon(plain))) }

// plainOf is a text without case, marks, spaces and signs, and with letters for the signs that are written for them.
func plainOf(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			return -1
		}
		return r
	}, text.Fold(strings.NewReplacer("@", "a", "$", "s").Replace(s)))
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// repeats reports whether a text is one part of it again and again, the last time perhaps cut off.
func repeats(s string) bool {
	r := []rune(s)
	for n := 1; n <= len(r)/2; n++ {
		same := true
		for i := n; i < len(r) && same; i++ {
			same = r[i] == r[i-n]
		}
		if same {
			return true
		}
	}
	return false
}

func withoutCommon(s string) string {
	for _, word := range common {
		s = strings.ReplaceAll(s, word, "")
	}
	return s
}

// withoutRows takes out of a text what goes on along a row, up or down, or stays in its place, for minRow characters or more.
func withoutRows(s string) string {
	r := []rune(s)
	var out []rune
	for i := 0; i < len(r); {
		if n := rowAt(r[i:]); n >= minRow {
			i += n
			continue
		}
		out = append(out, r[i])
		i++
	}
	return string(out)
}

// rowAt is how many characters from the first on are a row.
func rowAt(r []rune) int {
	longest := 1
	for longest < len(r) && r[longest] == r[0] {
		longest++
	}
	for _, row := range rows {
		for _, step := range []int{1, -1} {
			n, at := 1, strings.IndexRune(row, r[0])
			for at >= 0 && n < len(r) && at+step >= 0 && at+step < len(row) && rune(row[at+step]) == r[n] {
				at += step
				n++
			}
			longest = max(longest, n)
		}
	}
	return longest
}
