package gateway_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"coso/proto/gen"
)

// rpc is one method with its rule, read from the contract by the test itself.
type rpc struct {
	method         protoreflect.MethodDescriptor
	verb, template string
	body           string
	bound          string
}

var bindings = regexp.MustCompile(`\{([a-z_.]+)=([^}]+)\}`)

// rpcs are all methods of the contract.
func rpcs(t *testing.T) []rpc {
	t.Helper()
	var all []rpc
	for _, sd := range services() {
		for i := range sd.Methods().Len() {
			md := sd.Methods().Get(i)
			rule, ok := proto.GetExtension(md.Options(), annotations.E_Http).(*annotations.HttpRule)
			if !ok || rule == nil {
				t.Errorf("%s has no HTTP rule", md.FullName())
				continue
			}
			r := rpc{method: md, body: rule.GetBody()}
			switch p := rule.GetPattern().(type) {
			case *annotations.HttpRule_Get:
				r.verb, r.template = http.MethodGet, p.Get
			case *annotations.HttpRule_Post:
				r.verb, r.template = http.MethodPost, p.Post
			case *annotations.HttpRule_Patch:
				r.verb, r.template = http.MethodPatch, p.Patch
			default:
				t.Errorf("%s: unexpected rule %v", md.FullName(), rule)
			}
			if m := bindings.FindStringSubmatch(r.template); m != nil {
				r.bound = m[1]
			}
			all = append(all, r)
		}
	}
	return all
}

func (r rpc) full() string {
	return fmt.Sprintf("/%s/%s", r.method.Parent().FullName(), r.method.Name())
}

// path is a path of the template.
func (r rpc) path() string {
	return bindings.ReplaceAllStringFunc(r.template, func(s string) string { return segments(bindings.FindStringSubmatch(s)[2]) })
}

// name is what path says of the bound field.
func (r rpc) name() string { return segments(bindings.FindStringSubmatch(r.template)[2]) }

// segments fill a pattern. What names a service leads to one.
func segments(pattern string) string {
	return strings.ReplaceAll(strings.ReplaceAll(pattern, "services/*", "services/planning"), "*", "x-1")
}

// ask is the smallest request that reaches the method.
func (r rpc) ask() ask {
	a := ask{method: r.verb, target: r.path()}
	if r.body != "" {
		a.body = "{}"
	}
	return a
}

// eachRoute runs check for every method of the contract on one gateway.
func eachRoute(t *testing.T, check func(t *testing.T, g *gate, r rpc)) {
	t.Helper()
	g := newGate(t)
	for _, r := range rpcs(t) {
		t.Run(string(r.method.FullName()), func(t *testing.T) {
			g.taken()
			check(t, g, r)
		})
	}
}

func TestContractHasMethods(t *testing.T) {
	if n := len(rpcs(t)); n < 45 {
		t.Errorf("%d methods found: the contract has more", n)
	}
}

func TestEveryMethodIsReached(t *testing.T) {
	eachRoute(t, func(t *testing.T, g *gate, r rpc) {
		t.Helper()
		res := g.do(t, r.ask())
		calls := g.taken()
		if res.code != http.StatusOK || len(calls) != 1 || calls[0].method != r.full() {
			t.Fatalf("%s %s: %d, calls %v: %s", r.verb, r.path(), res.code, calls, res.body)
		}
		if r.bound != "" {
			if got := field(calls[0].request, r.bound); got != r.name() {
				t.Errorf("%s = %q in %s", r.bound, got, r.path())
			}
		}
		limit := 15 * time.Second
		switch {
		case r.verb == http.MethodGet:
			limit = 30 * time.Second
		case strings.HasSuffix(r.template, ":activate"):
			limit = 50 * time.Second
		}
		if d := calls[0].deadline; d > limit || d < limit-5*time.Second {
			t.Errorf("deadline in %v, want %v", d, limit)
		}
		if line := g.logged(t); len(line) != 1 || line[0]["route"] != r.template {
			t.Errorf("log: %v", line)
		}
	})
}

