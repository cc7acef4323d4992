package sheet_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"
	"coso/deploy/internal/single/singletest"

	registrypb "coso/proto/gen/coso/registry/v1"
)

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "m%d,BASE_CELL,Chi bộ,sao-mai,huyen,,2020-01-02,\n", i)
	}
	return b.String()
}

// large are organisations of which each tenth has nine others below it, which come before it in the sheet.
func large(n int) string {
	var b strings.Builder
	for i := range n {
		kind, superior := "CELL", fmt.Sprintf("m%d", i/10*10+9)
		if i%10 == 9 {
			kind, superior = "BASE_PARTY_ORGANISATION", ""
		}
		fmt.Fprintf(&b, "m%d,%s,Chi bộ %d,sao-mai,huyen,%s,2020-01-02,%d-QĐ/HU\n", i, kind, i, superior, i)
	}
	return b.String()
}

func whole(t testing.TB, c *client.Client, o sheet.Options, raw string) (*sheet.Outcome, error) {
	t.Helper()
	o.Atomic = true
	outcomes, err := sheet.Import(t.Context(), c, []*sheet.Sheet{parse(t, "o.csv", organisationHead+raw)}, o)
	if len(outcomes) == 0 {
		t.Fatal(err)
	}
	return outcomes[0], err
}

// inOrganisations is how many organisations are there.
func inOrganisations(t testing.TB, c *client.Client) int {
	t.Helper()
	n, query := 0, url.Values{"pageSize": {"500"}}
	for {
		page := &registrypb.ListOrganisationsResponse{}
		if err := c.Get(t.Context(), "/v1/organisations", query, page); err != nil {
			t.Fatal(err)
		}
		n += len(page.GetOrganisations())
		if page.GetNextPageToken() == "" {
			return n
		}
		query.Set("pageToken", page.GetNextPageToken())
	}
}

// founded are the sequence numbers that registry's events have reached.
func founded(t testing.TB, c *client.Client) string {
	t.Helper()
	at, err := c.Reached(t.Context(), "/v1/organisations")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(at)
}

const several = 2000

// INV-SHEET-ATOMIC: one bad row at the end of thousands keeps everything out, all bad rows are named; mended, all come in,
// each with one event; again changes nothing, and only what is new comes in.
func TestAtomic(t *testing.T) {
	c := small(t)
	before := contents(t, c, sheet.Plain())
	at := founded(t, c)
	bad := "x,CELL,Chi bộ,sao-mai,nowhere,,2020-01-02,\ny,CELL,Chi bộ,nowhere,huyen,,2020-01-02,\nz,CELL,Chi bộ,sao-mai,huyen,x,2020-01-02,\n"
	o, err := whole(t, c, sheet.Options{}, large(several)+bad)
	if err != nil || o.New != 0 || o.Bad() != 3 || o.Refused[0].Line != several+2 {
		t.Errorf("%d new, %d refused, %v, %v", o.New, o.Bad(), o.Refused, err)
	}
	o, err = whole(t, c, sheet.Options{DryRun: true}, large(several))
	if err != nil || o.New != several || o.Bad() != 0 || o.Leaning != 0 {
		t.Errorf("rehearsed: %d would be new, %v, %v", o.New, o.Refused, err)
	}
	same(t, contents(t, c, sheet.Plain()), before)
	if now := founded(t, c); now != at {
		t.Errorf("events went from %s to %s", at, now)
	}
	told := map[string]int{}
	tell := func(what string, _, more int) { told[what] += more }
	o, err = whole(t, c, sheet.Options{Tell: tell}, large(several))
	if err != nil || o.New != several || o.There != 0 || o.Bad() != 0 {
		t.Errorf("%d new, %d there, %v, %v", o.New, o.There, o.Refused, err)
	}
	if told["o.csv (kiểm tra)"] != several || told["o.csv"] != several {
		t.Errorf("told %v", told)
	}
	if n := inOrganisations(t, c); n != several {
		t.Errorf("%d organisations are there", n)
	}
	after := contents(t, c, sheet.Plain())
	o, err = whole(t, c, sheet.Options{}, large(several))
	if err != nil || o.New != 0 || o.There != several {
		t.Errorf("again: %d new, %d there, %v", o.New, o.There, err)
	}
	same(t, contents(t, c, sheet.Plain()), after)
	o, err = whole(t, c, sheet.Options{}, large(several+10))
	if err != nil || o.New != 10 || o.There != several {
		t.Errorf("with ten more: %d new, %d there, %v", o.New, o.There, err)
	}
}

