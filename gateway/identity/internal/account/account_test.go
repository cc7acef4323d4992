package account

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

var now = time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)

func lan() *identitypb.Account {
	return &identitypb.Account{Name: "accounts/lan", Principal: "principals/lan", DisplayName: "Nguyễn Thị Lan"}
}

// INV-ACCOUNT-CLOSED-WHY, INV-ACCOUNT-NOT-OWN
func TestUpdate(t *testing.T) {
	closed := lan()
	closed.Disabled, closed.DisabledReason = true, "Nghỉ hưu"
	for name, c := range map[string]struct {
		cur    *identitypb.Account
		change func(*identitypb.Account)
		caller string
		reason faultpb.Reason
		field  string
	}{
		"named otherwise":                 {lan(), func(a *identitypb.Account) { a.DisplayName = "Lan" }, "principals/lan", 0, ""},
		"nameless":                        {lan(), func(a *identitypb.Account) { a.DisplayName = "" }, "principals/chi", faultpb.Reason_REASON_FIELD_REQUIRED, "displayName"},
		"closed":                          {lan(), func(a *identitypb.Account) { a.Disabled, a.DisabledReason = true, "Nghỉ hưu" }, "principals/chi", 0, ""},
		"closed without a reason":         {lan(), func(a *identitypb.Account) { a.Disabled = true }, "principals/chi", faultpb.Reason_REASON_FIELD_REQUIRED, "disabledReason"},
		"a reason and open":               {lan(), func(a *identitypb.Account) { a.DisabledReason = "Nghỉ hưu" }, "principals/chi", faultpb.Reason_REASON_FIELD_REQUIRED, "disabled"},
		"one's own":                       {lan(), func(a *identitypb.Account) { a.Disabled, a.DisabledReason = true, "x" }, "principals/lan", faultpb.Reason_REASON_ACCOUNT_OWN, "name"},
		"a closed one for another reason": {closed, func(a *identitypb.Account) { a.DisabledReason = "Chuyển công tác" }, "principals/chi", 0, ""},
	} {
		merged := proto.CloneOf(c.cur)
		c.change(merged)
		next, event, err := Update(c.cur, merged, c.caller, now)
		if c.reason != 0 {
			if f := fault.From(err); err == nil || f.Reason != c.reason || f.Field != c.field {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if merged.GetDisplayName() != c.cur.GetDisplayName() {
			merged.DisplayNameTime = timestamppb.New(now)
		}
		if merged.GetDisabledReason() != c.cur.GetDisabledReason() {
			merged.DisabledReasonTime = timestamppb.New(now)
		}
		if err != nil || event == nil || !proto.Equal(next, merged) {
			t.Errorf("%s: %v, %v", name, next, err)
		}
	}
	opened := proto.CloneOf(closed)
	opened.Disabled = false
	if next, _, err := Update(closed, opened, "principals/chi", now); err != nil || next.GetDisabledReason() != "" {
		t.Errorf("opened again: %v, %v", next, err)
	}
	if same, event, err := Update(closed, proto.CloneOf(closed), "principals/lan", now); same != closed || event != nil || err != nil {
		t.Errorf("nothing changed: %v, %v, %v", same, event, err)
	}
}

// INV-ACCOUNT-NO-PERSON
func TestPartsOfAnAccount(t *testing.T) {
	whole := lan()
	whole.Disabled, whole.DisabledReason = true, "Nghỉ ốm"
	record, profile := Record(whole), Profile(nil, whole)
	if record.GetDisplayName() != "" || record.GetDisabledReason() != "" || !record.GetDisabled() {
		t.Errorf("%v", record)
	}
	if back := Whole(record, profile); !proto.Equal(back, whole) {
		t.Errorf("%v", back)
	}
	if alone := Whole(record, nil); !proto.Equal(alone, record) {
		t.Errorf("%v", alone)
	}
}

// INV-ACCOUNT-UNKNOWN-FIELDS
func TestUnknownFieldsSurvive(t *testing.T) {
	newer := []byte{0xfa, 0x3f, 1, 'x'} // field 1023, as a newer version may write
	cur := lan()
	cur.ProtoReflect().SetUnknown(newer)
	merged := proto.CloneOf(cur)
	merged.DisplayName = "Lan"
	updated, _, err := Update(cur, merged, "principals/chi", now)
	if err != nil {
		t.Fatal(err)
	}
	reset, _, err := Reset(cur, "principals/chi", now)
	if err != nil {
		t.Fatal(err)
	}
	set, _ := Set(cur, false, now)
	profile := &identitypb.AccountProfile{}
	profile.ProtoReflect().SetUnknown(newer)
	private := &identitypb.AccountPrivate{First: true}
	private.ProtoReflect().SetUnknown(newer)
	hash := &identitypb.PasswordHash{}
	own, oneTime := Own(private, "accounts/lan", hash), OneTime(private, "accounts/lan", hash, now)
	for name, m := range map[string]proto.Message{
		"update": updated, "reset": reset, "set": set, "whole": Whole(cur, nil), "record": Record(cur), "profile": Profile(profile, cur), "own": own, "one-time": oneTime,
	} {
		if string(m.ProtoReflect().GetUnknown()) != string(newer) {
			t.Errorf("%s lost them", name)
		}
	}
	if own.GetOneTime() || own.GetExpireTime() != nil || own.GetFirst() || !oneTime.GetOneTime() || oneTime.GetFirst() || oneTime.GetExpireTime().AsTime() != now.Add(OneTimeLife) {
		t.Errorf("%v, %v", own, oneTime)
	}
}

func TestReset(t *testing.T) {
	next, event, err := Reset(lan(), "principals/chi", now)
	if err != nil || event == nil || !next.GetMustChangePassword() || next.GetPasswordTime().AsTime() != now {
		t.Errorf("%v, %v", next, err)
	}
	if _, _, err := Reset(lan(), "principals/lan", now); fault.ReasonOf(err) != faultpb.Reason_REASON_ACCOUNT_OWN {
		t.Error(err)
	}
}
