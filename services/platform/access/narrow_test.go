package access_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"

	_ "coso/proto/gen/coso/award/v1"
	_ "coso/proto/gen/coso/backup/v1"
	_ "coso/proto/gen/coso/checkpoint/v1"
	_ "coso/proto/gen/coso/feed/v1"
	_ "coso/proto/gen/coso/identity/v1"
	_ "coso/proto/gen/coso/membership/v1"
	_ "coso/proto/gen/coso/operation/v1"
	_ "coso/proto/gen/coso/planning/v1"
	_ "coso/proto/gen/coso/reading/v1"
	_ "coso/proto/gen/coso/registry/v1"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag of the test

// methods are all of the contract.
func methods() []protoreflect.MethodDescriptor {
	var out []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			if !strings.HasPrefix(file.Path(), "coso/") {
				continue
			}
			of := file.Services().Get(i).Methods()
			for j := range of.Len() {
				out = append(out, of.Get(j))
			}
		}
		return true
	})
	slices.SortFunc(out, func(a, b protoreflect.MethodDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return out
}

// INV-ACCESS-NARROW: the table says for every method of the contract which narrowed tokens it takes.
func TestNarrowedTokens(t *testing.T) {
	var table strings.Builder
	for _, m := range methods() {
		r := access.ReachOf(m)
		var takes []string
		for _, scope := range []string{"password", "read", "api", "api read", "api password", "openid profile", "", "everything", "read everything"} {
			err := r.Admits(scope)
			switch strange := strings.Contains(scope, "everything"); {
			case strange && fault.ReasonOf(err) != faultpb.Reason_REASON_TOKEN_SCOPE_UNKNOWN && fault.ReasonOf(err) != faultpb.Reason_REASON_TOKEN_SCOPE:
				t.Errorf("%s takes %q: %v", m.FullName(), scope, err)
			case !strange && err == nil && scope != "" && !strings.Contains(scope, " "):
				takes = append(takes, scope)
			case !strange && err != nil && fault.KindOf(err) != fault.KindPermissionDenied:
				t.Errorf("%s refuses %q with %v", m.FullName(), scope, err)
			}
		}
		if (r.Admits("api read") == nil) != slices.Contains(takes, "read") || (r.Admits("password api") == nil) != slices.Contains(takes, "password") {
			t.Errorf("%s: several words do not hold together", m.FullName())
		}
		fmt.Fprintf(&table, "%-70s %s\n", m.FullName(), strings.Join(takes, " "))
	}
	const golden = "testdata/narrow.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(table.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if table.String() != string(want) {
		t.Errorf("%s is not what holds now; -update writes it:\n%s", golden, table.String())
	}
}

// INV-ACCESS-PERSON: whatever gives power to somebody or takes it is a person's to do, who has signed in; a program's token, of
// whomever, does not reach it. What else there is it does reach.
func TestWhatIsAPersonsToDo(t *testing.T) {
	found := 0
	for _, m := range methods() {
		declared, _ := proto.GetExtension(m.Options(), accesspb.E_Permission).(accesspb.Permission)
		service, name := string(m.Parent().Name()), string(m.Name())
		writes := !strings.HasPrefix(name, "Get") && !strings.HasPrefix(name, "List")
		want := declared == access.GrantsManage || declared == access.AccountsManage || service == "GrantService" && writes || service == "AccountService" && writes
		for _, scope := range []string{"api", "api read", "api openid"} {
			err := access.ReachOf(m).Admits(scope)
			if got := fault.ReasonOf(err) == faultpb.Reason_REASON_SESSION_NEEDED; err != nil && got != want || err == nil && want {
				t.Errorf("%s takes %q: %v", m.FullName(), scope, err)
			}
		}
		if err := access.ReachOf(m).Admits("openid profile"); want && err != nil {
			t.Errorf("%s does not take another issuer's token: %v", m.FullName(), err)
		}
		if want {
			found++
		}
	}
	if found < 6 {
		t.Errorf("%d methods are a person's to do", found)
	}
}
