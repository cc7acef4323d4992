package sheet

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/text"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// hinted says more of a refused cell than a service can: what a spreadsheet probably did to it, how an id is written, and how
// that very date is.
func (n *noun) hinted(err error, f *fault.Error, column, value string) error {
	digits := strings.Trim(value, "0123456789") == ""
	c := n.column(column)
	switch {
	case c != nil && c.isDate() && (f.Reason == faultpb.Reason_REASON_DATE_INVALID || f.Reason == faultpb.Reason_REASON_FIELD_FORMAT):
		if hint := dateHint(value); hint != nil {
			return hint
		}
		return err
	case f.Reason == faultpb.Reason_REASON_TAX_CODE_FORMAT && digits && (len(value) == 9 || len(value) == 11):
		return &phrase{
			vi: f.MsgVi + " Có lẽ Excel đã bỏ số 0 ở đầu: hãy đặt cột này ở dạng Text.",
			en: f.Msg + " A spreadsheet probably dropped the leading 0: give the column the format Text.",
		}
	case f.Reason == faultpb.Reason_REASON_TAX_CODE_FORMAT && strings.ContainsAny(value, "E+,"):
		return &phrase{
			vi: f.MsgVi + " Có lẽ Excel đã đổi mã thành số: hãy đặt cột này ở dạng Text rồi nhập lại.",
			en: f.Msg + " A spreadsheet probably made a number of it: give the column the format Text and enter it again.",
		}
	case c == nil || f.Reason != faultpb.Reason_REASON_FIELD_FORMAT:
		return err
	case c.to != "" || c.name == "id":
		return say("mã chỉ gồm chữ thường không dấu, chữ số và gạch nối, nhiều nhất 63 ký tự, như %s",
			"an id has small letters without marks, digits and hyphens, 63 at most, like %s", idLike(value))
	case c.name == "tree":
		return say("tên cây chỉ gồm chữ thường không dấu, chữ số và gạch nối, như party; NONE: không thuộc cây nào",
			"a tree has small letters without marks, digits and hyphens, like party; NONE: in no tree")
	case c.name == "level", c.name == "kinds":
		return say("phải là từ viết hoa không dấu, nối bằng gạch dưới, như DISTRICT_COMMITTEE",
			"it must be words in capitals without marks, joined by underscores, like DISTRICT_COMMITTEE")
	}
	return err
}

// idLike is an id made of what stands where one should; another one if nothing is left of it.
func idLike(value string) string {
	var b strings.Builder
	for _, r := range text.Fold(value) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	const longest = 63
	if id := strings.Trim(b.String()[:min(longest, b.Len())], "-"); id != "" {
		return id
	}
	return "ba-dinh"
}

// isDate says of a column whether it holds days.
func (c *column) isDate() bool {
	return strings.HasSuffix(c.name, "_on") || strings.HasSuffix(c.name, "_date") || c.name == "valid_from"
}

var (
	// clock is the time of day that a spreadsheet puts behind a day.
	clock     = regexp.MustCompile(`[ T]\d{1,2}:\d\d(:\d\d)?(\.\d+)?( ?[AaPp][Mm])?$`)
	yearFirst = regexp.MustCompile(`^(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})$`)
	yearLast  = regexp.MustCompile(`^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})$`)
	serial    = regexp.MustCompile(`^\d{5}$`)
)

// dateHint says what is wrong with a date that is written in another way, and how that very day is written; nil if it does not
// look like a date.
func dateHint(value string) error {
	written := clock.ReplaceAllString(value, "")
	if m := yearFirst.FindStringSubmatch(written); m != nil {
		return dayHint(m[1], m[2], m[3])
	}
	if m := yearLast.FindStringSubmatch(written); m != nil {
		return dayFirstHint(m[1], m[2], m[3])
	}
	if serial.MatchString(value) {
		day := time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, number(value)).Format(time.DateOnly)
		return say("có lẽ Excel đã đổi ngày thành số: %[1]s là ngày %[2]s; nếu đúng thì viết lại là %[2]s",
			"a spreadsheet probably made a number of the date: %[1]s is %[2]s; if that is right, write %[2]s", value, day)
	}
	return nil
}

