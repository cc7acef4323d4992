package main

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"coso/deploy/internal/sheet"
)

// maxListed is how many refused rows of a sheet are shown; the file of refused rows holds all.
const maxListed = 20

// waiting says why nothing goes on, or that it does again.
func (i importCommand) waiting(cause error) string {
	if cause == nil {
		return i.tell("Máy chủ đã trả lời; đang nhập tiếp.", "The server answers again; going on.")
	}
	return i.tell("Đang chờ, chưa nhập tiếp được: ", "Waiting, nothing goes on: ") + strings.TrimSuffix(sheet.TextOf(cause, i.Lang), ".") +
		i.tell(". Vẫn tự thử lại; nhấn Ctrl-C để dừng.", ". Trying again all the while; Ctrl-C stops it.")
}

// brokenOff says why an import broke off.
func (i importCommand) brokenOff(why error) string {
	return i.tell("Việc nhập bị ngắt: ", "The import broke off: ") + strings.TrimSuffix(sheet.TextOf(why, i.Lang), ".") + "."
}

// left is how many rows go into the file of refused rows because the import broke off. Of an import of all or nothing none do:
// its sheets are whole, and are sent again.
func (i importCommand) left(o *sheet.Outcome) int {
	if o.Rest == nil || i.Atomic {
		return 0
	}
	return len(o.Rest.Half) + len(o.Rest.Unsure) + len(o.Rest.Out)
}

// stock says which rows of a sheet whose import broke off are in, and which are not.
func (i importCommand) stock(w io.Writer, o *sheet.Outcome) error {
	if o.Rest == nil {
		return nil
	}
	for _, part := range []struct {
		vi, en string
		lines  []int
	}{
		{"đã ghi", "recorded", o.Rest.In},
		{"đã ghi nhưng bước tiếp theo chưa làm", "recorded, but what follows is not done", o.Rest.Half},
		{"chưa rõ đã ghi hay chưa", "not known whether recorded", o.Rest.Unsure},
		{"chưa ghi", "not recorded", o.Rest.Out},
	} {
		if len(part.lines) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, i.tell("  %s: %d dòng (dòng %s)\n", "  %s: %d rows (lines %s)\n"),
			i.tell(part.vi, part.en), len(part.lines), o.Sheet.Lines(part.lines)); err != nil {
			return err
		}
	}
	return nil
}

// report lists what was refused of a sheet and where the rows lie.
func (i importCommand) report(s streams, o *sheet.Outcome, file string) error {
	for k, e := range o.Refused {
		if k == maxListed {
			_, _ = fmt.Fprintf(s.err, i.tell("… và %d lỗi nữa\n", "… and %d more errors\n"), len(o.Refused)-k)
			break
		}
		if _, err := fmt.Fprintln(s.err, e.Text(i.Lang)); err != nil {
			return err
		}
	}
	rest := i.left(o)
	if o.Bad() == 0 && rest == 0 {
		return nil
	}
	saved, err := o.SaveRefused(filepath.Base(file), i.Lang)
	if err != nil {
		return fmt.Errorf(i.tell("không ghi được tệp các dòng bị từ chối: %w", "the file of refused rows cannot be written: %w"), err)
	}
	if rest > 0 {
		_, err = fmt.Fprintf(s.err, i.tell(
			"%s: %d dòng bị từ chối và %d dòng chưa xong nằm trong %s (ở thư mục hiện tại) kèm lý do\n",
			"%s: %d refused rows and %d that are not complete are in %s (in the current folder) with their reasons\n"), filepath.Base(file), o.Bad(), rest, saved)
		return err
	}
	_, err = fmt.Fprintf(s.err, i.tell(
		"%s: %d dòng bị từ chối nằm trong %s (ở thư mục hiện tại) kèm lý do; hãy sửa tệp đó rồi nhập lại\n",
		"%s: the %d refused rows are in %s (in the current folder) with their reasons; mend that file and import it\n"), filepath.Base(file), o.Bad(), saved)
	return err
}

