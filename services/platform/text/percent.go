package text

import (
	"math/big"
	"strconv"
	"strings"
)

// Percent returns numerator/denominator in per cent with two decimals and a point, rounded half up (away from zero):
// Percent(100, 70) is "142.86". It computes in integers, without overflow. A denominator of 0 has no percentage: "".
func Percent(numerator, denominator int64) string {
	if denominator == 0 {
		return ""
	}
	n, d := big.NewInt(numerator), big.NewInt(denominator)
	negative := n.Sign()*d.Sign() < 0
	n.Abs(n).Mul(n, big.NewInt(2*100*100)) // hundredths of a per cent, doubled
	d.Abs(d)
	n.Add(n, d).Quo(n, d.Mul(d, big.NewInt(2))) // floor(x + 1/2)
	digits := n.String()
	if len(digits) < 3 {
		digits = strings.Repeat("0", 3-len(digits)) + digits
	}
	sign := ""
	if negative && n.Sign() != 0 {
		sign = "-"
	}
	return sign + digits[:len(digits)-2] + "." + digits[len(digits)-2:]
}

// PercentVN is Percent as Vietnamese reports write it, with comma and sign: "142,86%"; "" for a denominator of 0.
func PercentVN(numerator, denominator int64) string {
	p := Percent(numerator, denominator)
	if p == "" {
		return ""
	}
	return strings.Replace(p, ".", ",", 1) + "%"
}

// NumberVN writes a whole number with a point between the thousands, as Vietnamese reports do: "4.857".
func NumberVN(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte('.')
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}