// dayFirstHint is about a date with its year behind, which in Viet Nam begins with the day, elsewhere with the month.
func dayFirstHint(first, second, year string) error {
	short := len(year) == 2
	if short {
		year = "20" + year
	}
	day, month := first, second
	swapped := number(second) > 12 && number(first) <= 12
	if swapped {
		day, month = second, first
	}
	if wrong := dayHint(year, month, day); !possible(number(year), number(month), number(day)) {
		return wrong
	}
	written := dashed(year, month, day)
	switch {
	case short:
		return say("năm phải viết đủ bốn chữ số; nếu là năm %[1]s thì viết lại là %[2]s", "the year needs four digits; if it is %[1]s, write %[2]s", year, written)
	case swapped:
		return say("không có tháng %[1]d; nếu là ngày %[1]d tháng %[2]d thì viết lại là %[3]s",
			"there is no month %[1]d; if day %[1]d of month %[2]d is meant, write %[3]s", number(second), number(first), written)
	case number(first) <= 12 && number(first) != number(second):
		other := dashed(year, first, second)
		return say("chưa rõ ngày nào: nếu là ngày %[1]d tháng %[2]d thì viết lại là %[3]s, nếu là ngày %[2]d tháng %[1]d thì viết lại là %[4]s",
			"it may be two days: for day %[1]d of month %[2]d write %[3]s, for day %[2]d of month %[1]d write %[4]s",
			number(first), number(second), written, other)
	}
	return say("ngày phải viết theo thứ tự năm-tháng-ngày; hãy viết lại là %s", "a date is written year-month-day; write %s", written)
}

// dayHint is about a date whose parts are known.
func dayHint(year, month, day string) error {
	y, m, d := number(year), number(month), number(day)
	switch {
	case y < 1900 || y > 2999:
		return say("năm %d nằm ngoài khoảng 1900–2999; hãy kiểm tra lại năm", "the year %d is not within 1900–2999; check the year", y)
	case m < 1 || m > 12:
		return say("không có tháng %d; hãy viết theo thứ tự năm-tháng-ngày, như 2020-11-30", "there is no month %d; write year-month-day, like 2020-11-30", m)
	case !possible(y, m, d):
		return say("không có ngày %[1]d trong tháng %[2]d năm %[3]d, tháng này có %[4]d ngày; hãy kiểm tra lại ngày",
			"there is no day %[1]d in month %[2]d of %[3]d, which has %[4]d days; check the day", d, m, y, lastDay(y, m))
	}
	return say("ngày phải viết đủ bốn chữ số năm, hai chữ số tháng, hai chữ số ngày, nối bằng gạch ngang; hãy viết lại là %s",
		"a date has four digits for the year, two for the month and two for the day, joined by hyphens; write %s", dashed(year, month, day))
}

func possible(y, m, d int) bool {
	return y >= 1900 && y <= 2999 && m >= 1 && m <= 12 && d >= 1 && d <= lastDay(y, m)
}

func lastDay(y, m int) int { return time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() }

func dashed(year, month, day string) string {
	return time.Date(number(year), time.Month(number(month)), number(day), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// number is a text of a few digits.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// failures are what a spreadsheet writes into a cell whose formula failed, and why it did.
var failures = map[string]phrase{
	"#N/A":          {"không tìm thấy giá trị cần tra", "the value looked up was not found"},
	"#REF!":         {"công thức trỏ tới ô đã bị xóa", "the formula refers to a cell that was deleted"},
	"#VALUE!":       {"công thức nhận giá trị sai kiểu", "the formula got a value of the wrong kind"},
	"#DIV/0!":       {"công thức chia cho 0", "the formula divides by 0"},
	"#NAME?":        {"công thức dùng tên mà Excel không biết", "the formula uses a name that the spreadsheet does not know"},
	"#NULL!":        {"hai vùng trong công thức không giao nhau", "two ranges of the formula do not meet"},
	"#NUM!":         {"công thức cho số không hợp lệ", "the formula gives no valid number"},
	"#GETTING_DATA": {"Excel chưa tải xong dữ liệu", "the spreadsheet was still fetching data"},
	"#SPILL!":       {"kết quả của công thức không đủ chỗ để ghi ra", "the result of the formula has no room"},
	"#CALC!":        {"Excel không tính được công thức", "the spreadsheet cannot calculate the formula"},
}

// failure refuses what a spreadsheet writes where a formula failed; nil for any other value.
func failure(value string) error {
	why, failed := failures[strings.ToUpper(value)]
	if !failed {
		return nil
	}
	return &phrase{
		vi: "đây là lỗi công thức của bảng tính (" + why.vi + "), không phải dữ liệu; hãy sửa công thức hoặc gõ thẳng giá trị vào ô rồi lưu lại tệp",
		en: "this is the error of a spreadsheet formula (" + why.en + "), not data; mend the formula or type the value into the cell, and save the file again",
	}
}