// field reads a text by its path of proto names.
func field(m proto.Message, path string) string {
	value := protoreflect.ValueOfMessage(m.ProtoReflect())
	for name := range strings.SplitSeq(path, ".") {
		value = value.Message().Get(value.Message().Descriptor().Fields().ByName(protoreflect.Name(name)))
	}
	return value.String()
}

// INV-TRANSCODE-NOTHING-IGNORED
func TestEveryMethodRefusesUnknownParameters(t *testing.T) {
	eachRoute(t, func(t *testing.T, g *gate, r rpc) {
		t.Helper()
		queries := map[string]string{"khongCo": "?khongCo=1", "as-of": "?as-of=2020-11-30", "": "?a;b"}
		for i := range r.method.Input().Fields().Len() {
			fd := r.method.Input().Fields().Get(i)
			if fd.JSONName() != string(fd.Name()) {
				queries[string(fd.Name())] = "?" + string(fd.Name()) + "=1"
			}
			if top, _, _ := strings.Cut(r.bound, "."); string(fd.Name()) == top || r.body == "*" || r.body == string(fd.Name()) {
				queries[fd.JSONName()] = "?" + fd.JSONName() + "=1"
				queries[fd.JSONName()+".name"] = "?" + fd.JSONName() + ".name=units/x"
			}
		}
		for key, query := range queries {
			a := r.ask()
			a.target += query
			got := refused(t, g.do(t, a))
			reason := "QUERY_PARAMETER_UNKNOWN"
			if key == "" {
				reason = "QUERY_PARAMETER_INVALID"
			}
			if got.http != http.StatusBadRequest || got.reason != reason || got.field != key {
				t.Errorf("%s: %d %s %q", query, got.http, got.reason, got.field)
			}
			if n := len(g.taken()); n != 0 {
				t.Errorf("%s: %d calls", query, n)
			}
		}
	})
}

// INV-TRANSCODE-NOTHING-IGNORED
func TestEveryMethodTakesItsParameters(t *testing.T) {
	eachRoute(t, func(t *testing.T, g *gate, r rpc) {
		t.Helper()
		for i := range r.method.Input().Fields().Len() {
			fd := r.method.Input().Fields().Get(i)
			if top, _, _ := strings.Cut(r.bound, "."); r.body == "*" || r.body == string(fd.Name()) || string(fd.Name()) == top {
				continue
			}
			value := "1"
			if fd.Message() != nil {
				value = map[protoreflect.FullName]string{
					"google.protobuf.Timestamp": "2020-11-30T08:00:00Z", "google.protobuf.Duration": "5s",
				}[fd.Message().FullName()]
				value = cmp.Or(value, "displayName,unit")
			}
			a := r.ask()
			a.target += "?" + fd.JSONName() + "=" + value
			res := g.do(t, a)
			calls := g.taken()
			if res.code != http.StatusOK || len(calls) != 1 || !calls[0].request.ProtoReflect().Has(fd) {
				t.Errorf("%s: %d, %v: %s", a.target, res.code, calls, res.body)
			}
		}
	})
}

