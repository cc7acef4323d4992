package exchange

import "bytes"

// Compact takes the spaces between the values of well-formed JSON out, in place, and returns what is left. protojson puts
// them in by chance, which differs from one build of the program to the next; without them equal messages are equal bytes,
// whichever process answers.
func Compact(json []byte) []byte {
	out := json[:0]
	for rest := json; len(rest) > 0; {
		begin := bytes.IndexByte(rest, '"')
		if begin < 0 {
			begin = len(rest)
		}
		for _, c := range rest[:begin] {
			if c != ' ' {
				out = append(out, c)
			}
		}
		rest = rest[begin:]
		end := textEnd(rest)
		out = append(out, rest[:end]...)
		rest = rest[end:]
	}
	return out
}

// textEnd is where a text that begins in front ends.
func textEnd(json []byte) int {
	for i := 1; i < len(json); i++ {
		switch json[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(json)
}
