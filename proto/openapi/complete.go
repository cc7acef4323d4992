package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sharedText holds what the generator cannot know: the headers that every method takes and answers, the refusals, and the
// path that no method stands behind.
//
//go:embed shared.json
var sharedText []byte

const (
	kindJSON     = "application/json"
	statusSchema = `{"$ref": "#/components/schemas/google.rpc.Status"}`
	parameterRef = "#/components/parameters/"
	headerRef    = "#/components/headers/"
	schemaRef    = "#/components/schemas/"
)

// shared is sharedText read.
type shared struct {
	Parameters map[string]parameter            `json:"parameters"`
	Headers    map[string]json.RawMessage      `json:"headers"`
	Responses  map[string]response             `json:"responses"`
	Paths      map[string]map[string]operation `json:"paths"`
}

// operation is one method.
type operation struct {
	Tags        []string             `json:"tags,omitempty"`
	Summary     string               `json:"summary,omitempty"`
	Description string               `json:"description,omitempty"`
	OperationID string               `json:"operationId,omitempty"`
	Parameters  []*parameter         `json:"parameters,omitempty"`
	RequestBody *requestBody         `json:"requestBody,omitempty"`
	Responses   map[string]*response `json:"responses,omitempty"`
}

type parameter struct {
	Ref         string            `json:"$ref,omitempty"`
	Name        string            `json:"name,omitempty"`
	In          string            `json:"in,omitempty"`
	Description string            `json:"description,omitempty"`
	Required    bool              `json:"required,omitempty"`
	Schema      json.RawMessage   `json:"schema,omitempty"`
	Examples    map[string]*value `json:"examples,omitempty"`
}

type requestBody struct {
	Description string            `json:"description,omitempty"`
	Content     map[string]*media `json:"content"`
	Required    bool              `json:"required,omitempty"`
}

type response struct {
	Description string             `json:"description"`
	Headers     map[string]*header `json:"headers,omitempty"`
	Content     map[string]*media  `json:"content,omitempty"`
}

type header struct {
	Ref string `json:"$ref"`
}

type media struct {
	Schema   json.RawMessage   `json:"schema"`
	Examples map[string]*value `json:"examples,omitempty"`
}

// value is an example's.
type value struct {
	Summary string          `json:"summary,omitempty"`
	Value   json.RawMessage `json:"value"`
}

// components are what operations refer to.
type components struct {
	Schemas    map[string]json.RawMessage `json:"schemas,omitempty"`
	Parameters map[string]parameter       `json:"parameters,omitempty"`
	Headers    map[string]json.RawMessage `json:"headers,omitempty"`
}

// complete says of every operation which headers it takes and answers and how it refuses, and adds the shared paths.
func (d *document) complete() error {
	s := shared{}
	if err := strictly(sharedText, &s); err != nil {
		return fmt.Errorf("shared.json: %w", err)
	}
	for path, methods := range d.Paths {
		for verb, op := range methods {
			if err := d.completeOne(s, path, verb, op); err != nil {
				return fmt.Errorf("%s %s: %w", verb, path, err)
			}
		}
	}
	for path, methods := range s.Paths {
		if d.Paths[path] != nil {
			return fmt.Errorf("%s is declared twice", path)
		}
		d.Paths[path] = map[string]*operation{}
		for verb, op := range methods {
			op.refuse(s, "400", "401", "403", "410", "429", "503", "default")
			d.Paths[path][verb] = &op
		}
	}
	d.Components.Parameters, d.Components.Headers = s.Parameters, s.Headers
	return nil
}

func (d *document) completeOne(s shared, path, verb string, op *operation) error {
	answer, ok := op.Responses["200"]
	if !ok {
		return fmt.Errorf("%s answers nothing", op.OperationID)
	}
	read, single := verb == "get", d.hasETag(answer.Content[kindJSON])
	conditional := verb == "patch" || !read && strings.Contains(path, "}:") && op.RequestBody != nil && d.hasETag(op.RequestBody.Content[kindJSON])
	answer.Headers = map[string]*header{"Coso-Position": {headerRef + "CosoPosition"}, "X-Request-Id": {headerRef + "XRequestId"}}
	take := []string{"CosoPosition"}
	refuse := []string{"400", "401", "403", "503", "default"}
	if single {
		answer.Headers["ETag"] = &header{headerRef + "ETag"}
	}
	if single && read {
		take, refuse = append(take, "IfNoneMatch"), append(refuse, "304")
	}
	if strings.Contains(path, "{") {
		refuse = append(refuse, "404")
	}
	if !read {
		refuse = append(refuse, "409", "413", "415", "429")
	}
	if !read && d.hasRequestID(op) {
		take = append(take, "IdempotencyKey")
	}
	if conditional {
		take, refuse = append(take, "IfMatch"), append(refuse, "412")
	}
	for _, name := range take {
		op.Parameters = append(op.Parameters, &parameter{Ref: parameterRef + name})
	}
	op.refuse(s, refuse...)
	return nil
}

// refuse says how an operation refuses. 304 is no refusal and has no body.
func (op *operation) refuse(s shared, codes ...string) {
	for _, code := range codes {
		r := s.Responses[code]
		if code != "304" {
			r.Content = map[string]*media{kindJSON: {Schema: json.RawMessage(statusSchema)}}
		}
		op.Responses[code] = &r
	}
}

// hasETag reports whether what is answered is one resource, or what is asked names a version of it.
func (d *document) hasETag(m *media) bool { return d.has(m, "etag") }

// hasRequestID reports whether an operation can be repeated safely: it takes a request id in its query or body. Those that
// answer a secret do not.
func (d *document) hasRequestID(op *operation) bool {
	return slices.ContainsFunc(op.Parameters, func(p *parameter) bool { return p.Name == "requestId" }) ||
		op.RequestBody != nil && d.has(op.RequestBody.Content[kindJSON], "requestId")
}

// has reports whether what is sent or answered is a message with a field.
func (d *document) has(m *media, field string) bool {
	ref := struct {
		Ref string `json:"$ref"`
	}{}
	schema := struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}{}
	if m == nil || json.Unmarshal(m.Schema, &ref) != nil || json.Unmarshal(d.Components.Schemas[strings.TrimPrefix(ref.Ref, schemaRef)], &schema) != nil {
		return false
	}
	return schema.Properties[field] != nil
}

// operations are all of the document by their ids.
func (d *document) operations() map[string]*operation {
	out := map[string]*operation{}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, op := range d.Paths[path] {
			out[op.OperationID] = op
		}
	}
	return out
}
