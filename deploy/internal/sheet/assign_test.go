package sheet_test

import (
	"strings"
	"testing"

	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"

	planningpb "coso/proto/gen/coso/planning/v1"

	"google.golang.org/protobuf/proto"
)

func call(t *testing.T, c *client.Client, path string, in, out proto.Message) {
	t.Helper()
	if err := c.Post(t.Context(), path, nil, in, out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// planned are targets of which one counts and another is proposed beside it, one counts, and one was withdrawn.
const planned = "id,unit,indicator,period,registered_value,assigned_value,assigned_decision,proposed_value,proposed_decision,withdrawal_reason\n" +
	"t1,xa,that,2020,5,6,1-QĐ/TU,8,2-QĐ/TU,\n" +
	"t2,xa,kia,2020,,7,1-QĐ/TU,,,\n" +
	"t3,xa,nua,2020,,,,9,3-QĐ/TU,\n" +
	"t4,xa,cu,2020,,3,1-QĐ/TU,,,sai\n"

// catalogue is what planned rests on.
func catalogue(t *testing.T) []*sheet.Sheet {
	t.Helper()
	rows := "id,display_name,measure,kinds,comparator,result_verb,counted_noun\n"
	for _, id := range []string{"that", "kia", "nua", "cu"} {
		rows += id + "," + id + ",MEMBERS_ADMITTED,PARTY_MEMBER,AT_LEAST,kết nạp,người\n"
	}
	return []*sheet.Sheet{
		parse(t, "units.csv", mistakes["units"]), parse(t, "indicators.csv", rows),
		parse(t, "periods.csv", strings.Join(strings.SplitAfter(mistakes["periods"], "\n")[:2], "")),
	}
}

// approveAll approves everything that waits for somebody.
func approveAll(t *testing.T, c *client.Client) (approved int) {
	t.Helper()
	list, in := &planningpb.ListTargetsResponse{}, &planningpb.BatchApproveTargetsRequest{}
	if err := c.Get(t.Context(), "/v1/targets", map[string][]string{"decidable": {"true"}}, list); err != nil {
		t.Fatal(err)
	}
	for _, one := range list.GetTargets() {
		in.Requests = append(in.Requests, &planningpb.ApproveTargetRequest{Name: one.GetName(), Etag: one.GetEtag()})
	}
	call(t, c, "/v1/targets:batchApprove", in, &planningpb.BatchApproveTargetsResponse{})
	return len(list.GetTargets())
}

// INV-SHEET-ROUND-TRIP for what is proposed: whoever is signed in proposes, somebody else approves, the sheet sent again brings
// what had to wait, and then says what it said.
func TestProposalsGoRound(t *testing.T) {
	admin, lan := signedIn(t)
	bring(t, admin, catalogue(t)...)
	targets := func() *sheet.Sheet { return parse(t, "targets.csv", planned) }
	if o := bring(t, admin, targets())[0]; o.Waiting != 4 || o.New != 4 || o.Period() != "2020" {
		t.Errorf("%d wait, %d are new", o.Waiting, o.New)
	}
	if o := bring(t, admin, targets())[0]; o.Waiting != 4 || o.There != 4 {
		t.Errorf("again: %d wait, %d are there", o.Waiting, o.There)
	}
	if n := approveAll(t, lan); n != 4 {
		t.Errorf("%d approved", n)
	}
	if o := bring(t, admin, targets())[0]; o.Waiting != 1 {
		t.Errorf("after the approval: %d wait", o.Waiting)
	}
	want := strings.Replace(planned, ",,,9,3-QĐ/TU,", ",9,3-QĐ/TU,,,", 1) // nothing else counted, so it was approved with the others
	if got := contents(t, admin, sheet.Plain())["targets"]; got != want {
		t.Errorf("exported\n%s, want\n%s", got, want)
	}
	if n := approveAll(t, lan); n != 1 {
		t.Errorf("%d approved in the end", n)
	}
	if o := bring(t, admin, targets())[0]; o.Waiting != 0 || o.There != 4 {
		t.Errorf("an old sheet: %d wait, %d are there", o.Waiting, o.There)
	}
}

// A sheet replaces nothing that waits for a decision.
func TestSheetLeavesOtherProposals(t *testing.T) {
	admin, lan := signedIn(t)
	bring(t, admin, catalogue(t)...)
	bring(t, admin, parse(t, "targets.csv", planned))
	other := parse(t, "targets.csv", strings.Replace(planned, "7,1-QĐ/TU", "70,9-QĐ/TU", 1))
	outcomes, err := sheet.Import(t.Context(), lan, []*sheet.Sheet{other}, sheet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if bad := outcomes[0].Refused; len(bad) != 1 || bad[0].Line != 3 || !strings.Contains(bad[0].Reason(sheet.English), "waits for the approval of 7 by 1-QĐ/TU") {
		t.Errorf("refused: %v", bad)
	}
}
