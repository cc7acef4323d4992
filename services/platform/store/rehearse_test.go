package store

import (
	"sync"
	"testing"

	"coso/services/platform/fault"

	"github.com/google/go-cmp/cmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func rehearse(b *bench, e *registrypb.Enterprise, requestID string) (*registrypb.Enterprise, error) {
	req := &registrypb.CreateEnterpriseRequest{Enterprise: e, RequestId: requestID, ValidateOnly: true}
	return Update(caller(), b.Store, req, func(tx *Tx) (*registrypb.Enterprise, error) {
		return b.enterprises.Create(tx, e, &registrypb.EnterpriseCreated{})
	})
}

// INV-STORE-REHEARSAL-NO-TRACE: a command that only validates answers or is refused as the real one, changes no byte of the
// file, and leaves its request id to the real one.
func TestRehearsalLeavesNoTrace(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1, "units/a", "1"), ""); err != nil {
		t.Fatal(err)
	}
	before := dump(t, b)
	out, err := rehearse(b, enterprise(2, "units/a", "2"), "once")
	if err != nil || out.GetRevision() != 1 || out.GetName() != "enterprises/e2" || out.GetEtag() != "" {
		t.Errorf("answered %v, %v", out, err)
	}
	if _, err := rehearse(b, enterprise(3, "units/a", "1"), ""); fault.ReasonOf(err) != faultpb.Reason_REASON_TAX_CODE_TAKEN {
		t.Errorf("a taken tax code: %v", err)
	}
	if _, err := rehearse(b, enterprise(1, "units/a", "9"), ""); fault.ReasonOf(err) != faultpb.Reason_REASON_RESOURCE_EXISTS {
		t.Errorf("a taken name: %v", err)
	}
	if diff := cmp.Diff(before, dump(t, b)); diff != "" {
		t.Errorf("the file has changed: %s", diff)
	}
	if n := b.Head().GetPosition(); n != 1 {
		t.Errorf("the journal has %d entries", n)
	}
	if _, err := get(b, "enterprises/e2"); fault.ReasonOf(err) != faultpb.Reason_REASON_RESOURCE_NOT_FOUND {
		t.Errorf("the rehearsed record: %v", err)
	}
	if out, err := create(caller(), b, enterprise(2, "units/a", "2"), "once"); err != nil || out.GetRevision() != 1 {
		t.Errorf("in earnest: %v, %v", out, err)
	}
}

// In one group with real commands, neither side sees a rehearsal's change.
func TestRehearsalBesideRealCommands(t *testing.T) {
	b := open(t, t.TempDir())
	const pairs = 40
	var wg sync.WaitGroup
	for i := range pairs {
		wg.Go(func() {
			if _, err := create(caller(), b, enterprise(i, "units/a", string(rune('A'+i))), ""); err != nil {
				t.Errorf("e%d: %v", i, err)
			}
		})
		wg.Go(func() {
			if _, err := rehearse(b, enterprise(1000+i, "units/a", "same"), ""); err != nil {
				t.Errorf("rehearsal %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := count(t, b); n != pairs {
		t.Errorf("%d records, want %d", n, pairs)
	}
}
