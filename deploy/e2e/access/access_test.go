// Package access holds the golden table of who may call what: every RPC, by role and place. It runs the services as they are, that of
// the accounts among them, with real tokens, grants and events.
package access

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"coso/services/platform/fault"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
)

var update = flag.Bool("update", false, "write the golden table") //nolint:gochecknoglobals // a flag of the test

const golden = "testdata/access.md"

// places are the units of the table; everybody's role is given in own, and moved has left it.
func places() []string { return []string{"own", "child", "parent", "sibling", "root", "moved"} }

// roles are those that grants give.
func roles() []string {
	var out []string
	for n := range int32(len(accesspb.Role_name)) {
		if n > 0 {
			out = append(out, strings.TrimPrefix(accesspb.Role(n).String(), "ROLE_"))
		}
	}
	return out
}

// rpcs are all methods that the services declare, by their short names, in order of services and of the proto files.
func rpcs() []string {
	var out []string
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		pkg, ours := strings.CutPrefix(string(f.Package()), "coso.")
		if !ours {
			return true
		}
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				s := f.Services().Get(i)
				out = append(out, fmt.Sprintf("%s.%s/%s", strings.TrimSuffix(pkg, ".v1"), s.Name(), s.Methods().Get(j).Name()))
			}
		}
		return true
	})
	slices.SortStableFunc(out, func(a, b string) int {
		a, _, _ = strings.Cut(a, "/")
		b, _, _ = strings.Cut(b, "/")
		return strings.Compare(a, b)
	})
	return out
}

// asks are the requests of the table, one for each RPC, in the unit PLACE. None changes anything.
func asks(t testing.TB) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/requests.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if name, request, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			out[name] = request
		}
	}
	return out
}

// unproved is how the table shows that a caller has not proved who he is.
const unproved = "?"

// mark is how the table shows an answer.
func mark(t testing.TB, what string, err error) string {
	t.Helper()
	switch code := status.Code(err); code {
	case codes.PermissionDenied:
		return "-"
	case codes.Unauthenticated:
		return unproved
	case codes.NotFound:
		return "."
	case codes.InvalidArgument, codes.Internal, codes.Unknown, codes.Unimplemented, codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.DataLoss:
		t.Errorf("%s: %v", what, err)
		return "!"
	default:
		return "+"
	}
}

// Every RPC, by everybody, everywhere, is answered as the table says: `go test ./e2e/access -update` writes it anew, and a row
// that changes is a change of who may do what.
func TestWhoMayCallWhat(t *testing.T) {
	h := newHouse(t)
	h.settle()
	h.people()
	requests := asks(t)
	var table strings.Builder
	table.WriteString(legend)
	bad := badTokens(t, h.issuer)
	fmt.Fprintf(&table, "| RPC | %s | ended |", strings.ToLower(strings.Join(roles(), " | ")))
	for _, b := range bad {
		fmt.Fprintf(&table, " %s |", b.name)
	}
	fmt.Fprintf(&table, "\n|---|%s\n", strings.Repeat("---|", len(roles())+1+len(bad)))
	for _, short := range rpcs() {
		request, ok := requests[short]
		if !ok {
			t.Errorf("%s has no request in testdata/requests.txt, and so no row: who may call it?", short)
			continue
		}
		fmt.Fprintf(&table, "| %s |", short)
		for _, role := range roles() {
			fmt.Fprintf(&table, " `%s` |", h.row(short, request, strings.ReplaceAll(strings.ToLower(role), "_", "-")))
		}
		ended := ""
		for _, role := range roles() {
			account := strings.ReplaceAll(strings.ToLower(role), "_", "-") + "-ended"
			ended = same(ended, h.cell(short, request, "own", h.issuer.Token(account)))
		}
		fmt.Fprintf(&table, " `%s` |", ended)
		for _, b := range bad {
			shown, reason := h.answer(short, request, "own", b.compact)
			fmt.Fprintf(&table, " `%s` |", shown)
			if shown == unproved {
				b.refused[strings.TrimPrefix(reason.String(), "REASON_")] = true
			}
		}
		table.WriteString("\n")
	}
	table.WriteString(causes)
	for _, b := range bad {
		fmt.Fprintf(&table, "| %s | %s |\n", b.name, strings.Join(slices.Sorted(maps.Keys(b.refused)), ", "))
	}
	compare(t, table.String())
}

const legend = "Who may call what. Each cell is a role's, given in the unit *own*: the answer for *own*, *child*, *parent*, *sibling*, *root*\n" +
	"and *moved* (which has left *own* for *sibling*), then, after the gap, for *root* with the role given everywhere: `+` he may,\n" +
	"`-` PERMISSION_DENIED, `.` for him there is no such thing, `?` UNAUTHENTICATED. The last columns are callers whose grant has\n" +
	"ended, without a token, and with a bad one of the administrator's. Accounts belong to no unit. The callers here have none, nor a\n" +
	"session: who must have one, or shows a secret in place of a token, is `?`.\n\n"

const causes = "\nWhy each of the last columns is refused where it is `?`, by whichever RPC:\n\n| token | reasons |\n|---|---|\n"

// same is what two cells have in common: themselves, or that they differ.
func same(a, b string) string {
	if a == "" || a == b {
		return b
	}
	return "differ"
}

// row is what a role may.
func (h *house) row(short, request, account string) string {
	h.t.Helper()
	var out strings.Builder
	for _, p := range places() {
		out.WriteString(h.cell(short, request, p, h.issuer.Token(account)))
	}
	return out.String() + " " + h.cell(short, request, "root", h.issuer.Token(account+"-all"))
}

// cell is one answer.
func (h *house) cell(short, request, place, compact string) string {
	h.t.Helper()
	shown, _ := h.answer(short, request, place, compact)
	return shown
}

// answer is one answer, and why it is a refusal if it is one.
func (h *house) answer(short, request, place, compact string) (string, faultpb.Reason) {
	h.t.Helper()
	request = strings.NewReplacer("PLACE", place, "NOMINATION", h.nominations[place]).Replace(request)
	_, err := h.call(short, compact, request)
	return mark(h.t, short+" "+request, err), fault.ReasonOf(fault.FromStatus(status.Convert(err)))
}

func compare(t testing.TB, table string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) == table {
		return
	}
	have := strings.Split(string(want), "\n")
	for line := range strings.SplitSeq(table, "\n") {
		if !slices.Contains(have, line) {
			t.Errorf("not so in %s:\n%s", golden, line)
		}
	}
	t.Errorf("%s is another; go test ./e2e/access -update writes it", golden)
}
