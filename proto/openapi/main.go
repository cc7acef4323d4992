// Command openapi makes one valid OpenAPI document of a merged one: it reads
// the document on standard input and writes it to standard output with its
// paths in order.
//
// The generator calls the path parameter of a method that updates a unit
// {unit.name} and that of one which gets it {name}. They are one place in the
// URL, and OpenAPI forbids two names for one, so every {….name} becomes {name}
// and the methods of one URL come together. Two methods of one URL and one verb
// are an error.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
)

// document is an OpenAPI document as far as its paths are concerned; everything
// else passes through as it is.
type document struct {
	OpenAPI    json.RawMessage                       `json:"openapi"`
	Info       json.RawMessage                       `json:"info"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components json.RawMessage                       `json:"components"`
	Tags       json.RawMessage                       `json:"tags"`
}

// nested is a path parameter that is the name inside a message.
var nested = regexp.MustCompile(`\{([a-z_]+\.name)\}`)

func main() {
	if err := rewrite(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

// rewrite copies the document from r to w, every URL under one path.
func rewrite(r io.Reader, w io.Writer) error {
	var doc document
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return err
	}
	paths := make(map[string]map[string]json.RawMessage, len(doc.Paths))
	for path, methods := range doc.Paths {
		into := nested.ReplaceAllString(path, "{name}")
		if paths[into] == nil {
			paths[into] = make(map[string]json.RawMessage)
		}
		for verb, operation := range methods {
			if _, taken := paths[into][verb]; taken {
				return fmt.Errorf("%s %s is declared twice", verb, into)
			}
			paths[into][verb] = renamed(path, operation)
		}
	}
	doc.Paths = paths
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// renamed is an operation of path whose nested name parameter is called name.
func renamed(path string, operation json.RawMessage) json.RawMessage {
	m := nested.FindStringSubmatch(path)
	if m == nil {
		return operation
	}
	return bytes.Replace(operation, fmt.Appendf(nil, `"name": %q`, m[1]), []byte(`"name": "name"`), 1)
}
