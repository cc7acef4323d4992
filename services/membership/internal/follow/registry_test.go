package follow_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/membership/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/feed/feedtest"
	"coso/services/platform/rpc"
	"coso/services/platform/scope/scopetest"
	"coso/services/platform/store"
)

func unit(revision int64, name, closed string) *registrypb.Unit {
	return &registrypb.Unit{
		Name: "units/tay-ho", DisplayName: name, Level: "DISTRICT_COMMITTEE", ValidFrom: "2008-08-01", ClosedOn: closed, Revision: revision,
	}
}

func cell(revision int64, name string, state registrypb.OrganisationState) *registrypb.Organisation {
	return &registrypb.Organisation{
		Name: "organisations/chi-bo", DisplayName: name, Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL,
		Enterprise: "enterprises/minh-hoa", Unit: "units/tay-ho", FoundedOn: "2020-02-01", State: state, Revision: revision,
	}
}

const (
	active    = registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE
	dissolved = registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED
	withdrawn = registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN
)

// knows demands what membership knows of the unit and the organisation; nil: nothing.
func (o *office) knows(u *registrypb.Unit, org *registrypb.Organisation) {
	o.t.Helper()
	ctx := access.With(o.t.Context(), access.Service("membership"))
	type copies struct {
		Unit         *registrypb.Unit
		Organisation *registrypb.Organisation
	}
	got, err := store.View(ctx, o.Store(), func(tx *store.ReadTx) (c copies, err error) {
		if c.Unit, _, err = records.Units.Find(tx, "units/tay-ho"); err != nil {
			return c, err
		}
		c.Organisation, _, err = records.Organisations.Find(tx, "organisations/chi-bo")
		return c, err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	if diff := cmp.Diff(copies{u, org}, got, protocmp.Transform()); diff != "" {
		o.t.Errorf("copies (-want +got):\n%s", diff)
	}
}

func TestCopiesFollowRegistry(t *testing.T) {
	srv := feedtest.NATS(t)
	r, o := newRegistry(t, srv.JetStream()), newOffice(t, srv.JetStream())
	for _, u := range []struct {
		event proto.Message
		want  *registrypb.Unit
	}{
		{&registrypb.UnitCreated{Unit: unit(1, "Quận ủy Tây Hồ", "")}, unit(1, "Quận ủy Tây Hồ", "")},
		{&registrypb.UnitUpdated{Unit: unit(2, "Quận uỷ Tây Hồ", "")}, unit(2, "Quận uỷ Tây Hồ", "")},
		{&registrypb.UnitReparented{Unit: unit(3, "Quận uỷ Tây Hồ", "")}, unit(3, "Quận uỷ Tây Hồ", "")},
		{&registrypb.UnitClosed{Unit: unit(4, "Quận uỷ Tây Hồ", "2025-07-01")}, unit(4, "Quận uỷ Tây Hồ", "2025-07-01")},
		{&registrypb.UnitClosingCorrected{Unit: unit(5, "Quận uỷ Tây Hồ", "")}, unit(5, "Quận uỷ Tây Hồ", "")},
		{&registrypb.UnitPlacementRemoved{Unit: unit(6, "Quận uỷ Tây Hồ", "")}, unit(6, "Quận uỷ Tây Hồ", "")},
	} {
		o.hears(r.says(u.event))
		o.knows(u.want, nil)
	}
	last := unit(6, "Quận uỷ Tây Hồ", "")
	for _, c := range []struct {
		event proto.Message
		want  *registrypb.Organisation
	}{
		{&registrypb.OrganisationFounded{Organisation: cell(1, "Chi bộ", active)}, cell(1, "Chi bộ", active)},
		{&registrypb.OrganisationUpdated{Organisation: cell(2, "Chi bộ Minh Họa", active)}, cell(2, "Chi bộ Minh Họa", active)},
		{&registrypb.OrganisationDissolved{Organisation: cell(3, "Chi bộ Minh Họa", dissolved)}, cell(3, "Chi bộ Minh Họa", dissolved)},
		{&registrypb.OrganisationDissolutionCorrected{Organisation: cell(4, "Chi bộ Minh Họa", active)}, cell(4, "Chi bộ Minh Họa", active)},
		{&registrypb.OrganisationWithdrawn{Organisation: cell(5, "Chi bộ Minh Họa", withdrawn)}, cell(5, "Chi bộ Minh Họa", withdrawn)},
	} {
		o.hears(r.says(c.event))
		o.knows(last, c.want)
	}
	if events, err := o.Store().Events(t.Context(), 1, 1); err != nil || len(events) > 0 {
		t.Errorf("what was copied was announced again: %v, %v", events, err)
	}
}

func TestOnlyNewerRevisionsApply(t *testing.T) {
	srv := feedtest.NATS(t)
	r, o := newRegistry(t, srv.JetStream()), newOffice(t, srv.JetStream())
	o.hears(r.says(
		&registrypb.UnitUpdated{Unit: unit(5, "mới", "")},
		&registrypb.OrganisationUpdated{Organisation: cell(5, "mới", active)},
	))
	for _, older := range []int64{4, 5} {
		o.hears(r.says(
			&registrypb.UnitUpdated{Unit: unit(older, "cũ", "")},
			&registrypb.OrganisationWithdrawn{Organisation: cell(older, "cũ", withdrawn)},
		))
		o.knows(unit(5, "mới", ""), cell(5, "mới", active))
	}
}

// What registry has acknowledged counts at once for whoever brings its position along.
func TestIntakesRestOnWhatRegistryAnnounced(t *testing.T) {
	srv := feedtest.NATS(t)
	r, o := newRegistry(t, srv.JetStream()), newOffice(t, srv.JetStream())
	client := membershippb.NewIntakeServiceClient(o.issuer.As("lan", o.Conn()))
	report := func(after []store.Position) error {
		ctx := metadata.AppendToOutgoingContext(t.Context(), rpc.PositionHeader, store.FormatPositions(after))
		_, err := client.CreateIntake(ctx, &membershippb.CreateIntakeRequest{Intake: &membershippb.Intake{
			Unit: "units/tay-ho", Organisation: "organisations/chi-bo", Kind: membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER,
			AdmittedOn: "2020-06-15", MemberCount: 3,
		}})
		return err
	}
	reason := func(err error) faultpb.Reason { return fault.ReasonOf(fault.FromStatus(status.Convert(err))) }

	at := r.says(&registrypb.UnitCreated{Unit: unit(1, "Quận ủy Tây Hồ", "")}, &registrypb.GrantGiven{Grant: scopetest.Administrator("lan")})
	o.hears(at) // the first message may wait for the stream to be made
	if got := reason(report(at)); got != faultpb.Reason_REASON_ORGANISATION_UNKNOWN {
		t.Errorf("before the founding: %s", got)
	}
	at = r.says(&registrypb.OrganisationFounded{Organisation: cell(1, "Chi bộ", active)})
	if err := report(at); err != nil {
		t.Errorf("right after the founding: %v", err)
	}
	at = r.says(&registrypb.OrganisationWithdrawn{Organisation: cell(2, "Chi bộ", withdrawn)})
	if got := reason(report(at)); got != faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE {
		t.Errorf("right after the withdrawal: %s", got)
	}
	at = r.says(&registrypb.UnitClosed{Unit: unit(2, "Quận ủy Tây Hồ", "2020-06-15")})
	if got := reason(report(at)); got != faultpb.Reason_REASON_UNIT_NOT_IN_FORCE {
		t.Errorf("right after the closing: %s", got)
	}
}
