package stream_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"coso/gateway/internal/stream"
)

// The data is a CloudEvent, the id the place in every journal.
func TestEvents(t *testing.T) {
	h := newHouse(t, nil)
	l := h.listen("", "")
	h.createUnit("a")
	m, ok := l.next()
	e, inc := m.event, h.registry.store.Incarnation().String()
	if _, err := time.Parse(time.RFC3339Nano, e.Time); !ok || err != nil || e.SpecVersion != "1.0" || e.ID != inc+"/1" ||
		e.Source != "//coso/registry" || e.Type != "coso.registry.v1.UnitCreated" || e.Subject != "units/a" || e.DataContentType != "application/json" {
		t.Errorf("the event is %s", m.data)
	}
	unit, ok := e.Data["unit"].(map[string]any)
	if !ok || unit["name"] != "units/a" || unit["displayName"] != "Quận ủy a" {
		t.Errorf("its data are %v", e.Data)
	}
	if want := fmt.Sprintf("registry:1@%s,membership:0@%s", inc, h.membership.store.Incarnation()); m.id != want {
		t.Errorf("its id is %s, want %s", m.id, want)
	}
	h.report("x")
	if got := l.subjects(1); got[0] != "intakes/x" {
		t.Errorf("then %v", got)
	}
}

func TestFromTheStart(t *testing.T) {
	h := newHouse(t, nil)
	h.createUnit("a")
	h.report("x")
	h.found("y", "units/b")
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"?after=start", []string{"intakes/x", "organisations/y", "units/a"}},
		{"?after=start&service=registry", []string{"organisations/y", "units/a"}},
		{"?after=start&service=registry&service=membership", []string{"intakes/x", "organisations/y", "units/a"}},
		{"?after=start&service=registry,membership", []string{"intakes/x", "organisations/y", "units/a"}},
		{"?after=start&type=coso.registry.v1.UnitCreated", []string{"units/a"}},
		{"?after=start&unit=units/a", []string{"intakes/x", "units/a"}},
		{"?after=start&unit=units/b&service=registry", []string{"organisations/y"}},
		{"?after=registry:1@" + incarnation(h) + "&service=registry", []string{"organisations/y"}},
		{
			"?after=start&type=coso.registry.v1.OrganisationFounded,coso.membership.v1.IntakeReported",
			[]string{"intakes/x", "organisations/y"},
		},
	} {
		l := h.listen(c.query, "")
		got := l.subjects(len(c.want))
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.query, got, c.want)
		}
		l.hangUp()
	}
}

func incarnation(h *house) string { return h.registry.store.Incarnation().String() }

// INV-STREAM-RESUME: the connection is killed again and again while both services speak; every event is heard once, those of
// a service in order.
func TestResume(t *testing.T) {
	h := newHouse(t, nil)
	const each = 60
	first := h.listen("", "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range each {
			h.createUnit(fmt.Sprintf("u%02d", i))
			h.report(fmt.Sprintf("i%02d", i))
		}
	}()
	heard := map[string][]string{}
	l := first
	l.block() // the beginning, with its id
	for i, n := 1, 0; n < 2*each; i++ {
		some := min(i%13+1, 2*each-n)
		for _, subject := range l.subjects(some) {
			kind, _, _ := strings.Cut(subject, "/")
			heard[kind] = append(heard[kind], subject)
		}
		n += some
		l.hangUp()
		l = h.listen("", l.id)
	}
	<-done
	for kind, letter := range map[string]string{"units": "u", "intakes": "i"} {
		if len(heard[kind]) != each {
			t.Fatalf("%d %s", len(heard[kind]), kind)
		}
		for i, subject := range heard[kind] {
			if subject != fmt.Sprintf("%s/%s%02d", kind, letter, i) {
				t.Fatalf("event %d of the %s is about %s", i, kind, subject)
			}
		}
	}
}

