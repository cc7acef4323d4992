package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"coso/proto/gen"
)

const (
	head = `{"openapi": "3.1.0", "info": {}, "paths": {`
	tail = `}, "components": {}, "tags": []}`
)

func TestRewriteBringsMethodsOfOneURLTogether(t *testing.T) {
	in := head + `
		"/v1/units/{unit.name}": {"patch": {"parameters": [{"name": "unit.name", "in": "path"}, {"name": "updateMask", "in": "query"}]}},
		"/v1/units/{name}": {"get": {"parameters": [{"name": "name", "in": "path"}]}}` + tail
	var out strings.Builder
	joint, err := joined(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	if err := joint.write(&out); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal([]byte(out.String()), &doc); err != nil {
		t.Fatal(err)
	}
	methods := doc.Paths["/v1/units/{name}"]
	if len(doc.Paths) != 1 || len(methods) != 2 {
		t.Fatalf("want get and patch under one path, got %s", out.String())
	}
	for verb, m := range methods {
		if m.Parameters[0].Name != "name" {
			t.Errorf("%s: path parameter %q, want %q", verb, m.Parameters[0].Name, "name")
		}
	}
	if got := methods["patch"].Parameters[1].Name; got != "updateMask" {
		t.Errorf("query parameter %q, want updateMask", got)
	}
}

func TestRewriteRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"one verb twice":   head + `"/v1/units/{unit.name}": {"get": {}}, "/v1/units/{name}": {"get": {}}` + tail,
		"an unknown field": `{"openapi": "3.1.0", "webhooks": {}}`,
		"no document":      ``,
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := rewrite(strings.NewReader(in), &out); err == nil {
				t.Errorf("accepted, wrote %q", out.String())
			}
		})
	}
}

func TestCommittedDocumentNamesEachURLOnce(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(gen.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Paths) == 0 {
		t.Fatal("the document has no paths")
	}
	parameter := regexp.MustCompile(`\{([^}]*)\}`)
	seen := map[string]string{}
	for path, methods := range doc.Paths {
		url := parameter.ReplaceAllString(path, "{}")
		if other, ok := seen[url]; ok {
			t.Errorf("%s and %s are one URL", path, other)
		}
		seen[url] = path
		for verb, m := range methods {
			declared := map[string]bool{}
			for _, p := range m.Parameters { // a reference has neither
				declared[p.In+" "+p.Name] = true
			}
			for _, name := range parameter.FindAllStringSubmatch(path, -1) {
				if !declared["path "+name[1]] {
					t.Errorf("%s %s: path parameter %q is not declared", verb, path, name[1])
				}
			}
		}
	}
}

// Every operation says what it does, what each parameter means, how it refuses, and shows it.
func TestCommittedDocumentIsComplete(t *testing.T) {
	doc := document{}
	if err := strictly(gen.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	for id, op := range doc.operations() {
		if op.Summary == "" {
			t.Errorf("%s has no summary", id)
		}
		for _, p := range op.Parameters {
			if p.Ref == "" && p.Description == "" {
				t.Errorf("%s: the parameter %s has no description", id, p.Name)
			}
		}
		if op.RequestBody != nil && len(op.RequestBody.Content[kindJSON].Examples) == 0 {
			t.Errorf("%s: no example of a body", id)
		}
		refusals := 0
		for code, r := range op.Responses {
			if r.Description == "" {
				t.Errorf("%s: the answer %s has no description", id, code)
			}
			if code != "200" {
				refusals++
			} else if m := r.Content[kindJSON]; m != nil && len(m.Examples) == 0 {
				t.Errorf("%s: no example of an answer", id)
			}
		}
		if refusals < 3 {
			t.Errorf("%s says of %d refusals only", id, refusals)
		}
	}
}
