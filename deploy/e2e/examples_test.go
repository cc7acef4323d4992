package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coso/deploy/internal/approval"
	"coso/deploy/internal/single/singletest"
	"coso/proto/gen"

	accesspb "coso/proto/gen/coso/access/v1"
)

var updateExamples = flag.Bool("update-examples", false, "write the answers in proto/openapi/examples.json as they are now") //nolint:gochecknoglobals // a flag of the test

// examplesFile holds the examples of the OpenAPI document, in the order in which they can be sent to an empty coso.
const examplesFile = "../../proto/openapi/examples.json"

// example is one of them.
type example struct {
	Operation string            `json:"operation"`
	Name      string            `json:"name"`
	Summary   string            `json:"summary"`
	Path      map[string]string `json:"path,omitempty"`
	Query     map[string]string `json:"query,omitempty"`
	Body      json.RawMessage   `json:"body,omitempty"`
	Status    int               `json:"status"`
	Answer    any               `json:"answer"`
}

// What the OpenAPI document shows is what happens: every example is sent, and answered as it says.
func TestExamplesOfTheDocument(t *testing.T) {
	raw, err := os.ReadFile(examplesFile)
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	routes := routesOfDocument(t)
	s := start(t, t.TempDir())
	b := s.browser(t) // one caller, so that each example sees what those before it did
	hoa, err := s.Admin(t).Hire(t.Context(), "hoa", "Lê Thị Hoa", singletest.LanPassword, accesspb.Role_ROLE_APPROVER)
	if err != nil {
		t.Fatal(err)
	}
	known := newStandIns()
	for i, e := range all {
		code, got := b.example(routes[e.Operation], e, known)
		known.learn(t, got)
		if e.Operation == "TargetService_AssignTarget" && e.Name == "assigned" { // what follows shows what counts
			if n, err := approval.All(t.Context(), hoa.Client); n != 1 || err != nil {
				t.Fatalf("%d approved, %v", n, err)
			}
		}
		if e.Operation == "SessionService_EndSession" {
			delete(known, shownSecrets["token"])
		}
		if *updateExamples {
			all[i].Status, all[i].Answer = code, settled(t, got)
			continue
		}
		if diff := cmp.Diff(e.Answer, settled(t, got)); code != e.Status || diff != "" {
			t.Errorf("%s, %s: %d, want %d:\n%s", e.Operation, e.Name, code, e.Status, diff)
		}
	}
	if *updateExamples {
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(all); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(examplesFile, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// route is where an operation is.
type route struct{ verb, path string }

func routesOfDocument(t *testing.T) map[string]route {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(gen.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]route{}
	for path, verbs := range doc.Paths {
		for verb, op := range verbs {
			out[op.OperationID] = route{strings.ToUpper(verb), path}
		}
	}
	return out
}

// example sends an example, as whoever has signed in last; the first administrator, if nobody is.
func (b *browser) example(at route, e example, known standIns) (code int, body []byte) {
	b.Helper()
	path := at.path
	for name, v := range e.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", known.real(v))
	}
	query := url.Values{}
	for name, v := range e.Query {
		query.Set(name, v)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(b.Context(), at.verb, b.base+path, strings.NewReader(known.real(string(e.Body))))
	if err != nil {
		b.Fatal(err)
	}
	if len(e.Body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if slices.Contains(signingIn, e.Operation) {
		req.Header.Set("Authorization", "")
	} else if token := known[shownSecrets["token"]]; token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	b.proves(b, req)
	resp, err := b.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err = io.ReadAll(resp.Body); err != nil {
		b.Fatal(err)
	}
	return resp.StatusCode, body
}

// shownSecrets are what the document shows in the place of secrets, by the fields that answer them.
var shownSecrets = map[string]string{
	"oneTimePassword": "k7ma-2xqz-hvbw-tr4e",
	"token":           "eyJhbGciOiJFZERTQSIsImtpZCI6IlBtY1oifQ.eyJzdWIiOiJsYW4ifQ.c2lnbmF0dXJl",
	"refreshToken":    "0198f0c2-5a4b-7c3d-8e9f-0a1b2c3d4e5f.M2U3YjkwYzQ1ZDFmNGE4Yjk2ZTI3ZDVhMGMzZjE4YjQ",
	"secret":          "coso_mfrggzdfmztwq2lknnwg23tpoa3tcnzqgu2tgmrxge4dsmbqgizaxw5mq",
}

// signingIn are sent without a token: they are for who has none that is good.
var signingIn = []string{"SessionService_CreateSession", "SessionService_RefreshSession", "SessionService_ExchangeApiToken"}

// What else an example names that no run has twice: an API token's id, the beginning of the etags of targets, and a moment that
// lies ahead.
const (
	shownEtags    = "0a1b2c3d-"
	shownAPIToken = "0198f0c2-5a4b-7c3d-8e9f-5e2a7b1c9d40"
	shownAhead    = "2026-06-30T17:00:00Z"
)

// standIns are what an example means, by what the document shows.
type standIns map[string]string

func newStandIns() standIns {
	return standIns{shownAhead: time.Now().UTC().AddDate(0, 1, 0).Format(time.RFC3339)}
}

// real is a text of an example as it is sent.
func (s standIns) real(text string) string {
	for shown, meant := range s {
		text = strings.ReplaceAll(text, shown, meant)
	}
	return text
}

// learn takes what later examples need from an answer.
func (s standIns) learn(t *testing.T, answer []byte) {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(answer, &fields); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	for name, shown := range shownSecrets {
		secret, ok := fields[name].(string)
		if ok && (name != "token" || fields["refreshToken"] != nil) { // a session's, not an API token's
			s[shown] = secret
		}
	}
	etag, _ := fields["etag"].(string)
	if name, _ := fields["name"].(string); etag != "" && strings.HasPrefix(name, "targets/") {
		s[shownEtags] = etag[:len(shownEtags)]
	}
	if made, ok := fields["apiToken"].(map[string]any); ok {
		s[shownAPIToken] = strings.TrimPrefix(made["name"].(string), "apiTokens/") //nolint:forcetypeassert // names are texts
	}
}

// What differs from run to run, and what the document shows in its place.
var (
	etagText   = regexp.MustCompile(`^[0-9a-f]{8}-([0-9]+)$`)
	madeText   = regexp.MustCompile(`^([A-Z2-7]{26}|approve-[0-9a-f]{64})$`) // a request id that nobody chose
	momentText = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[0-9:.]+Z$`)
	toldText   = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:]{8}\+07:00`) // a moment within a sentence
	uuidText   = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
)

// settled is JSON without what differs from run to run.
func settled(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return settle("", v)
}

func settle(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = settle(k, v[k])
		}
	case []any:
		for i := range v {
			v[i] = settle(name, v[i])
		}
	case string:
		if shown, ok := shownSecrets[name]; ok && v != "" {
			return shown
		}
		switch {
		case strings.HasPrefix(v, "apiTokens/"):
			return "apiTokens/" + shownAPIToken
		case name == "position": // a follower's depends on how many events it took at a time
			return "12"
		case name == "nextPageToken" && v != "":
			return "AYJ2c2VudCBiYWNrIGFzIGl0IGlz"
		case name == "requestId" && madeText.MatchString(v):
			return "K7MA2XQZHVBWTR4E2XQZHVBWTR"
		case momentText.MatchString(v):
			return "2026-03-02T01:30:00.000001Z"
		}
		v = toldText.ReplaceAllString(v, "2026-03-02T08:30:00+07:00")
		return uuidText.ReplaceAllString(etagText.ReplaceAllString(v, "0a1b2c3d-$1"), "0198f0c2-5a4b-7c3d-8e9f-0a1b2c3d4e5f")
	}
	return v
}
