package rpc_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/services/platform/access"

	accesspb "coso/proto/gen/coso/access/v1"

	_ "coso/proto/gen/coso/history/v1"
	_ "coso/proto/gen/coso/identity/v1"
	_ "coso/proto/gen/coso/reading/v1"
)

// The marks of the contract: a change of what is personal, or of what concerns nobody but the caller, is a change of these lists.
func TestWhatIsPersonal(t *testing.T) {
	want := []string{
		"coso.history.v1.FieldChange.personal",
		"coso.identity.v1.Account.disabled_reason", "coso.identity.v1.Account.display_name",
		"coso.identity.v1.ApiToken.use_time", "coso.identity.v1.Caller.display_name",
		"coso.identity.v1.Session.source", "coso.identity.v1.Session.use_time",
		"coso.reading.v1.ListReadingsResponse.readings",
	}
	var got, own []string
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			for j := range file.Services().Get(i).Methods().Len() {
				m := file.Services().Get(i).Methods().Get(j)
				if is, _ := proto.GetExtension(m.Options(), accesspb.E_Own).(bool); is && strings.HasPrefix(file.Path(), "coso/") {
					own = append(own, string(m.FullName()))
					if p, _ := proto.GetExtension(m.Options(), accesspb.E_Permission).(accesspb.Permission); access.Granted(p) {
						t.Errorf("%s shows by grants what is said to be the caller's own", m.FullName())
					}
				}
			}
		}
		for i := range file.Messages().Len() {
			for j := range file.Messages().Get(i).Fields().Len() {
				f := file.Messages().Get(i).Fields().Get(j)
				if strings.HasPrefix(file.Path(), "coso/") && access.Personal(f) {
					got = append(got, string(f.FullName()))
				}
			}
		}
		return true
	})
	slices.Sort(got)
	slices.Sort(own)
	if want := []string{
		"coso.identity.v1.ApiTokenService.CreateApiToken", "coso.identity.v1.ApiTokenService.ListApiTokens", "coso.identity.v1.ApiTokenService.RevokeApiToken",
		"coso.identity.v1.SessionService.CreateSession", "coso.identity.v1.SessionService.GetCaller", "coso.identity.v1.SessionService.ListSessions",
		"coso.identity.v1.SessionService.RefreshSession", "coso.identity.v1.SignInService.BeginSession",
	}; !slices.Equal(own, want) {
		t.Errorf("the caller's own are\n%s, want\n%s", strings.Join(own, "\n"), strings.Join(want, "\n"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("personal are\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
