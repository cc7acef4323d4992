package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/run"
	"coso/services/platform/store"
	"coso/services/platform/token/tokentest"
	"coso/services/registry"
	"coso/services/registry/internal/records"
	"coso/services/registry/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office is a client of a registry with a store of its own, on 30 November 2020: the first administrator, who may do
// everything. issuer signs in others.
type office struct {
	testing.TB
	registrypb.UnitServiceClient
	registrypb.EnterpriseServiceClient
	registrypb.OrganisationServiceClient
	store  *store.Store
	issuer *tokentest.Own
	now    time.Time
}

func open(t testing.TB) *office {
	t.Helper()
	o := &office{TB: t, issuer: tokentest.Issuer(t), now: began.AddDate(0, 0, -1)}
	service, err := registry.New(run.Options{
		Dir: t.TempDir(), Clock: func() time.Time { return o.now }, Logger: slog.New(slog.DiscardHandler),
		Tokens: o.issuer.Verifier(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Store().Verify(context.Background(), nil); err != nil {
			t.Errorf("the journal is not sound: %v", err)
		}
		if err := service.Close(); err != nil {
			t.Error(err)
		}
	})
	must(0, server.FirstAdministrator(t.Context(), service.Store(), registry.FirstAdministrator))(t)
	o.store, o.now = service.Store(), began
	conn := o.issuer.As("admin", service.Conn())
	o.UnitServiceClient = registrypb.NewUnitServiceClient(conn)
	o.EnterpriseServiceClient = registrypb.NewEnterpriseServiceClient(conn)
	o.OrganisationServiceClient = registrypb.NewOrganisationServiceClient(conn)
	return o
}

// hanoi is an office with the city of Hà Nội, two districts, one of which closes on 1 July 2025, an enterprise in Tây Hồ
// and a cell in it.
func hanoi(t testing.TB) *office {
	t.Helper()
	o := open(t)
	o.unit("ha-noi", "Thành ủy Hà Nội", "1954-10-10", "")
	o.unit("tay-ho", "Quận ủy Tây Hồ", "1995-10-28", "units/ha-noi")
	o.unit("ung-hoa", "Huyện ủy Ứng Hòa", "2008-08-01", "units/ha-noi")
	must(o.CloseUnit(t.Context(), &registrypb.CloseUnitRequest{Name: "units/ung-hoa", ClosedOn: "2025-07-01"}))(t)
	o.enterprise("hoa-sen", "Công ty TNHH Hoa Sen", taxCode(1), "units/tay-ho")
	o.organisation("chi-bo-hoa-sen", "Chi bộ Công ty TNHH Hoa Sen", "2020-06-01")
	return o
}

func (o *office) unit(id, displayName, from, parent string) {
	o.Helper()
	must(o.CreateUnit(o.Context(), &registrypb.CreateUnitRequest{UnitId: id, Unit: &registrypb.Unit{
		DisplayName: displayName, Level: "DISTRICT_COMMITTEE", ValidFrom: from,
		Placements: []*registrypb.Placement{{Tree: "party", Parent: parent, FromDate: from}},
	}}))(o.TB)
}

func askEnterprise(id, displayName, taxCode, unit string) *registrypb.CreateEnterpriseRequest {
	return &registrypb.CreateEnterpriseRequest{EnterpriseId: id, Enterprise: &registrypb.Enterprise{
		DisplayName: displayName, TaxCode: taxCode, LegalForm: registrypb.LegalForm_LEGAL_FORM_LLC, Unit: unit,
	}}
}

func (o *office) enterprise(id, displayName, taxCode, unit string) {
	o.Helper()
	must(o.CreateEnterprise(o.Context(), askEnterprise(id, displayName, taxCode, unit)))(o.TB)
}

func askOrganisation(id, displayName, founded, unit string) *registrypb.CreateOrganisationRequest {
	return &registrypb.CreateOrganisationRequest{OrganisationId: id, Organisation: &registrypb.Organisation{
		DisplayName: displayName, Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL, FoundedOn: founded,
		Unit: unit, Enterprise: "enterprises/hoa-sen", FoundingDecision: "12-QĐ/QU",
	}}
}

// organisation is one of Tây Hồ.
func (o *office) organisation(id, displayName, founded string) *registrypb.Organisation {
	o.Helper()
	return must(o.CreateOrganisation(o.Context(), askOrganisation(id, displayName, founded, "units/tay-ho")))(o.TB)
}

// taxCode makes the n-th of the tax codes that tests use; no office ever issued one that begins with 99.
func taxCode(n int) string {
	for nine := 990000000 + 2*n; ; nine++ {
		sum := 0
		for i, weight := range []int{31, 29, 23, 19, 17, 13, 7, 5, 3} {
			sum += weight * int(fmt.Sprint(nine)[i]-'0')
		}
		if check := 10 - sum%11; check < 10 {
			return fmt.Sprintf("%d%d", nine, check)
		}
	}
}

// mistyped is a code with another last digit.
func mistyped(code string) string {
	return code[:len(code)-1] + string('0'+(code[len(code)-1]-'0'+1)%10)
}

// must is for calls that succeed.
func must[T any](answer T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return answer
	}
}

// refusal is what a client hears.
type refusal struct {
	Code   codes.Code
	Reason faultpb.Reason
	Field  string
}

// refused reads a status; it complains of one without texts in both languages.
func refused(t testing.TB, err error) refusal {
	t.Helper()
	st := status.Convert(err)
	e := fault.From(fault.FromStatus(st))
	if e == nil {
		return refusal{}
	}
	if e.Msg == "" || e.MsgVi == "" || e.Msg == e.MsgVi {
		t.Errorf("texts: %q, %q", e.Msg, e.MsgVi)
	}
	if strings.Contains(e.Msg, "(not given)") || strings.Contains(e.MsgVi, "(không có)") {
		t.Errorf("%v lacks a value: %q", e.Reason, e.Msg)
	}
	return refusal{st.Code(), e.Reason, e.Field}
}

// wantRefused complains unless err is this refusal.
func wantRefused(t testing.TB, err error, code codes.Code, reason faultpb.Reason, field string) {
	t.Helper()
	want := refusal{code, reason, field}
	if got := refused(t, err); got != want {
		t.Errorf("refused with %v (%v), want %v", got, err, want)
	}
}

// contents is everything a registry holds, and where its journal ends.
type contents struct {
	Records  map[string]proto.Message
	Position uint64
	Events   uint64
}

func (o *office) contents() contents {
	o.Helper()
	out, err := store.View(o.Context(), o.store, func(tx *store.ReadTx) (contents, error) {
		out := contents{Records: map[string]proto.Message{}}
		return out, firstOf(add(out, records.Units.All(tx)), add(out, records.Enterprises.All(tx)), add(out, records.Organisations.All(tx)))
	})
	if err != nil {
		o.Fatal(err)
	}
	out.Position, out.Events = o.store.Head().GetPosition(), o.store.Head().GetEvents()
	return out
}

func add[T interface {
	proto.Message
	GetName() string
}](to contents, all func(func(T, error) bool)) error {
	for rec, err := range all {
		if err != nil {
			return err
		}
		to.Records[rec.GetName()] = rec
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// unchanged runs calls and complains if the registry is not the same after them.
func (o *office) unchanged(calls func()) {
	o.Helper()
	before := o.contents()
	calls()
	if diff := cmp.Diff(before, o.contents(), protocmp.Transform()); diff != "" {
		o.Errorf("something changed (-before +after):\n%s", diff)
	}
}
