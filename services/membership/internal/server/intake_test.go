package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	membershippb "coso/proto/gen/coso/membership/v1"
)

func TestCreateIntake(t *testing.T) {
	d := open(t)
	got, err := d.CreateIntake(t.Context(), &membershippb.CreateIntakeRequest{
		IntakeId: "dang-vien-01",
		Intake: party(func(in *membershippb.Intake) {
			in.State, in.Revision, in.WithdrawalReason = membershippb.IntakeState_INTAKE_STATE_WITHDRAWN, 7, "của máy chủ"
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := party(func(in *membershippb.Intake) {
		in.Name, in.State, in.Revision = "intakes/dang-vien-01", membershippb.IntakeState_INTAKE_STATE_REPORTED, 1
	})
	kept := protocmp.IgnoreFields(&membershippb.Intake{}, "etag", "create_time", "update_time")
	if diff := cmp.Diff(want, got, protocmp.Transform(), kept); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if got.GetEtag() == "" || !proto.Equal(got.GetCreateTime(), got.GetUpdateTime()) {
		t.Errorf("etag %q, created %v, updated %v", got.GetEtag(), got.GetCreateTime(), got.GetUpdateTime())
	}
	read, err := d.GetIntake(t.Context(), &membershippb.GetIntakeRequest{Name: got.GetName()})
	if diff := cmp.Diff(got, read, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("read: %v (-created +read):\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"coso.membership.v1.IntakeReported"}, d.events(t)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestCreateIntakeChoosesAnID(t *testing.T) {
	d := open(t)
	a, b := d.report(t, ""), d.report(t, "")
	if a.GetName() == b.GetName() {
		t.Errorf("both are called %s", a.GetName())
	}
}

func TestBatchCreateIntakes(t *testing.T) {
	d := open(t)
	req := &membershippb.BatchCreateIntakesRequest{RequestId: "một", Requests: []*membershippb.CreateIntakeRequest{
		{Intake: party(), IntakeId: "b"},
		{Intake: party(), IntakeId: "a"},
		{Intake: party()},
	}}
	first, err := d.BatchCreateIntakes(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(first.GetIntakes()); n != 3 || first.GetIntakes()[0].GetName() != "intakes/b" || first.GetIntakes()[1].GetName() != "intakes/a" {
		t.Fatalf("created %v", first)
	}
	again, err := d.BatchCreateIntakes(t.Context(), req)
	if diff := cmp.Diff(first, again, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("asked again: %v (-first +again):\n%s", err, diff)
	}
	if got := d.list(t, &membershippb.ListIntakesRequest{}); len(got) != 3 {
		t.Errorf("there are %v", got)
	}
}

func TestListIntakes(t *testing.T) {
	d := open(t)
	youth := func(in *membershippb.Intake) {
		in.Kind, in.OwnerCount, in.Organisation = membershippb.IntakeKind_INTAKE_KIND_YOUTH_UNION_MEMBER, 0, "organisations/chi-doan"
	}
	elsewhere := func(in *membershippb.Intake) {
		in.Unit, in.Organisation = "units/ba-vi", ""
	}
	on := func(day string) func(*membershippb.Intake) {
		return func(in *membershippb.Intake) { in.AdmittedOn = day }
	}
	d.report(t, "p1", on("2020-03-01"))
	d.report(t, "p2", on("2020-06-01"))
	d.report(t, "p3", on("2020-11-30"))
	d.report(t, "y1", on("2020-06-01"), youth)
	d.report(t, "v1", on("2020-06-01"), elsewhere)
	d.report(t, "w1", on("2020-06-01"))
	d.withdraw(t, "w1")

	tests := []struct {
		name string
		req  *membershippb.ListIntakesRequest
		want []string
	}{
		{"all but withdrawn", &membershippb.ListIntakesRequest{}, []string{"p1", "p2", "p3", "v1", "y1"}},
		{"of a unit", &membershippb.ListIntakesRequest{Unit: "units/tay-ho"}, []string{"p1", "p2", "p3", "y1"}},
		{"of an organisation", &membershippb.ListIntakesRequest{Organisation: "organisations/chi-bo"}, []string{"p1", "p2", "p3"}},
		{"of an organisation, in another unit", &membershippb.ListIntakesRequest{Organisation: "organisations/chi-bo", Unit: "units/ba-vi"}, nil},
		{"of kinds", &membershippb.ListIntakesRequest{Kinds: []membershippb.IntakeKind{membershippb.IntakeKind_INTAKE_KIND_YOUTH_UNION_MEMBER, membershippb.IntakeKind_INTAKE_KIND_VETERANS_MEMBER}}, []string{"y1"}},
		{"withdrawn", &membershippb.ListIntakesRequest{State: membershippb.IntakeState_INTAKE_STATE_WITHDRAWN}, []string{"w1"}},
		{"reported", &membershippb.ListIntakesRequest{State: membershippb.IntakeState_INTAKE_STATE_REPORTED}, []string{"p1", "p2", "p3", "v1", "y1"}},
		{"from a day", &membershippb.ListIntakesRequest{FromDate: "2020-06-01"}, []string{"p2", "p3", "v1", "y1"}},
		{"to a day", &membershippb.ListIntakesRequest{ToDate: "2020-06-01"}, []string{"p1", "p2", "v1", "y1"}},
		{"on a day", &membershippb.ListIntakesRequest{FromDate: "2020-11-30", ToDate: "2020-11-30"}, []string{"p3"}},
		{"of a unit, a kind and a time", &membershippb.ListIntakesRequest{
			Unit: "units/tay-ho", Kinds: []membershippb.IntakeKind{membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER}, FromDate: "2020-03-02",
		}, []string{"p2", "p3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, d.list(t, tt.req)); diff != "" {
				t.Errorf("listed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUpdateIntake(t *testing.T) {
	d := open(t)
	cur := d.report(t, "i")
	req := &membershippb.UpdateIntakeRequest{
		Intake: &membershippb.Intake{
			Name: cur.GetName(), Etag: cur.GetEtag(), MemberCount: 5, Unit: "units/ba-vi",
			Organisation: "organisations/cong-doan", Kind: membershippb.IntakeKind_INTAKE_KIND_TRADE_UNION_MEMBER,
		},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"unit", "organisation", "kind", "owner_count", "member_count"}},
	}
	got, err := d.UpdateIntake(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := proto.CloneOf(cur)
	want.Unit, want.Organisation, want.Kind = "units/ba-vi", "organisations/cong-doan", membershippb.IntakeKind_INTAKE_KIND_TRADE_UNION_MEMBER
	want.MemberCount, want.OwnerCount, want.Revision = 5, 0, 2
	moved := protocmp.IgnoreFields(&membershippb.Intake{}, "etag", "update_time")
	if diff := cmp.Diff(want, got, protocmp.Transform(), moved); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
	if got.GetEtag() == cur.GetEtag() || !got.GetUpdateTime().AsTime().After(cur.GetUpdateTime().AsTime()) {
		t.Errorf("etag %q, updated %v", got.GetEtag(), got.GetUpdateTime())
	}
	for unit, ids := range map[string][]string{"units/tay-ho": nil, "units/ba-vi": {"i"}} {
		if diff := cmp.Diff(ids, d.list(t, &membershippb.ListIntakesRequest{Unit: unit})); diff != "" {
			t.Errorf("intakes of %s (-want +got):\n%s", unit, diff)
		}
	}
}

func TestUpdateOfNothingIsNoChange(t *testing.T) {
	d := open(t)
	cur := d.report(t, "i")
	before := d.store.Head().GetPosition()
	got, err := d.UpdateIntake(t.Context(), &membershippb.UpdateIntakeRequest{
		Intake: &membershippb.Intake{Name: cur.GetName(), MemberCount: cur.GetMemberCount()},
	})
	if diff := cmp.Diff(cur, got, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("updated: %v (-was +is):\n%s", err, diff)
	}
	if now := d.store.Head().GetPosition(); now != before {
		t.Errorf("entry %d was written", now)
	}
}

func TestWithdrawIntake(t *testing.T) {
	d := open(t)
	cur := d.report(t, "i")
	got := d.withdraw(t, "i")
	want := proto.CloneOf(cur)
	want.State, want.WithdrawalReason, want.Revision = membershippb.IntakeState_INTAKE_STATE_WITHDRAWN, "nhập nhầm", 2
	moved := protocmp.IgnoreFields(&membershippb.Intake{}, "etag", "update_time")
	if diff := cmp.Diff(want, got, protocmp.Transform(), moved); diff != "" {
		t.Errorf("withdrawn (-want +got):\n%s", diff)
	}
}

func TestListIntakeHistory(t *testing.T) {
	d := open(t)
	cur := d.report(t, "i")
	if _, err := d.UpdateIntake(t.Context(), &membershippb.UpdateIntakeRequest{
		Intake: &membershippb.Intake{Name: cur.GetName(), MemberCount: 2}, RequestId: "sửa-1",
	}); err != nil {
		t.Fatal(err)
	}
	d.withdraw(t, "i")

	h, err := d.ListIntakeHistory(t.Context(), &membershippb.ListIntakeHistoryRequest{Name: cur.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	type change struct {
		Revision        int64
		Who, How, Field string
	}
	var got []change
	for _, r := range h.GetRevisions() {
		for _, c := range r.GetChanges() {
			got = append(got, change{r.GetRevision(), r.GetPrincipal(), r.GetMethod(), c.GetField()})
		}
	}
	const service = "/coso.membership.v1.IntakeService/"
	want := []change{
		{3, "principals/lan", service + "WithdrawIntake", "state"},
		{3, "principals/lan", service + "WithdrawIntake", "withdrawalReason"},
		{2, "principals/lan", service + "UpdateIntake", "memberCount"},
		{1, "principals/lan", service + "CreateIntake", "admittedOn"},
		{1, "principals/lan", service + "CreateIntake", "kind"},
		{1, "principals/lan", service + "CreateIntake", "memberCount"},
		{1, "principals/lan", service + "CreateIntake", "organisation"},
		{1, "principals/lan", service + "CreateIntake", "ownerCount"},
		{1, "principals/lan", service + "CreateIntake", "state"},
		{1, "principals/lan", service + "CreateIntake", "unit"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	events := []string{
		"coso.membership.v1.IntakeReported", "coso.membership.v1.IntakeUpdated", "coso.membership.v1.IntakeWithdrawn",
	}
	if diff := cmp.Diff(events, d.events(t)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
