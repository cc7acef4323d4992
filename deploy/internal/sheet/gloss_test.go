package sheet

import (
	"strings"
	"testing"

	"coso/services/platform/fault"
	"coso/services/platform/text"

	"google.golang.org/protobuf/reflect/protoreflect"

	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// Every word that a sheet may hold has a Vietnamese name, which means it alone, however it is typed.
func TestGloss(t *testing.T) {
	for _, d := range []protoreflect.EnumDescriptor{
		registrypb.OrganisationKind(0).Descriptor(), registrypb.LegalForm(0).Descriptor(),
		membershippb.IntakeKind(0).Descriptor(), planningpb.PeriodKind(0).Descriptor(),
	} {
		seen := map[string]string{}
		words, prefix := fault.Words(d)
		for _, w := range words {
			called := gloss[w]
			if other := seen[text.Fold(called)]; called == "" || other != "" {
				t.Errorf("%s is called %q, as is %s", w, called, other)
			}
			seen[text.Fold(called)] = w
			want := d.Values().ByName(protoreflect.Name(prefix + w)).Number()
			for _, typed := range []string{w, prefix + w, called, " " + called + "  ", strings.ToUpper(called)} {
				if n, err := enum(d, typed); err != nil || n != want {
					t.Errorf("%q is %d, want %d: %v", typed, n, want, err)
				}
			}
		}
	}
	if _, err := enum(registrypb.OrganisationKind(0).Descriptor(), "Chi bộ cơ sở"); err != nil {
		t.Error(err)
	}
	for given, says := range map[string]string{
		"TNHH": "did you mean LLC (công ty tnhh)?", "công ty cổ phầm": "did you mean JOINT_STOCK (công ty cổ phần)?", "LCC": "did you mean LLC (công ty tnhh)?",
		"hoàn toàn khác": "PARTNERSHIP (công ty hợp danh), FOREIGN_INVESTED (doanh nghiệp có vốn nước ngoài), COOPERATIVE (hợp tác xã), … (all of them:",
	} {
		if _, err := enum(registrypb.LegalForm(0).Descriptor(), given); err == nil || !strings.Contains(err.Error(), says) || len(err.Error()) > 400 {
			t.Errorf("%s: says %v", given, err)
		}
	}
}
