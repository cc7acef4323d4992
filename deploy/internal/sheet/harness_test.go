package sheet_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coso/deploy/internal/approval"
	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"
	"coso/deploy/internal/single"
	"coso/deploy/internal/single/singletest"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const dataSet = "../../demo/hanoi-2020"

// start runs a coso of its own until the test ends, and answers a client of its administrator.
func start(t testing.TB) *client.Client {
	t.Helper()
	_, people := serve(t)
	return people.Client(t)
}

// serve is start, and answers the address and the people.
func serve(t testing.TB) (string, *singletest.People) {
	t.Helper()
	base, _ := singletest.Start(t, single.Options{})
	return base, singletest.At(base)
}

// signedIn is start, and answers a client of lan too, who approves.
func signedIn(t testing.TB) (admin, lan *client.Client) {
	t.Helper()
	_, people := serve(t)
	return people.Client(t), people.Lan(t).Client
}

func parse(t testing.TB, file, raw string) *sheet.Sheet {
	t.Helper()
	s, err := sheet.Parse(file, []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// city are the sheets of the demo.
func city(t testing.TB) []*sheet.Sheet {
	t.Helper()
	var out []*sheet.Sheet
	for _, n := range sheet.Nouns() {
		raw, err := os.ReadFile(filepath.Join(dataSet, n+".csv"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, parse(t, n+".csv", string(raw)))
	}
	return out
}

// bring imports what must come in whole.
func bring(t testing.TB, c *client.Client, sheets ...*sheet.Sheet) []*sheet.Outcome {
	t.Helper()
	outcomes, err := sheet.Import(t.Context(), c, sheets, sheet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if len(o.Refused) > 0 {
			t.Fatalf("%s: %d rows refused, first: %v", o.Sheet.File, o.Bad(), o.Refused[0])
		}
	}
	return outcomes
}

// decided imports what must come in whole, lets lan approve what is proposed with it, and imports it again: what waited for that
// comes in then.
func decided(t testing.TB, c, lan *client.Client, sheets ...*sheet.Sheet) {
	t.Helper()
	bring(t, c, sheets...)
	for range 2 {
		if _, err := approval.All(t.Context(), lan); err != nil {
			t.Fatal(err)
		}
		bring(t, c, sheets...)
	}
}

// contents are all sheets of a server.
func contents(t testing.TB, c *client.Client, d sheet.Dialect) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, n := range sheet.Nouns() {
		var b bytes.Buffer
		if _, err := sheet.Export(t.Context(), c, n, &b, d, false, nil); err != nil {
			t.Fatalf("export %s: %v", n, err)
		}
		out[n] = b.String()
	}
	return out
}

func same(t testing.TB, got, want map[string]string) {
	t.Helper()
	for n := range want {
		if got[n] == want[n] {
			continue
		}
		g, w := strings.Split(got[n], "\n"), strings.Split(want[n], "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Errorf("%s line %d:\n got %q\nwant %q", n, i+1, g[i], w[i])
				break
			}
		}
		if len(g) != len(w) {
			t.Errorf("%s: %d lines, want %d", n, len(g), len(w))
		}
	}
}

// post sends JSON to the API.
func post(t testing.TB, c *client.Client, path, body string, in, out proto.Message) {
	t.Helper()
	if err := protojson.Unmarshal([]byte(body), in); err != nil {
		t.Fatal(err)
	}
	if err := c.Post(t.Context(), path, nil, in, out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
