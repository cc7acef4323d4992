package enterprise

import (
	"strconv"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// weights of the first nine digits of a tax code.
var weights = [9]int{31, 29, 23, 19, 17, 13, 7, 5, 3}

// KindOf says which form a tax code (mã số thuế) has: 10 digits with a check digit; these, a hyphen and 001-999 for a
// branch; or the 12 digits of a personal number, which have no check digit (Circular 86/2024/TT-BTC). The check digit is
// 10 less the remainder of the weighted sum by 11; where that would be 10 no code is issued. InvalidArgument
// TAX_CODE_FORMAT for any other text, blanks around it included, and TAX_CODE_CHECK_DIGIT for a code never issued.
func KindOf(code string) (registrypb.TaxCodeKind, error) {
	kind := formOf(code)
	if kind == registrypb.TaxCodeKind_TAX_CODE_KIND_UNSPECIFIED {
		return kind, fault.InvalidArgument(faultpb.Reason_REASON_TAX_CODE_FORMAT, "taxCode", "value", code)
	}
	if kind != registrypb.TaxCodeKind_TAX_CODE_KIND_PERSONAL_12 && code[9:10] != checkDigit(code[:9]) {
		return registrypb.TaxCodeKind_TAX_CODE_KIND_UNSPECIFIED,
			fault.InvalidArgument(faultpb.Reason_REASON_TAX_CODE_CHECK_DIGIT, "taxCode", "value", code)
	}
	return kind, nil
}

func formOf(code string) registrypb.TaxCodeKind {
	switch {
	case len(code) == 10 && digits(code):
		return registrypb.TaxCodeKind_TAX_CODE_KIND_ENTERPRISE_10
	case len(code) == 14 && digits(code[:10]) && code[10] == '-' && digits(code[11:]) && code[11:] != "000":
		return registrypb.TaxCodeKind_TAX_CODE_KIND_BRANCH_13
	case len(code) == 12 && digits(code):
		return registrypb.TaxCodeKind_TAX_CODE_KIND_PERSONAL_12
	}
	return registrypb.TaxCodeKind_TAX_CODE_KIND_UNSPECIFIED
}

// checkDigit is the tenth digit that belongs to nine; "10", which no digit equals, where no code is issued.
func checkDigit(nine string) string {
	sum := 0
	for i, w := range weights {
		sum += w * int(nine[i]-'0')
	}
	return strconv.Itoa(10 - sum%11)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
