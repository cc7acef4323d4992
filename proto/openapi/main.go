// Command openapi makes one valid OpenAPI document of a merged one: it reads
// the document on standard input and writes it to standard output with its
// paths in order.
//
// The generator calls the path parameter of a method that updates a unit
// {unit.name} and that of one which gets it {name}. They are one place in the
// URL, and OpenAPI forbids two names for one, so every {….name} becomes {name}
// and the methods of one URL come together. Two methods of one URL and one verb
// are an error.
//
// It adds what the generator cannot know: the headers that the gateway takes and
// answers, how it refuses, the path of the events (shared.json), and examples
// (examples.json), which a test sends to a coso.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
)

// generated is an OpenAPI document as it comes; what is not looked at passes through as it is.
type generated struct {
	OpenAPI    json.RawMessage                       `json:"openapi"`
	Info       json.RawMessage                       `json:"info"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components components                            `json:"components"`
	Tags       json.RawMessage                       `json:"tags"`
}

// document is an OpenAPI document as it goes.
type document struct {
	OpenAPI    json.RawMessage                  `json:"openapi"`
	Info       json.RawMessage                  `json:"info"`
	Paths      map[string]map[string]*operation `json:"paths"`
	Components components                       `json:"components"`
	Tags       json.RawMessage                  `json:"tags"`
}

// nested is a path parameter that is the name inside a message.
var nested = regexp.MustCompile(`\{([a-z_]+\.name)\}`)

func main() {
	if err := rewrite(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

// rewrite copies the document from r to w, every URL under one path, completed and with examples.
func rewrite(r io.Reader, w io.Writer) error {
	doc, err := joined(r)
	if err != nil {
		return err
	}
	if err := doc.complete(); err != nil {
		return err
	}
	if err := doc.illustrate(); err != nil {
		return err
	}
	return doc.write(w)
}

func (d *document) write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

// joined reads a document and brings the methods of one URL together.
func joined(r io.Reader) (*document, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	in := generated{}
	if err := strictly(text, &in); err != nil {
		return nil, err
	}
	doc := &document{OpenAPI: in.OpenAPI, Info: in.Info, Paths: map[string]map[string]*operation{}, Components: in.Components, Tags: in.Tags}
	for path, methods := range in.Paths {
		into := nested.ReplaceAllString(path, "{name}")
		if doc.Paths[into] == nil {
			doc.Paths[into] = make(map[string]*operation)
		}
		for verb, text := range methods {
			if _, taken := doc.Paths[into][verb]; taken {
				return nil, fmt.Errorf("%s %s is declared twice", verb, into)
			}
			op := &operation{}
			if err := strictly(renamed(path, text), op); err != nil {
				return nil, fmt.Errorf("%s %s: %w", verb, path, err)
			}
			doc.Paths[into][verb] = op
		}
	}
	return doc, nil
}

// strictly reads JSON of which every field is known.
func strictly(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// renamed is an operation of path whose nested name parameter is called name.
func renamed(path string, operation json.RawMessage) json.RawMessage {
	m := nested.FindStringSubmatch(path)
	if m == nil {
		return operation
	}
	return bytes.Replace(operation, fmt.Appendf(nil, `"name": %q`, m[1]), []byte(`"name": "name"`), 1)
}
