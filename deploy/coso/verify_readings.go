package main

import (
	"context"
	"errors"
	"fmt"

	"coso/deploy/internal/sheet"
	"coso/services/platform/fault"
	"coso/services/platform/readings"
)

// verifyReadings walks a service's readings of personal data and prints a line, if there are any: OK, or the first entry that does
// not fit, which is an error too.
func verifyReadings(ctx context.Context, s streams, dir, service string, lang sheet.Lang) error {
	found, err := readings.Verify(ctx, dir, service, nil)
	if errors.Is(err, context.Canceled) || err == nil && found.Files == 0 {
		return err
	}
	verdict := "OK"
	switch {
	case err != nil:
		verdict = fmt.Sprintf(tell(lang, "HỎNG: %s", "DAMAGED: %s"), err)
	case found.Cut > 0:
		verdict = fmt.Sprintf(tell(lang, "OK; %d byte cuối là của một mục đang ghi dở, lần khởi động sau sẽ cắt bỏ",
			"OK; the last %d bytes are of an entry that was being written, the next start cuts them off"), found.Cut)
	}
	if _, err := fmt.Fprintf(s.out, tell(lang, "%-10s  %8d mục  %8d lượt xem dữ liệu cá nhân  %s\n", "%-10s  %8d entries  %8d readings of personal data  %s\n"), service, found.Entries, found.Readings, verdict); err != nil {
		return err
	}
	switch {
	case fault.KindOf(err) == fault.KindDataLoss:
		return fmt.Errorf(tell(lang, "không còn biết đủ ai đã xem dữ liệu cá nhân trong %s; hãy chuyển %s/%s.reads-* sang nơi khác để xem xét: "+
			"không có các tệp đó dịch vụ mở sổ mới, còn có chúng thì dịch vụ không cho xem dữ liệu cá nhân nào",
			"who read personal data in %s can no longer be told in full; keep %s/%s.reads-* to look into, elsewhere: "+
				"without them the service begins a new book, with them it shows no personal data"), service, dir, service)
	case err != nil:
		return fmt.Errorf(tell(lang, "sổ lượt xem dữ liệu cá nhân của %s: %w", "the readings of personal data of %s: %w"), service, err)
	}
	return nil
}
