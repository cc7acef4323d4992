package identity

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	identitypb "coso/proto/gen/coso/identity/v1"
	operatorpb "coso/proto/gen/coso/operator/v1"
)

// INV-IDENTITY-SECRET-ONCE: no method that answers a secret takes a request id, by which it would answer it again.
func TestNoSecretIsAnsweredAgain(t *testing.T) {
	secrets := []protoreflect.Name{"secret", "one_time_password", "token", "refresh_token"}
	var found []string
	for _, file := range []protoreflect.FileDescriptor{
		identitypb.File_coso_identity_v1_account_proto, identitypb.File_coso_identity_v1_api_token_proto,
		identitypb.File_coso_identity_v1_session_proto, operatorpb.File_coso_operator_v1_operator_proto,
	} {
		for i := range file.Services().Len() {
			for j := range file.Services().Get(i).Methods().Len() {
				m := file.Services().Get(i).Methods().Get(j)
				if !slices.ContainsFunc(secrets, func(name protoreflect.Name) bool { return m.Output().Fields().ByName(name) != nil }) {
					continue
				}
				found = append(found, string(m.Name()))
				if m.Input().Fields().ByName("request_id") != nil {
					t.Errorf("%s answers a secret and takes a request id", m.FullName())
				}
			}
		}
	}
	if len(found) < 6 {
		t.Errorf("only %v answer secrets", found)
	}
}
