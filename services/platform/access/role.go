package access

import (
	"slices"
	"strings"

	accesspb "coso/proto/gen/coso/access/v1"
)

// reads are the permissions to read what a committee works with.
var reads = []accesspb.Permission{
	UnitsRead,
	EnterprisesRead,
	OrganisationsRead,
	IntakesRead,
	PlansRead,
	NominationsRead,
}

// roles is the one table of who may do what; the README shows it as golden text.
var roles = map[accesspb.Role][]accesspb.Permission{ //nolint:exhaustive // no role holds nothing
	accesspb.Role_ROLE_VIEWER: reads,
	accesspb.Role_ROLE_CLERK: with(
		EnterprisesRecord,
		OrganisationsRecord,
		IntakesRecord,
		TargetsRegister,
	),
	accesspb.Role_ROLE_PLANNER: with(
		PlansManage,
		TargetsRegister,
		TargetsPropose,
	),
	accesspb.Role_ROLE_APPROVER: with(
		OrganisationsCorrect,
		IntakesCorrect,
		TargetsApprove,
	),
	accesspb.Role_ROLE_COUNCIL_MEMBER: reads,
	accesspb.Role_ROLE_AUDITOR: with(
		GrantsRead,
		AccountsRead,
		ReadingsRead,
	),
	accesspb.Role_ROLE_ADMINISTRATOR: all(),
}

// with are the reads and more.
func with(more ...accesspb.Permission) []accesspb.Permission { return slices.Concat(reads, more) }

// all is every permission that a grant can give.
func all() []accesspb.Permission {
	var out []accesspb.Permission
	for number := range accesspb.Permission_name {
		if p := accesspb.Permission(number); Granted(p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// Granted reports whether a permission comes by grants. The others are decided by how one comes in: signed in or not, as
// a service, over the operator's socket.
func Granted(p accesspb.Permission) bool { return p > accesspb.Permission_PERMISSION_OPERATOR }

// Permissions are what a role may do, none twice. The caller must not change them.
func Permissions(r accesspb.Role) []accesspb.Permission { return roles[r] }

// Holds reports whether a role has a permission.
func Holds(r accesspb.Role, p accesspb.Permission) bool { return slices.Contains(roles[r], p) }

// Fixed reports whether a principal may do something everywhere without a grant: services read, on their own account, the
// gateway aside, which only brings what others ask (INV-ACCESS-GATEWAY-NOTHING). Nobody else may do anything without one.
func Fixed(p Principal, what accesspb.Permission) bool {
	return p.IsService() && p != Service("gateway") && slices.Contains(reads, what)
}

// Word is how people write a permission: `ORGANISATIONS_RECORD`.
func Word(p accesspb.Permission) string { return strings.TrimPrefix(p.String(), "PERMISSION_") }
