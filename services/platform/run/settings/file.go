package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// maxFile bounds a file of settings, in bytes.
const maxFile = 1 << 20

// file is a file of settings, read once.
type file struct {
	read   bool
	err    error
	path   string
	names  []string
	values map[string]any
}

// open reads the file that --config names, if any.
func (f *file) open(ctx *kong.Context) error {
	if f.read {
		return f.err
	}
	f.read = true
	for _, flag := range ctx.Flags() {
		if path, ok := ctx.FlagValue(flag).(string); ok && flag.Name == "config" {
			f.path = path
		}
	}
	if f.path == "" {
		return nil
	}
	raw, err := readAll(f.path)
	if err == nil {
		f.names, f.values, err = parse(raw)
	}
	if err != nil {
		f.err = fmt.Errorf("settings in %s: %w", f.path, err)
	}
	return f.err
}

func readAll(path string) ([]byte, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer func() { _ = in.Close() }()
	raw, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(raw) > maxFile {
		err = fmt.Errorf("longer than %d bytes", maxFile)
	}
	return raw, err
}

// parse reads one flat JSON object: texts, numbers, true and false, lists of texts. A name may come once.
func parse(raw []byte) ([]string, map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	begin, err := d.Token()
	if err != nil || begin != json.Delim('{') {
		return nil, nil, errors.Join(errors.New("it is no JSON object"), unlessEnd(err))
	}
	var names []string
	values := map[string]any{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, nil, at(raw, d, err)
		}
		name, _ := key.(string)
		if slices.Contains(names, name) {
			return nil, nil, fmt.Errorf("%q is there twice", name)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, nil, at(raw, d, err)
		}
		if values[name], err = plain(value); err != nil {
			return nil, nil, fmt.Errorf("%q: %w", name, err)
		}
		names = append(names, name)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, at(raw, d, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("something follows the JSON object")
	}
	return names, values, nil
}

func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// at says in which line the JSON is broken.
func at(raw []byte, d *json.Decoder, err error) error {
	return fmt.Errorf("line %d: %w", 1+bytes.Count(raw[:min(d.InputOffset(), int64(len(raw)))], []byte("\n")), err)
}

// plain is a JSON value as the command line would have it.
func plain(value any) (any, error) {
	switch v := value.(type) {
	case string, bool:
		return v, nil
	case json.Number:
		return v.String(), nil
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			text, ok := one.(string)
			if !ok || strings.Contains(text, ",") {
				return nil, errors.New("a list holds texts without commas")
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), nil
	default:
		return nil, errors.New("a value is a text, a number, true, false or a list of texts")
	}
}
