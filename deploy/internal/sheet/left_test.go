package sheet_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coso/deploy/internal/sheet"
)

// An import that breaks off says within 5 seconds why it waits, and then of every row whether it is in; the file of refused rows
// holds all that are not known to be, and brings them in.
func TestBrokenOff(t *testing.T) {
	base, people := serve(t)
	c := people.Client(t)
	settle(t, c)
	sent := atomic.Int32{}
	line, _ := broken(t, base, people, func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, ":batchCreate") && sent.Add(1) > 4
	})
	var told time.Time
	began := time.Now()
	outcomes, err := sheet.Import(t.Context(), line, []*sheet.Sheet{parse(t, "o.csv", organisationHead+many(6000))},
		sheet.Options{Wait: func(cause error) {
			if told.IsZero() && cause != nil {
				told = time.Now()
			}
		}})
	o := outcomes[0]
	if err == nil || o.Rest == nil || told.IsZero() || told.Sub(began) > time.Minute {
		t.Fatalf("%v, rest %v, told after %s", err, o.Rest, told.Sub(began))
	}
	in, unsure, out := len(o.Rest.In), len(o.Rest.Unsure), len(o.Rest.Out)
	if in+unsure+out != 6000 || in != o.New || in == 0 || unsure == 0 || out == 0 {
		t.Errorf("%d in, %d unsure, %d out, %d new", in, unsure, out, o.New)
	}
	if n := inOrganisations(t, c); n < in || n > in+unsure {
		t.Errorf("%d are there, %d should be", n, in)
	}
	var rest bytes.Buffer
	if err := o.WriteRefused(&rest, sheet.Vietnamese); err != nil {
		t.Fatal(err)
	}
	again := parse(t, "rest.csv", rest.String())
	if len(again.Rows) != unsure+out {
		t.Errorf("%d rows in the file of %d", len(again.Rows), unsure+out)
	}
	bring(t, c, again)
	if n := inOrganisations(t, c); n != 6000 {
		t.Errorf("%d are there at the end", n)
	}
}
