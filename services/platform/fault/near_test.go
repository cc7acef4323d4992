package fault

import (
	"strings"
	"testing"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// What may have been meant is asked behind either text, survives a change of the field, and goes over the wire.
func TestNear(t *testing.T) {
	e := NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "unit", "name", "units/tay-hoo").Near("units/tay-ho (Quận ủy Tây Hồ)", "units/tay-mo")
	const en = "units/tay-hoo does not exist; check the name. Did you mean units/tay-ho (Quận ủy Tây Hồ) / units/tay-mo?"
	const vi = "Không tìm thấy units/tay-hoo; hãy kiểm tra lại tên. Có phải là units/tay-ho (Quận ủy Tây Hồ) / units/tay-mo?"
	for _, got := range []*Error{e, From(In("requests[3]", e)), From(FromStatus(ToStatus(e, "r")))} {
		if got.Msg != en || got.MsgVi != vi {
			t.Errorf("%q\n%q", got.Msg, got.MsgVi)
		}
	}
	if same := NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "unit", "name", "units/x"); same.Near() != same {
		t.Error("no names change a refusal")
	}
	if got := e.Near("a", "b", "c", "d").Params["near"]; got != "a / b / c" {
		t.Errorf("near %q", got)
	}
}

// A word that does not exist is answered with the nearest, few, however many there are.
func TestFormOfEnum(t *testing.T) {
	kinds := registrypb.OrganisationKind(0).Descriptor()
	for value, want := range map[string]Form{
		"TEEM":                     {Name: FormWord, Example: "TEAM"},
		"organisation_kind_teams":  {Name: FormWord, Example: "TEAM"},
		"KHONG_CO_LOAI_NAY_TRONG_": {Name: FormSome},
	} {
		got := FormOfEnum(value, kinds)
		if got.Name != want.Name || got.Example != want.Example || len(got.Known) > maxWords {
			t.Errorf("%s: %+v", value, got)
		}
	}
	e := InvalidArgument(faultpb.Reason_REASON_ENUM_UNKNOWN, "kind", append(FormOfEnum("TEEM", kinds).Params(), "value", "TEEM")...)
	if !strings.HasSuffix(e.Msg, "write TEAM if that is meant.") || !strings.HasSuffix(e.MsgVi, "hãy viết TEAM nếu đúng ý.") {
		t.Errorf("%q %q", e.Msg, e.MsgVi)
	}
}

// Days are written as people write them where they read Vietnamese, and a period is called by its id; a value whose form is
// wrong is repeated as it was sent.
func TestDaysAreWrittenForTheirReaders(t *testing.T) {
	e := FailedPrecondition(faultpb.Reason_REASON_PERIOD_NOT_BEGUN, "asOf", "name", "periods/2021", "value", "2020-11-30", "from", "2021-01-01")
	const vi = "Kỳ báo cáo 2021 bắt đầu từ ngày 01/01/2021, nên ngày 30/11/2020 chưa có số liệu; hãy chọn ngày từ 01/01/2021 trở đi."
	const en = "The reporting period 2021 begins on 2021-01-01, so nothing is counted in it as of 2020-11-30; choose 2021-01-01 or a later day."
	if e.MsgVi != vi || e.Msg != en || e.Params["value"] != "2020-11-30" || e.Params["name"] != "periods/2021" {
		t.Errorf("%q\n%q\n%v", e.MsgVi, e.Msg, e.Params)
	}
	raw := InvalidArgument(faultpb.Reason_REASON_FIELD_FORMAT, "unit", "value", "2020-11-30", "form", "like", "example", "units/tay-ho")
	if !strings.Contains(raw.MsgVi, "2020-11-30") {
		t.Errorf("%q", raw.MsgVi)
	}
}
