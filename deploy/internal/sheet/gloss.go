package sheet

import (
	"strings"

	"coso/services/platform/text"
)

// gloss is what a word of a sheet is called in Vietnamese, as the glossary has it. A sheet may use either.
var gloss = map[string]string{
	"BASE_PARTY_ORGANISATION": "đảng bộ cơ sở", "BASE_CELL": "chi bộ cơ sở", "CELL": "chi bộ",
	"SECTIONAL_PARTY_ORGANISATION": "đảng bộ bộ phận", "PARTY_GROUP": "tổ đảng", "BASE_TRADE_UNION": "công đoàn cơ sở",
	"OCCUPATIONAL_UNION": "nghiệp đoàn cơ sở", "YOUTH_BRANCH": "chi đoàn", "BASE_YOUTH_UNION": "đoàn cơ sở",
	"YOUTH_FEDERATION": "hội liên hiệp thanh niên", "YOUTH_CLUB": "câu lạc bộ thanh niên", "TEAM": "tổ, đội, nhóm",
	"VETERANS_ASSOCIATION": "hội cựu chiến binh", "VETERANS_CLUB": "câu lạc bộ cựu chiến binh",
	"EX_SOLDIERS_CLUB": "câu lạc bộ cựu quân nhân",
	"PARTY_MEMBER":     "đảng viên", "TRADE_UNION_MEMBER": "đoàn viên công đoàn", "YOUTH_UNION_MEMBER": "đoàn viên thanh niên",
	"YOUTH_FEDERATION_MEMBER": "hội viên hội liên hiệp thanh niên", "VETERANS_MEMBER": "hội viên cựu chiến binh",
	"PRIVATE_SOLE_PROPRIETORSHIP": "doanh nghiệp tư nhân", "LLC": "công ty tnhh", "JOINT_STOCK": "công ty cổ phần",
	"PARTNERSHIP": "công ty hợp danh", "FOREIGN_INVESTED": "doanh nghiệp có vốn nước ngoài", "COOPERATIVE": "hợp tác xã",
	"NON_PUBLIC_SERVICE_UNIT": "đơn vị sự nghiệp ngoài công lập", "HOUSEHOLD_BUSINESS": "hộ kinh doanh",
	"CALENDAR_YEAR": "năm", "QUARTER": "quý", "HALF_YEAR": "nửa năm", "PARTIAL_YEAR": "phần năm", "PROGRAMME": "chương trình",
	"TERM": "nhiệm kỳ",
}

// glossed are words with what they are called: `CELL (chi bộ)`.
func glossed(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w
		if g := gloss[w]; g != "" {
			out[i] += " (" + g + ")"
		}
	}
	return strings.Join(out, ", ")
}

// ungloss finds the word that is called so, among words; what is called nothing stays as it is.
func ungloss(called string, words []string) string {
	folded := text.Fold(strings.Join(strings.Fields(called), " "))
	for _, w := range words {
		if g := gloss[w]; g != "" && text.Fold(g) == folded {
			return w
		}
	}
	return called
}
