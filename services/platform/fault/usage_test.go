package fault

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// sourceRoots are the folders whose calls of the constructors are checked: this module and, in a full checkout, those
// beside it.
var sourceRoots = []string{"../..", "../../../gateway", "../../../deploy"}

// TestCallsGiveTheirParams is a rule of style as a test: who refuses with a reason written out gives it the
// params its texts name or more, so that no text has a hole.
func TestCallsGiveTheirParams(t *testing.T) {
	calls := 0
	for _, root := range sourceRoots {
		if _, err := os.Stat(root); os.IsNotExist(err) {
			continue
		}
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			n, problems, err := checkFile(path)
			calls += n
			for _, problem := range problems {
				t.Error(problem)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if calls == 0 {
		t.Error("no call found: the test does not see the source")
	}
}

func checkFile(path string) (calls int, problems []string, err error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", path, err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		reason, ok := refusal(call)
		if !ok {
			return true
		}
		calls++
		if problem := checkParams(call, reason); problem != "" {
			problems = append(problems, fmt.Sprintf("%s: %v: %s", fset.Position(call.Pos()), reason, problem))
		}
		return true
	})
	return calls, problems, nil
}

// refusal recognises `fault.NotFound(faultpb.Reason_REASON_X, …)`.
func refusal(call *ast.CallExpr) (faultpb.Reason, bool) {
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) < 2 || call.Ellipsis.IsValid() {
		return 0, false
	}
	if pkg, ok := fun.X.(*ast.Ident); !ok || pkg.Name != "fault" {
		return 0, false
	}
	arg, ok := call.Args[0].(*ast.SelectorExpr)
	if !ok {
		return 0, false
	}
	number, ok := faultpb.Reason_value[strings.TrimPrefix(arg.Sel.Name, "Reason_")]
	return faultpb.Reason(number), ok
}

func checkParams(call *ast.CallExpr, reason faultpb.Reason) string {
	pairs := call.Args[2:]
	if len(pairs)%2 != 0 {
		return "a param has no value"
	}
	var given []string
	for i := 0; i < len(pairs); i += 2 {
		literal, ok := pairs[i].(*ast.BasicLit)
		if !ok {
			return "a param's name is not written out"
		}
		name, err := strconv.Unquote(literal.Value)
		if err != nil {
			return err.Error()
		}
		given = append(given, name)
	}
	for _, name := range catalogue[reason].params() {
		if !slices.Contains(given, name) {
			return fmt.Sprintf("the text names %q, given are %q", name, given)
		}
	}
	return ""
}
