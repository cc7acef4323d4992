package text_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"coso/services/platform/text"
)

func TestPercent(t *testing.T) {
	for _, tc := range []struct {
		numerator, denominator int64
		want, wantVN           string
	}{
		// Hà Nội 2020 (S001).
		{100, 70, "142.86", "142,86%"},
		{423, 228, "185.53", "185,53%"},
		{243, 239, "101.67", "101,67%"},
		{4857, 4511, "107.67", "107,67%"},
		{2, 6, "33.33", "33,33%"},
		{1, 6, "16.67", "16,67%"},
		{0, 6, "0.00", "0,00%"},
		// The ends.
		{70, 70, "100.00", "100,00%"},
		{1, 0, "", ""},
		{0, 0, "", ""},
		{-1, 0, "", ""},
		// Half up, and never a hair less.
		{1, 800, "0.13", "0,13%"},   // 0.125
		{3, 800, "0.38", "0,38%"},   // 0.375
		{1, 20000, "0.01", "0,01%"}, // 0.005
		{1, 20001, "0.00", "0,00%"},
		{99994999, 100000000, "99.99", "99,99%"},
		{99995000, 100000000, "100.00", "100,00%"},
		// Signs.
		{-1, 800, "-0.13", "-0,13%"},
		{1, -800, "-0.13", "-0,13%"},
		{-1, -800, "0.13", "0,13%"},
		{-1, 20001, "0.00", "0,00%"},
		// Beyond 64 bits on the way.
		{math.MaxInt64, 1, "922337203685477580700.00", "922337203685477580700,00%"},
		{math.MinInt64, 1, "-922337203685477580800.00", "-922337203685477580800,00%"},
		{math.MaxInt64, math.MaxInt64, "100.00", "100,00%"},
		{math.MinInt64, math.MaxInt64, "-100.00", "-100,00%"},
		{math.MinInt64, math.MinInt64, "100.00", "100,00%"},
		{1, math.MaxInt64, "0.00", "0,00%"},
	} {
		if got := text.Percent(tc.numerator, tc.denominator); got != tc.want {
			t.Errorf("Percent(%d, %d) = %q, want %q", tc.numerator, tc.denominator, got, tc.want)
		}
		if got := text.PercentVN(tc.numerator, tc.denominator); got != tc.wantVN {
			t.Errorf("PercentVN(%d, %d) = %q, want %q", tc.numerator, tc.denominator, got, tc.wantVN)
		}
	}
}

// exactPercent is the judge: big.Rat rounds halves away from zero.
func exactPercent(numerator, denominator int64) string {
	if denominator == 0 {
		return ""
	}
	r := new(big.Rat).SetFrac(big.NewInt(numerator), big.NewInt(denominator))
	s := r.Mul(r, big.NewRat(100, 1)).FloatString(2)
	if s == "-0.00" {
		return "0.00"
	}
	return s
}

// INV-PERCENT-EXACT.
func TestPercentExactProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numerator := rapid.Int64().Draw(t, "numerator")
		denominator := rapid.Int64().Draw(t, "denominator")
		if got, want := text.Percent(numerator, denominator), exactPercent(numerator, denominator); got != want {
			t.Fatalf("Percent(%d, %d) = %q, want %q", numerator, denominator, got, want)
		}
	})
}

func FuzzPercent(f *testing.F) {
	for _, s := range [][2]int64{{100, 70}, {1, 800}, {-1, 800}, {0, 0}, {math.MinInt64, -1}, {math.MaxInt64, math.MinInt64}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, numerator, denominator int64) {
		if got, want := text.Percent(numerator, denominator), exactPercent(numerator, denominator); got != want {
			t.Fatalf("Percent(%d, %d) = %q, want %q", numerator, denominator, got, want)
		}
	})
}

func TestNumberVN(t *testing.T) {
	for _, tc := range []struct {
		n    int64
		want string
	}{
		{0, "0"},
		{7, "7"},
		{100, "100"},
		{-100, "-100"},
		{999, "999"},
		{1000, "1.000"},
		{4857, "4.857"},
		{29793, "29.793"},
		{-29793, "-29.793"},
		{123456, "123.456"},
		{2530000, "2.530.000"},
		{math.MaxInt64, "9.223.372.036.854.775.807"},
		{math.MinInt64, "-9.223.372.036.854.775.808"},
	} {
		if got := text.NumberVN(tc.n); got != tc.want {
			t.Errorf("NumberVN(%d) = %q, want %q", tc.n, got, tc.want)
		}
	}
}

func TestNumberVNProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		got := text.NumberVN(n)
		if strings.ReplaceAll(got, ".", "") != big.NewInt(n).String() {
			t.Fatalf("NumberVN(%d) = %q", n, got)
		}
		for i, group := range strings.Split(strings.TrimPrefix(got, "-"), ".") {
			if len(group) != 3 && (i > 0 || len(group) == 0 || len(group) > 3) {
				t.Fatalf("NumberVN(%d) = %q: group %q", n, got, group)
			}
		}
	})
}
