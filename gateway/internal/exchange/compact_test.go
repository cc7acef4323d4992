package exchange

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzCompact: of any JSON that has no other white space than protojson writes, Compact makes what encoding/json does.
func FuzzCompact(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"a": 1, "b":"x  y"}`, `{"a":"\" : \\", "b": [1, 2]}`, `"\\"`, ` [ " \\\" " , null ] `, `{"ố": "Quận uỷ  Tây Hồ"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) || bytes.ContainsAny(data, "\t\r\n") {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, data); err != nil {
			t.Fatal(err)
		}
		if got := Compact(bytes.Clone(data)); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("%q became %q, want %q", data, got, want.Bytes())
		}
	})
}
