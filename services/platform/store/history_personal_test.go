package store

import (
	"testing"

	historypb "coso/proto/gen/coso/history/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// History says which of the changed fields tell something of a person, so that who reads it is recorded; the others carry
// no mark.
func TestHistorySaysWhatIsPersonal(t *testing.T) {
	changes, err := fieldChanges(&identitypb.Account{}, &identitypb.Account{
		Name: "accounts/lan", DisplayName: "Nguyễn Thị Lan", Disabled: true, DisabledReason: "nghỉ hưu", Principal: "principals/lan",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"disabled": false, "disabledReason": true, "displayName": true, "principal": false}
	if len(changes) != len(want) {
		t.Errorf("%v", changes)
	}
	for _, c := range changes {
		if c.GetPersonal() != want[c.GetField()] || c.GetPersonal() != (c.Personal != nil) {
			t.Errorf("%v, want %v", c, want[c.GetField()])
		}
	}
	changes, err = fieldChanges(&identitypb.CreateAccountResponse{}, &identitypb.CreateAccountResponse{Account: &identitypb.Account{DisplayName: "x"}})
	if err != nil || len(changes) != 1 || !changes[0].GetPersonal() {
		t.Errorf("in the depth: %v, %v", changes, err)
	}
	if changes, err = fieldChanges(&historypb.Revision{}, &historypb.Revision{Principal: "principals/lan"}); err != nil || changes[0].Personal != nil {
		t.Errorf("an official: %v, %v", changes, err)
	}
}
