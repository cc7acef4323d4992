package enterprise_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/registry/internal/enterprise"
)

const name = "enterprises/hoa-sen"

var unit = &registrypb.Unit{Name: "units/ha-noi"}

func asked(taxCode string) *registrypb.Enterprise {
	return &registrypb.Enterprise{
		DisplayName: "Công ty TNHH Hoa Sen", TaxCode: taxCode, Unit: unit.GetName(),
		LegalForm: registrypb.LegalForm_LEGAL_FORM_LLC,
	}
}

func TestCreate(t *testing.T) {
	for _, tc := range []struct {
		name    string
		taxCode string
		unit    *registrypb.Unit
		kind    registrypb.TaxCodeKind
		refused faultpb.Reason
		code    fault.Kind
		field   string
	}{
		{"enterprise", validCode, unit, ten, unknown, 0, ""},
		{"branch", validCode + "-007", unit, branch, unknown, 0, ""},
		{"household", "001099012345", unit, personal, unknown, 0, ""},
		{"no tax code", "12", unit, none, badFormat, fault.KindInvalidArgument, "taxCode"},
		{"never issued", "0000000000", unit, none, badDigit, fault.KindInvalidArgument, "taxCode"},
		{"unknown unit", validCode, nil, none, faultpb.Reason_REASON_UNIT_UNKNOWN, fault.KindFailedPrecondition, "unit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, event, err := enterprise.Create(asked(tc.taxCode), name, tc.unit)
			if tc.refused != unknown {
				wantRefused(t, err, tc.code, tc.refused, tc.field)
				return
			}
			if err != nil || event == nil {
				t.Fatalf("Create: %v, %v", event, err)
			}
			want := asked(tc.taxCode)
			want.Name, want.TaxCodeKind = name, tc.kind
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("enterprise (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUpdate(t *testing.T) {
	cur, _, err := enterprise.Create(asked(validCode), name, unit)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(e *registrypb.Enterprise)) *registrypb.Enterprise {
		merged := proto.CloneOf(cur)
		f(merged)
		return merged
	}
	t.Run("nothing", func(t *testing.T) {
		next, event, err := enterprise.Update(cur, proto.CloneOf(cur), nil)
		if next != cur || event != nil || err != nil {
			t.Errorf("Update = %v, %v, %v; want the record as it is", next, event, err)
		}
	})
	t.Run("the kind follows the code", func(t *testing.T) {
		merged := change(func(e *registrypb.Enterprise) { e.TaxCode = validCode + "-001" })
		next, event, err := enterprise.Update(cur, merged, unit)
		if err != nil || event == nil || next.GetTaxCodeKind() != branch {
			t.Errorf("Update = %v, %v, %v", next, event, err)
		}
		if merged.GetTaxCodeKind() != ten {
			t.Error("Update changed its argument")
		}
	})
	t.Run("a wrong code", func(t *testing.T) {
		_, _, err := enterprise.Update(cur, change(func(e *registrypb.Enterprise) { e.TaxCode = "0100109107" }), unit)
		wantRefused(t, err, fault.KindInvalidArgument, badDigit, "taxCode")
	})
	t.Run("an unknown unit", func(t *testing.T) {
		_, _, err := enterprise.Update(cur, change(func(e *registrypb.Enterprise) { e.Unit = "units/none" }), nil)
		wantRefused(t, err, fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "unit")
	})
}

// INV-ENTERPRISE-TAX-CODE and INV-ENTERPRISE-UNIT-KNOWN: whatever is asked for, what a rule lets through keeps them.
func TestEnterpriseProperty(t *testing.T) {
	codes := rapid.OneOf(
		rapid.StringMatching(`[0-9]{10}`).Filter(issued),
		rapid.StringMatching(`[0-9]{10}(-[0-9]{3})?`),
		rapid.StringMatching(`[0-9]{8,13}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		known := func(label string) *registrypb.Unit {
			if rapid.Bool().Draw(t, label) {
				return unit
			}
			return nil
		}
		u := known("unit known")
		e, _, err := enterprise.Create(asked(codes.Draw(t, "code")), name, u)
		if err == nil {
			wantSound(t, e, u)
			merged := proto.CloneOf(e)
			merged.TaxCode = codes.Draw(t, "new code")
			u = known("new unit known")
			next, event, err := enterprise.Update(e, merged, u)
			if err == nil && event != nil {
				wantSound(t, next, u)
			}
		}
	})
}

func wantSound(t *rapid.T, e *registrypb.Enterprise, u *registrypb.Unit) {
	if kind, err := enterprise.KindOf(e.GetTaxCode()); err != nil || kind != e.GetTaxCodeKind() {
		t.Fatalf("INV-ENTERPRISE-TAX-CODE: %s is recorded as %v (%v)", e.GetTaxCode(), e.GetTaxCodeKind(), err)
	}
	if u == nil {
		t.Fatalf("INV-ENTERPRISE-UNIT-KNOWN: %s has no unit", e.GetName())
	}
}

// INV-ENTERPRISE-UNKNOWN-FIELDS.
func TestUnknownFieldsSurvive(t *testing.T) {
	newer := protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 42)
	ask := asked(validCode)
	ask.ProtoReflect().SetUnknown(newer)
	cur, _, err := enterprise.Create(ask, name, unit)
	if err != nil {
		t.Fatal(err)
	}
	merged := proto.CloneOf(cur)
	merged.DisplayName = "Công ty TNHH Sen Hồng"
	next, _, err := enterprise.Update(cur, merged, unit)
	if err != nil {
		t.Fatal(err)
	}
	for rule, e := range map[string]*registrypb.Enterprise{"Create": cur, "Update": next} {
		if got := e.ProtoReflect().GetUnknown(); string(got) != string(newer) {
			t.Errorf("%s keeps %x of the unknown field %x", rule, got, newer)
		}
	}
}

func wantRefused(t *testing.T, err error, kind fault.Kind, reason faultpb.Reason, field string) {
	t.Helper()
	got := fault.From(err)
	if got == nil || got.Kind != kind || got.Reason != reason || got.Field != field {
		t.Errorf("refused with %v; want %v %v at %q", err, kind, reason, field)
	}
}