// What an operation cannot take is said before anything is sent.
func TestAtomicSaysWhatItCannotTake(t *testing.T) {
	c := client.New("http://127.0.0.1:1") // nobody is asked
	below := strings.ReplaceAll(many(501), "sao-mai,huyen,,", "sao-mai,huyen,m0,")
	for why, sheets := range map[string][]*sheet.Sheet{
		"row by row":            {parse(t, "u.csv", unitsHead+"x,X,DISTRICT_COMMITTEE,,tinh,2000-01-01,\n")},
		"needs a second":        {parse(t, "o.csv", "id,kind,display_name,enterprise,unit,founded_on,withdrawal_reason\nz,CELL,Z,sao-mai,huyen,2020-01-02,nhập nhầm\n")},
		"200001 rows":           {parse(t, "o.csv", organisationHead+many(200_001))},
		"must be sent together": {parse(t, "o.csv", organisationHead+strings.Replace(below, "m0,2020", ",2020", 1))},
		"different kinds":       {parse(t, "o.csv", organisationHead+many(1)), parse(t, "e.csv", enterprisesHead+"e,0199000017,E,LLC,huyen\n")},
	} {
		_, err := sheet.Import(t.Context(), c, sheets, sheet.Options{Atomic: true})
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(sheet.TextOf(err, sheet.Vietnamese), "Chưa gửi gì") {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// broken is a line to a server that breaks off at a request.
func broken(t testing.TB, base string, people *singletest.People, at func(r *http.Request) bool) (*client.Client, *atomic.Bool) {
	t.Helper()
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	off := &atomic.Bool{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if off.Load() || at(r) {
			off.Store(true)
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return client.New(srv.URL).As(people.Admin(t).Session.Proof), off
}

// INV-SHEET-ATOMIC: broken off at any moment before the activation nothing is there, and the same sheet sent again comes in
// whole; broken off behind it, sent again it is there already.
func TestAtomicBrokenOff(t *testing.T) {
	base, people := serve(t)
	c := people.Client(t)
	settle(t, c)
	before := contents(t, c, sheet.Plain())
	batches := atomic.Int32{}
	for moment, at := range map[string]func(r *http.Request) bool{
		"while checking":   func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, ":batchCreate") },
		"at the beginning": func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/operations") },
		"amid the batches": func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, ":batchCreate") && batches.Add(1) > 7
		},
		"before the activation": func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, ":activate") },
	} {
		line, _ := broken(t, base, people, at)
		ctx, cancel := context.WithCancel(t.Context())
		o, err := sheet.Import(ctx, line, []*sheet.Sheet{parse(t, "o.csv", organisationHead+large(several))},
			sheet.Options{Atomic: true, Wait: func(error) { cancel() }})
		if err == nil || o[0].New != 0 || o[0].There != 0 {
			t.Errorf("%s: %d new, %d there, %v", moment, o[0].New, o[0].There, err)
		}
		cancel()
		same(t, contents(t, c, sheet.Plain()), before)
	}
	line, off := broken(t, base, people, func(*http.Request) bool { return false })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := sheet.Import(ctx, line, []*sheet.Sheet{parse(t, "o.csv", organisationHead+large(several))},
		sheet.Options{Atomic: true, Tell: func(what string, all, more int) { off.Store(off.Load() || what == "o.csv" && more > 0) }})
	if errors.Is(err, context.Canceled) || err == nil {
		t.Errorf("broken off amid the batches: %v", err)
	}
	o, err := whole(t, c, sheet.Options{}, large(several))
	if err != nil || o.New != several || inOrganisations(t, c) != several {
		t.Errorf("again: %d new, %d there, %v, %v", o.New, o.There, o.Refused, err)
	}
}

// An operation that was given up does not stand in the way of the same rows.
func TestAtomicAgainAfterAChange(t *testing.T) {
	base, people := serve(t)
	c := people.Client(t)
	settle(t, c)
	line, _ := broken(t, base, people, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, ":activate") })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := sheet.Import(ctx, line, []*sheet.Sheet{parse(t, "o.csv", organisationHead+large(20))},
		sheet.Options{Atomic: true, Wait: func(error) { cancel() }})
	if err == nil {
		t.Fatal("came in over a broken line")
	}
	bring(t, c, parse(t, "o.csv", organisationHead+"m3,BASE_CELL,Khác hẳn,sao-mai,huyen,,2020-01-02,\n"))
	o, err := whole(t, c, sheet.Options{}, large(20))
	if err != nil || o.New != 0 || o.Bad() != 1 || !strings.Contains(o.Refused[0].Error(), "says otherwise") {
		t.Errorf("%d new, %v, %v", o.New, o.Refused, err)
	}
	if n := inOrganisations(t, c); n != 1 {
		t.Errorf("%d organisations are there", n)
	}
}
