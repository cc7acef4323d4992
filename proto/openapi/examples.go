package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
)

// examplesText holds the examples in the order in which they can be sent to an empty coso. An end-to-end test sends them
// and compares the answers, so what the document shows is what happens.
//
//go:embed examples.json
var examplesText []byte

// example is one request and its answer.
type example struct {
	// Operation is the operation's id, Name the example's within it.
	Operation string `json:"operation"`
	Name      string `json:"name"`
	Summary   string `json:"summary"`
	// Path and Query are the parameters, Body the request's.
	Path  map[string]string `json:"path,omitempty"`
	Query map[string]string `json:"query,omitempty"`
	Body  json.RawMessage   `json:"body,omitempty"`
	// Status and Answer are what comes back.
	Status int             `json:"status"`
	Answer json.RawMessage `json:"answer"`
}

// illustrate puts the examples where they belong. One of an operation, parameter or status that does not exist is an error.
func (d *document) illustrate() error {
	var all []example
	if err := strictly(examplesText, &all); err != nil {
		return fmt.Errorf("examples.json: %w", err)
	}
	operations := d.operations()
	for _, e := range all {
		op, ok := operations[e.Operation]
		if !ok {
			return fmt.Errorf("example %s: there is no operation %s", e.Name, e.Operation)
		}
		if err := op.illustrate(e); err != nil {
			return fmt.Errorf("example %s of %s: %w", e.Name, e.Operation, err)
		}
	}
	return nil
}

func (op *operation) illustrate(e example) error {
	for _, given := range []struct {
		in     string
		values map[string]string
	}{{"path", e.Path}, {"query", e.Query}} {
		for name, v := range given.values {
			i := slices.IndexFunc(op.Parameters, func(p *parameter) bool { return p.Name == name && p.In == given.in })
			if i < 0 {
				return fmt.Errorf("no parameter %s", name)
			}
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			op.Parameters[i].Examples = with(op.Parameters[i].Examples, e.Name, &value{Value: text})
		}
	}
	if len(e.Body) > 0 {
		if op.RequestBody == nil || op.RequestBody.Content[kindJSON] == nil {
			return fmt.Errorf("no body")
		}
		body := op.RequestBody.Content[kindJSON]
		body.Examples = with(body.Examples, e.Name, &value{Summary: e.Summary, Value: e.Body})
	}
	answer := op.Responses[fmt.Sprint(e.Status)]
	if answer == nil || answer.Content[kindJSON] == nil {
		return fmt.Errorf("no answer %d", e.Status)
	}
	shown := answer.Content[kindJSON]
	shown.Examples = with(shown.Examples, e.Name, &value{Summary: e.Summary, Value: e.Answer})
	return nil
}

func with(all map[string]*value, name string, v *value) map[string]*value {
	if all == nil {
		all = map[string]*value{}
	}
	all[name] = v
	return all
}