// What a filter passes over moves the id all the same, with the next beat.
func TestBeat(t *testing.T) {
	h := newHouse(t, nil)
	l := h.listen("?type=coso.registry.v1.OrganisationFounded", "")
	begin := l.block()
	if len(begin) != 2 || begin[0] != "retry: 3000" || l.id != "registry:0@"+incarnation(h) {
		t.Fatalf("it begins with %q", begin)
	}
	h.beat <- time.Time{}
	if got := l.block(); !slices.Equal(got, []string{": coso"}) {
		t.Errorf("a beat is %q", got)
	}
	h.createUnit("a")
	deadline := time.Now().Add(10 * time.Second)
	for l.id != "registry:1@"+incarnation(h) {
		if time.Now().After(deadline) {
			t.Fatalf("the id stays %s", l.id)
		}
		h.beat <- time.Time{}
		l.block()
	}
}

func TestRefusedQuestions(t *testing.T) {
	h := newHouse(t, nil)
	h.createUnit("a")
	here, other := incarnation(h), "0198f0c2-0000-7000-8000-00000000000a"
	for _, c := range []struct {
		query, id string
		code      int
		reason    string
	}{
		{"?khongCo=1", "", http.StatusBadRequest, "QUERY_PARAMETER_UNKNOWN"},
		{"?service=khong-co", "", http.StatusBadRequest, "QUERY_PARAMETER_INVALID"},
		{"?service=", "", http.StatusBadRequest, "QUERY_PARAMETER_INVALID"},
		{"?type=coso.registry.v1.KhongCo", "", http.StatusBadRequest, "QUERY_PARAMETER_INVALID"},
		{"?type=google.protobuf.Any", "", http.StatusBadRequest, "QUERY_PARAMETER_INVALID"},
		{"?service=membership&type=coso.registry.v1.UnitCreated", "", http.StatusBadRequest, "QUERY_PARAMETER_INVALID"},
		{"?unit=units/a&unit=units/b", "", http.StatusBadRequest, "QUERY_PARAMETER_INVALID"},
		{"?unit=" + url.QueryEscape("Quận ủy"), "", http.StatusBadRequest, "FIELD_FORMAT"},
		{"?after=x", "", http.StatusBadRequest, "QUERY_PARAMETER_INVALID"},
		{"?a;b", "", http.StatusBadRequest, "QUERY_PARAMETER_INVALID"},
		{"", "x", http.StatusBadRequest, "HEADER_INVALID"},
		{"", "registry:1", http.StatusBadRequest, "HEADER_INVALID"},
		{"", "registry:-1@" + here, http.StatusBadRequest, "HEADER_INVALID"},
		{"", "registry:1@" + here + ",registry:1@" + here, http.StatusBadRequest, "HEADER_INVALID"},
		{"", "registry:9@" + here, http.StatusBadRequest, "FIELD_RANGE"},
		{"", "registry:1@" + other, http.StatusGone, "INCARNATION_FOREIGN"}, // INV-STREAM-SAME-JOURNAL
		{"?after=registry:1@" + other, "", http.StatusGone, "INCARNATION_FOREIGN"},
	} {
		l, code, body := h.open(c.query, c.id)
		if l != nil {
			t.Errorf("%s %s: listens", c.query, c.id)
			continue
		}
		if got := reasonOf(t, body); code != c.code || got != c.reason {
			t.Errorf("%s %s: %d %s, want %d %s", c.query, c.id, code, got, c.code, c.reason)
		}
	}
}

// reasonOf reads a google.rpc.Status as JSON.
func reasonOf(t *testing.T, body []byte) string {
	t.Helper()
	st := &statuspb.Status{}
	if err := protojson.Unmarshal(body, st); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, d := range st.GetDetails() {
		info := &errdetails.ErrorInfo{}
		if d.MessageIs(info) {
			if err := d.UnmarshalTo(info); err != nil {
				t.Fatal(err)
			}
		}
		if info.GetReason() != "" {
			return info.GetReason()
		}
	}
	return ""
}

// INV-STREAM-BOUND: one too many is told so, and finds a place when another has gone.
func TestSoManyAndNoMore(t *testing.T) {
	h := newHouse(t, func(o *stream.Options) { o.MaxStreams = 2 })
	one := h.listen("", "")
	h.listen("", "")
	l, code, body := h.open("", "")
	if l != nil || code != http.StatusTooManyRequests || reasonOf(t, body) != "TOO_MANY_STREAMS" {
		t.Errorf("%d %s", code, body)
	}
	one.hangUp()
	h.eventually("a place is free", func() bool {
		l, _, _ := h.open("", "")
		return l != nil
	})
}