// waits says how many targets do not count yet, and what to do.
func (i importCommand) waits(w io.Writer, outcomes []*sheet.Outcome) error {
	waiting, periods := 0, map[string]bool{}
	for _, o := range outcomes {
		if waiting += o.Waiting; o.Waiting > 0 {
			periods[o.Period()] = true
		}
	}
	if waiting == 0 {
		return nil
	}
	command := "coso approve"
	if one := slices.Collect(maps.Keys(periods)); len(one) == 1 && one[0] != "" {
		command += " --period " + one[0]
	}
	_, err := fmt.Fprintf(w, i.tell(
		"%[1]d chỉ tiêu chờ người khác phê duyệt: %[2]s. Dòng nào còn đề xuất khác hoặc lý do rút thì nhập lại bảng sau khi phê duyệt.\n",
		"%[1]d targets wait for approval by somebody else: %[2]s. Rows that propose more or withdraw come in when the sheet is imported again after that.\n"), waiting, command)
	return err
}

// heldBack says of the good rows of an import of all or nothing that they did not come in, where another was refused: so the
// numbers of a line add up.
func (i importCommand) heldBack(o *sheet.Outcome) string {
	held := len(o.Sheet.Rows) - o.New - o.There - o.Bad()
	if !i.Atomic || i.DryRun || o.Rest != nil || held <= 0 {
		return ""
	}
	return fmt.Sprintf(i.tell(", không ghi %d dòng còn lại vì nhập kiểu tất cả hoặc không gì", ", %d good ones not recorded, for it is all or nothing"), held)
}

// A rate says something of imports that are large or take long.
const (
	manyRows = 5000
	longTime = 5 * time.Second
)

// sum prints a line per sheet and how fast it went.
func (i importCommand) sum(w io.Writer, outcomes []*sheet.Outcome, took time.Duration) error {
	rows := 0
	for _, o := range outcomes {
		rows += len(o.Sheet.Rows)
		line := i.tell("%s (%s): %d dòng — ghi mới %d, đã có %d, từ chối %d%s\n", "%s (%s): %d rows: %d new, %d there already, %d refused%s\n")
		if i.DryRun {
			line = i.tell("%s (%s): %d dòng — sẽ ghi mới %d, đã có %d, sẽ từ chối %d%s\n", "%s (%s): %d rows: %d would be new, %d are there already, %d would be refused%s\n")
		}
		if _, err := fmt.Fprintf(w, line, o.Sheet.File, o.Sheet.Noun, len(o.Sheet.Rows), o.New, o.There, o.Bad(), i.heldBack(o)); err != nil {
			return err
		}
		if err := i.stock(w, o); err != nil {
			return err
		}
		if o.Told > 0 {
			if _, err := fmt.Fprintf(w, i.tell(
				"  %d dòng có lý do đính chính (correction_reason): đã bỏ qua cột này, vì muốn ghi lại thì phải dựng ra điều đã ghi sai trước đó\n",
				"  %d rows say why they were corrected (correction_reason): passed over, for to record it again what was wrong before would have to be invented\n"), o.Told); err != nil {
				return err
			}
		}
		if o.Leaning > 0 {
			if _, err := fmt.Fprintf(w, i.tell(
				"  %d dòng dựa vào dòng khác của lần nhập này: đã kiểm tra mọi thứ trừ chính chỗ tham chiếu đó\n",
				"  %d rows rest on other rows of this import: everything but that reference was checked\n"), o.Leaning); err != nil {
				return err
			}
		}
	}
	if err := i.waits(w, outcomes); err != nil {
		return err
	}
	if i.DryRun {
		if _, err := fmt.Fprintln(w, i.tell("Chỉ kiểm tra, chưa ghi gì.", "Only checked; nothing was recorded.")); err != nil {
			return err
		}
	}
	if rows <= manyRows && took <= longTime {
		return nil
	}
	_, err := fmt.Fprintf(w, i.tell("%d dòng trong %s, %.0f dòng/giây\n", "%d rows in %s, %.0f rows/s\n"),
		rows, took.Round(10*time.Millisecond), float64(rows)/took.Seconds())
	return err
}
