package store

import (
	"bytes"
	"encoding/base64"
	"testing"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// A page token shows nothing of the record at which the next page starts, which may be one that its reader may not see.
func TestAPageTokenShowsNothing(t *testing.T) {
	p, err := openPage(fuzzReader{}, &registrypb.ListEnterprisesRequest{Unit: "units/u"}, "enterprises")
	if err != nil {
		t.Fatal(err)
	}
	lengths := map[int]bool{}
	for _, name := range []string{"enterprises/a", "enterprises/the-secret-one", "enterprises/the-secret-one-2"} {
		token := p.token(Text(name))
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		lengths[len(token)] = true
		for n := range len(name) - 3 {
			if bytes.Contains(raw, []byte(name)[n:n+4]) {
				t.Errorf("the token of %s shows %q", name, name[n:n+4])
			}
		}
		if again := p.token(Text(name)); again != token {
			t.Errorf("%s has the tokens %s and %s", name, token, again)
		}
		next, err := openPage(fuzzReader{}, &registrypb.ListEnterprisesRequest{Unit: "units/u", PageToken: token}, "enterprises")
		if err != nil || !bytes.Equal(next.from, Text(name)) {
			t.Errorf("the token of %s leads to %q (%v)", name, next.from, err)
		}
	}
	if len(lengths) != 1 {
		t.Errorf("the tokens tell how long the names are: %v", lengths)
	}
}
