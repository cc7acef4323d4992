package access

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"coso/services/platform/fault"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
)

// The words to which a token can be narrowed; one without any stands for all that its principal may do. Several hold
// together: what one of them forbids is forbidden.
const (
	// ScopePassword: changing a one-time password, asking who one is, and signing out.
	ScopePassword = "password"
	// ScopeAPI: a program's token, for all but what is a person's own to do. What asks for a session refuses it itself.
	ScopeAPI = "api"
	// ScopeRead: reading.
	ScopeRead = "read"
)

// sessions is the service by which one signs in and out.
const sessions = "coso.identity.v1.SessionService."

// Reach says which narrowed tokens a method takes (INV-ACCESS-NARROW: a narrowed token is refused wherever its words do not
// lead, and everywhere if a word is not known). The zero Reach takes none.
type Reach struct {
	method         string
	password, read bool
	// person: the method gives power away, or takes it, so a person does it who has signed in. A program's token lies about in
	// files, and what it gave away would outlast it (INV-ACCESS-PERSON).
	person bool
}

// ReachOf reads the reach of a method from the contract: for reading is what declares a permission to read, and what gets or
// lists what concerns nobody but the caller; what is public takes every token, unless it does something with it.
func ReachOf(m protoreflect.MethodDescriptor) Reach {
	r := Reach{method: string(m.Name())}
	switch m.FullName() {
	case sessions + "ChangePassword", sessions + "GetCaller", sessions + "EndSession":
		r.password = true
	}
	declared, ok := proto.GetExtension(m.Options(), accesspb.E_Permission).(accesspb.Permission)
	r.person = personal(m, declared)
	switch {
	case !ok:
	case m.FullName() == sessions+"EndSession": // public, but a token may name one of its owner's sessions
	case declared == accesspb.Permission_PERMISSION_PUBLIC: // a token opens nothing here that none does not
		r.password, r.read = true, true
	case declared == accesspb.Permission_PERMISSION_SIGNED_IN:
		r.read = readsByName(r.method)
	default:
		r.read = Granted(declared) && reading(declared)
	}
	return r
}

// grants is the service that gives and ends grants.
const grants = "coso.registry.v1.GrantService."

// personal reports whether a method is for people who have signed in: whatever manages accounts and grants, and naming a
// substitute and ending a grant, which ask for no permission but may.
func personal(m protoreflect.MethodDescriptor, declared accesspb.Permission) bool {
	switch m.FullName() {
	case grants + "DelegateGrant", grants + "EndGrant":
		return true
	}
	return declared == GrantsManage || declared == AccountsManage
}

func readsByName(method string) bool {
	for _, verb := range []string{"Get", "List", "Watch"} {
		if strings.HasPrefix(method, verb) {
			return true
		}
	}
	return false
}

// Admits refuses a token whose scope does not lead to the method: PermissionDenied (PASSWORD_CHANGE_NEEDED, SESSION_NEEDED,
// TOKEN_SCOPE), or
// Unauthenticated (TOKEN_SCOPE_UNKNOWN) for a word that means nothing here. The words that OpenID Connect has for what it
// tells of a person (`openid`, `profile`, …) narrow nothing: every sign-in by another issuer carries them.
func (r Reach) Admits(scope string) error {
	for word := range strings.FieldsSeq(scope) {
		switch word {
		case ScopeAPI:
			if r.person {
				return fault.PermissionDenied(faultpb.Reason_REASON_SESSION_NEEDED, "")
			}
		case "openid", "profile", "email", "address", "phone", "offline_access":
		case ScopePassword:
			if !r.password {
				return fault.PermissionDenied(faultpb.Reason_REASON_PASSWORD_CHANGE_NEEDED, "")
			}
		case ScopeRead:
			if !r.read {
				return fault.PermissionDenied(faultpb.Reason_REASON_TOKEN_SCOPE, "", "value", word, "name", r.method)
			}
		default:
			return fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_SCOPE_UNKNOWN, "", "value", word)
		}
	}
	return nil
}
