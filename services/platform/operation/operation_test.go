package operation

import (
	"slices"
	"testing"

	"coso/services/platform/access"

	accesspb "coso/proto/gen/coso/access/v1"
	_ "coso/proto/gen/coso/award/v1" // the contracts of the services
	_ "coso/proto/gen/coso/membership/v1"
	_ "coso/proto/gen/coso/planning/v1"
	_ "coso/proto/gen/coso/registry/v1"
)

// Who may record what a service's batches bring in may begin its operations; where they bring in nothing, nobody may.
func TestWhatBeginningAnOperationAsksFor(t *testing.T) {
	for service, want := range map[string][]accesspb.Permission{
		"registry":   {access.EnterprisesRecord, access.OrganisationsRecord},
		"membership": {access.IntakesRecord},
		"planning":   {access.TargetsRegister},
		"award":      nil,
		"identity":   nil,
	} {
		if got := recording(service); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", service, got, want)
		}
	}
}
