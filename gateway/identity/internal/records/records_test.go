package records

import (
	"flag"
	"os"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	identitypb "coso/proto/gen/coso/identity/v1"
)

var update = flag.Bool("update", false, "write the golden files")

// The schema is final: a change of this file is a change of stored data, and its commit says why.
func TestSchemaIsGolden(t *testing.T) {
	const golden = "testdata/schema.txt"
	got := Schema.String()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("schema:\n%s\nwant:\n%s", got, want)
	}
}

func TestASessionIsFoundByEachOfItsTokens(t *testing.T) {
	keys := tokens(&identitypb.SessionPrivate{Tokens: []*identitypb.IssuedToken{{Id: "A", ExpireTime: &timestamppb.Timestamp{}}, {Id: "B"}}})
	if len(keys) != 2 || string(keys[0]) != "A\x00\x01" || string(keys[1]) != "B\x00\x01" {
		t.Errorf("%q", keys)
	}
}
