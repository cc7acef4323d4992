package enterprise_test

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"

	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/registry/internal/enterprise"
)

const (
	none       = registrypb.TaxCodeKind_TAX_CODE_KIND_UNSPECIFIED
	ten        = registrypb.TaxCodeKind_TAX_CODE_KIND_ENTERPRISE_10
	branch     = registrypb.TaxCodeKind_TAX_CODE_KIND_BRANCH_13
	personal   = registrypb.TaxCodeKind_TAX_CODE_KIND_PERSONAL_12
	unknown    = faultpb.Reason_REASON_UNSPECIFIED
	badFormat  = faultpb.Reason_REASON_TAX_CODE_FORMAT
	badDigit   = faultpb.Reason_REASON_TAX_CODE_CHECK_DIGIT
	validCode  = "0100109106"
	otherValid = "0100047516"
)

func TestKindOf(t *testing.T) {
	for _, tc := range []struct {
		code string
		kind registrypb.TaxCodeKind
		want faultpb.Reason
	}{
		{validCode, ten, unknown},
		{otherValid, ten, unknown},
		{validCode + "-001", branch, unknown},
		{validCode + "-999", branch, unknown},
		{"001099012345", personal, unknown},
		{"000000000000", personal, unknown},

		{"0100109107", none, badDigit},
		{"0100109107-001", none, badDigit},
		{"1000109106", none, badDigit},
		// The weighted sum leaves 0: the check digit would be 10.
		{"0000000000", none, badDigit},
		{"1000000010", none, badDigit},

		{"", none, badFormat},
		{"010010910", none, badFormat},
		{"01001091060", none, badFormat},
		{validCode + "-000", none, badFormat},
		{validCode + "-01", none, badFormat},
		{validCode + "-0011", none, badFormat},
		{validCode + "001", none, badFormat},
		{validCode + "_001", none, badFormat},
		{" " + validCode, none, badFormat},
		{validCode + " ", none, badFormat},
		{"0100 109 106", none, badFormat},
		{"01001O9106", none, badFormat},
		{"０１００１０９１０６", none, badFormat},
		{"+100109106", none, badFormat},
		{"-010010910600", none, badFormat},
	} {
		t.Run(tc.code, func(t *testing.T) {
			kind, err := enterprise.KindOf(tc.code)
			if kind != tc.kind || fault.ReasonOf(err) != tc.want {
				t.Errorf("KindOf(%q) = %v, %v; want %v, %v", tc.code, kind, err, tc.kind, tc.want)
			}
		})
	}
}

// issued says by another road whether a check digit belongs to nine digits: with it, the weighted sum leaves 10 by 11.
func issued(ten string) bool {
	sum := 0
	for i, w := range []int{9, 7, 1, 8, 6, 2, 7, 5, 3, 1} { // the weights by 11, and 1 for the check digit
		sum += w * int(ten[i]-'0')
	}
	return sum%11 == 10
}

// INV-ENTERPRISE-TAX-CODE: of the ten codes that begin with nine digits at most one was issued, and none where the
// remainder is 0.
func TestCheckDigitProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nine := rapid.StringMatching(`[0-9]{9}`).Draw(t, "nine")
		accepted := 0
		for d := range 10 {
			code := fmt.Sprintf("%s%d", nine, d)
			_, err := enterprise.KindOf(code)
			if (err == nil) != issued(code) {
				t.Fatalf("KindOf(%s): %v; issued: %v", code, err, issued(code))
			}
			if err == nil {
				accepted++
			}
		}
		if accepted > 1 {
			t.Fatalf("%d codes begin with %s", accepted, nine)
		}
	})
}

// INV-ENTERPRISE-TAX-CODE: one digit mistyped, or two neighbours swapped, is never taken for another code.
func TestMistypedProperty(t *testing.T) {
	codes := rapid.StringMatching(`[0-9]{10}`).Filter(issued)
	rapid.Check(t, func(t *rapid.T) {
		code := []byte(codes.Draw(t, "code"))
		i := rapid.IntRange(0, 9).Draw(t, "place")
		wrong := bytes.Clone(code)
		if rapid.Bool().Draw(t, "swap") && i < 9 {
			wrong[i], wrong[i+1] = wrong[i+1], wrong[i]
		} else {
			wrong[i] = '0' + (wrong[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		}
		if bytes.Equal(wrong, code) {
			return
		}
		if _, err := enterprise.KindOf(string(wrong)); fault.ReasonOf(err) != badDigit {
			t.Fatalf("%s, mistyped for %s: %v", wrong, code, err)
		}
	})
}

func FuzzKindOf(f *testing.F) {
	for _, code := range []string{
		validCode, otherValid, validCode + "-001", validCode + "-000", "001099012345", "0000000000", "", "0100109107", "-",
		" " + validCode, "01001091\x006", "０１００１０９１０６",
	} {
		f.Add(code)
	}
	forms := []struct {
		kind registrypb.TaxCodeKind
		form *regexp.Regexp
	}{
		{ten, regexp.MustCompile(`^[0-9]{10}$`)},
		{branch, regexp.MustCompile(`^[0-9]{10}-([1-9][0-9]{2}|0[1-9][0-9]|00[1-9])$`)},
		{personal, regexp.MustCompile(`^[0-9]{12}$`)},
	}
	f.Fuzz(func(t *testing.T, code string) {
		kind, err := enterprise.KindOf(code)
		want, reason := none, badFormat
		for _, f := range forms {
			if !f.form.MatchString(code) {
				continue
			}
			if want, reason = f.kind, unknown; f.kind != personal && !issued(code[:10]) {
				want, reason = none, badDigit
			}
		}
		if kind != want || fault.ReasonOf(err) != reason {
			t.Fatalf("KindOf(%q) = %v, %v; want %v, %v", code, kind, err, want, reason)
		}
	})
}