// INV-TRANSCODE-NOTHING-IGNORED
func TestEveryMethodReadsItsBodyInFull(t *testing.T) {
	bodies := map[string]struct{ body, kind, reason string }{
		"unknown field": {`{"khongCo":1}`, "application/json", "BODY_FIELD_UNKNOWN"},
		"trailing":      {`{} {}`, "application/json", "BODY_SYNTAX"},
		"no JSON":       {`name=x`, "application/json", "BODY_SYNTAX"},
		"null":          {`null`, "application/json", "BODY_INVALID"},
		"a list":        {`[]`, "application/json", "BODY_INVALID"},
		"form":          {`name=x`, "application/x-www-form-urlencoded", "CONTENT_TYPE"},
		"no type":       {`{}`, "", "CONTENT_TYPE"},
	}
	eachRoute(t, func(t *testing.T, g *gate, r rpc) {
		t.Helper()
		for name, b := range bodies {
			a := r.ask()
			a.body, a.header = b.body, http.Header{"Content-Type": {b.kind}}
			want := b.reason
			if r.body == "" {
				want = "BODY_UNEXPECTED"
			}
			if got := refused(t, g.do(t, a)); got.reason != want {
				t.Errorf("%s: %s", name, got.reason)
			}
		}
		if r.body != "" {
			if got := refused(t, g.do(t, ask{method: r.verb, target: r.path()})); got.reason != "BODY_MISSING" {
				t.Errorf("empty: %s", got.reason)
			}
		}
		if n := len(g.taken()); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
}

// INV-TRANSCODE-BOUND
func TestEveryBoundFieldIsThePathsAlone(t *testing.T) {
	eachRoute(t, func(t *testing.T, g *gate, r rpc) {
		t.Helper()
		if r.bound == "" || r.body == "" {
			return
		}
		name, inside := r.bound, strings.Contains(r.bound, ".")
		if inside {
			_, name, _ = strings.Cut(name, ".")
		}
		a := r.ask()
		a.body = fmt.Sprintf(`{%q:%q}`, name, r.name())
		if res := g.do(t, a); res.code != http.StatusOK || len(g.taken()) != 1 {
			t.Errorf("the same name: %d", res.code)
		}
		a.body = fmt.Sprintf(`{%q:"units/other"}`, name)
		got := refused(t, g.do(t, a))
		if got.reason != "BODY_INVALID" || got.field != r.bound || len(g.taken()) != 0 {
			t.Errorf("another name: %s %q", got.reason, got.field)
		}
	})
}

func TestEveryPathRefusesOtherMethods(t *testing.T) {
	g := newGate(t)
	verbs := map[string][]string{}
	for _, r := range rpcs(t) {
		verbs[r.path()] = append(verbs[r.path()], r.verb)
	}
	for path, has := range verbs {
		if slices.Contains(has, "GET") {
			has = append(has, "HEAD")
		}
		slices.Sort(has)
		for _, verb := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			if slices.Contains(has, verb) {
				continue
			}
			res := g.do(t, ask{method: verb, target: path})
			if verb == "HEAD" { // has no body
				if res.code != http.StatusMethodNotAllowed || res.header.Get("Allow") != strings.Join(has, ", ") || len(res.body) != 0 {
					t.Errorf("HEAD %s: %d, Allow %q: %s", path, res.code, res.header.Get("Allow"), res.body)
				}
				continue
			}
			got := refused(t, res)
			if got.http != http.StatusMethodNotAllowed || got.reason != "METHOD_UNKNOWN" || res.header.Get("Allow") != strings.Join(has, ", ") {
				t.Errorf("%s %s: %d %s, Allow %q, want %v", verb, path, got.http, got.reason, res.header.Get("Allow"), has)
			}
		}
	}
	if n := len(g.taken()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// The document and the handlers are generated from the same rules: each has the routes of the other.
func TestOpenAPIHasTheSameRoutes(t *testing.T) {
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(gen.OpenAPI, &document); err != nil {
		t.Fatal(err)
	}
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	var documented []string
	served := []string{"GET /v1/events"} // behind which no method stands
	for path, verbs := range document.Paths {
		for verb := range verbs {
			documented = append(documented, strings.ToUpper(verb)+" "+parameter.ReplaceAllString(path, "{}"))
		}
	}
	for _, r := range rpcs(t) {
		path := bindings.ReplaceAllStringFunc(r.template, func(s string) string {
			return strings.ReplaceAll(bindings.FindStringSubmatch(s)[2], "*", "{}")
		})
		served = append(served, r.verb+" "+path)
	}
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("documented:\n%s\nserved:\n%s", strings.Join(documented, "\n"), strings.Join(served, "\n"))
	}
}
