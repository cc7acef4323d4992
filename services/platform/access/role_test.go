package access_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	accesspb "coso/proto/gen/coso/access/v1"
	"coso/services/platform/access"
)

// readme is where an operator reads what roles may do; the table follows the heading.
const (
	readme  = "../../../deploy/README.md"
	heading = "### Roles\n\n"
)

// The table of roles in deploy/README.md is the one that is in force.
func TestRolesAreInTheREADME(t *testing.T) {
	raw, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(raw), heading)
	if !found {
		t.Fatalf("%s has no part %q", readme, strings.TrimSpace(heading))
	}
	have, rest, _ := strings.Cut(after, "\n\n")
	if have+"\n" == table() {
		return
	}
	if !*update {
		t.Fatalf("the table of roles in %s is another; go test ./platform/access -update writes it:\n%s", readme, table())
	}
	if err := os.WriteFile(readme, []byte(before+heading+table()+"\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
}

// table shows which role holds which permission.
func table() string {
	all := slices.Sorted(maps.Keys(accesspb.Role_name))[1:]
	var out strings.Builder
	out.WriteString("| permission |")
	for _, role := range all {
		word := strings.TrimPrefix(accesspb.Role(role).String(), "ROLE_")
		fmt.Fprintf(&out, " %s |", strings.ReplaceAll(strings.ToLower(word), "_", " "))
	}
	out.WriteString("\n|---|" + strings.Repeat(":-:|", len(all)) + "\n")
	for _, number := range slices.Sorted(maps.Keys(accesspb.Permission_name)) {
		p := accesspb.Permission(number)
		if !access.Granted(p) {
			continue
		}
		fmt.Fprintf(&out, "| %s |", access.Word(p))
		for _, role := range all {
			out.WriteString(map[bool]string{true: " ● |", false: "  |"}[access.Holds(accesspb.Role(role), p)])
		}
		out.WriteString("\n")
	}
	return out.String()
}

func TestRoles(t *testing.T) {
	for number := range accesspb.Permission_name {
		p := accesspb.Permission(number)
		if access.Granted(p) != access.Holds(accesspb.Role_ROLE_ADMINISTRATOR, p) {
			t.Errorf("the administrator and %v", p)
		}
	}
	for number := range accesspb.Role_name {
		role := accesspb.Role(number)
		held := access.Permissions(role)
		if (len(held) > 0) != (role != accesspb.Role_ROLE_UNSPECIFIED) {
			t.Errorf("%v holds %v", role, held)
		}
		if sorted := slices.Sorted(slices.Values(held)); len(slices.Compact(sorted)) != len(held) {
			t.Errorf("%v holds something twice: %v", role, held)
		}
		for _, p := range held {
			if !access.Granted(p) {
				t.Errorf("%v holds %v, which no grant gives", role, p)
			}
		}
	}
}

// INV-ACCESS-GATEWAY-NOTHING: what a principal may do without a grant, services alone, and of them only reading; the gateway
// nothing. Nobody is left over from before there were identities.
func TestWhatNeedsNoGrant(t *testing.T) {
	for _, tc := range []struct {
		principal access.Principal
		reads     bool
	}{
		{access.Service("planning"), true},
		{access.Service("gateway"), false},
		{access.Principal{Name: "principals/lan"}, false},
		{access.Principal{Name: "principals/local"}, false},
		{access.Principal{Name: access.Operator}, false},
		{access.Principal{}, false},
	} {
		for number := range accesspb.Permission_name {
			p := accesspb.Permission(number)
			want := tc.reads && access.Holds(accesspb.Role_ROLE_VIEWER, p)
			if got := access.Fixed(tc.principal, p); got != want {
				t.Errorf("%v, %v: %v, want %v", tc.principal, p, got, want)
			}
		}
	}
}