func (h *house) eventually(what string, ok func() bool) {
	h.Helper()
	deadline := time.Now().Add(15 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if <-tick.C; time.Now().After(deadline) {
			h.Fatalf("not in time: %s", what)
		}
	}
}

// INV-STREAM-BOUND: a client that does not read is cut off; it comes back and has missed nothing.
func TestClientThatDoesNotRead(t *testing.T) {
	h := newHouse(t, func(o *stream.Options) { o.MaxStreams, o.WriteLimit = 1, 300*time.Millisecond })
	l := h.listen("", "")
	l.block()
	const many = 400
	for i := range many {
		h.createLarge(fmt.Sprintf("%03d", i))
	}
	// The one place there is becomes free while the client still holds its connection.
	h.eventually("it is cut off", func() bool {
		other, _, _ := h.open("", "")
		if other != nil {
			other.hangUp()
		}
		return other != nil
	})
	n := 0
	for ; n < many; n++ {
		if m, ok := l.next(); !ok {
			break
		} else if !strings.HasPrefix(m.event.Subject, fmt.Sprintf("units/%03d", n)) {
			t.Fatalf("event %d is about %.20s", n, m.event.Subject)
		}
	}
	if n == many {
		t.Fatal("all of it fitted into the connection")
	}
	var back *listening
	h.eventually("it comes back", func() bool {
		back, _, _ = h.open("", l.id)
		return back != nil
	})
	if got := back.subjects(1)[0]; !strings.HasPrefix(got, fmt.Sprintf("units/%03d", n)) {
		t.Errorf("after %d events it hears of %.20s", n, got)
	}
}

// While a service is away, the others are heard; it is heard again where it was.
func TestServiceGoesAway(t *testing.T) {
	h := newHouse(t, nil)
	l := h.listen("", "")
	l.block()
	h.createUnit("a")
	l.subjects(1)
	h.registry.away()
	h.report("x")
	h.createUnit("b")
	if got := l.subjects(1); got[0] != "intakes/x" {
		t.Errorf("heard %v", got)
	}
	// Nobody can say where the events of a service that is away stand; who knows where it was may wait for it.
	if other, code, body := h.open("", ""); other != nil || code != http.StatusServiceUnavailable {
		t.Errorf("a new listener: %d %s", code, body)
	}
	again := h.listen("", l.id)
	h.registry.cut.Store(false)
	for _, one := range []*listening{l, again} {
		if got := one.subjects(1); got[0] != "units/b" {
			t.Errorf("heard %v", got)
		}
	}
}

func TestDrainEndsStreams(t *testing.T) {
	h := newHouse(t, nil)
	l := h.listen("", "")
	l.block()
	stopped := make(chan error, 1)
	go func() { stopped <- h.server.Shutdown(t.Context()) }()
	if m, ok := l.next(); ok {
		t.Errorf("heard %s", m.data)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestOnlyReads(t *testing.T) {
	h := newHouse(t, nil)
	for method, code := range map[string]int{http.MethodHead: http.StatusOK, http.MethodPost: http.StatusMethodNotAllowed, http.MethodDelete: http.StatusMethodNotAllowed} {
		req, err := http.NewRequestWithContext(t.Context(), method, h.base, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != code {
			t.Errorf("%s: %d, %v", method, res.StatusCode, err)
		}
	}
}

// A stream ends before the token that proves its client does, and not in a refusal: the client comes back with the next.
func TestStreamEndsWithItsProof(t *testing.T) {
	h := newHouse(t, nil)
	h.who.Store(h.listener(1500 * time.Millisecond))
	l := h.listen("", "")
	h.createUnit("a")
	if got := l.subjects(1); got[0] != "units/a" {
		t.Errorf("heard %v", got)
	}
	if m, ok := l.next(); ok {
		t.Errorf("then %v", m)
	}
}
