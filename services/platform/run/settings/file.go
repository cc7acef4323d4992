package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

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

// open reads the file that --config names, if any, before any other setting is looked for there. Its errors begin with the
// file's path.
func (f *file) open(ctx *kong.Context) error {
	if f.read {
		return f.err
	}
	f.read = true
	for _, flag := range ctx.Flags() {
		if path, ok := ctx.FlagValue(flag).(File); ok && flag.Name == "config" {
			f.path = string(path)
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
		f.err = fmt.Errorf("the file of settings %s: %w", f.path, err)
	}
	return f.err
}

func readAll(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("it is not there; check the path that --config or its variable in the environment names")
	case err == nil && info.IsDir():
		return nil, errors.New("it is a folder; name a file in it")
	case err != nil:
		return nil, unreadable(err)
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer func() { _ = in.Close() }()
	raw, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(raw) > maxFile {
		return nil, fmt.Errorf("it is longer than %d bytes; is it another file?", maxFile)
	}
	return bytes.TrimPrefix(raw, []byte("\ufeff")), nil // some editors put a mark before UTF-8
}

// unreadable says why a file cannot be read.
func unreadable(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	}
	return fmt.Errorf("it cannot be read by the user who runs this: %w", err)
}

// form is what a file of settings looks like.
const form = `write one JSON object, e.g. {"data": "/srv/coso"}`

// parse reads one flat JSON object: texts, numbers, true and false, lists of texts. A name may come once.
func parse(raw []byte) ([]string, map[string]any, error) {
	if err := whole(raw); err != nil {
		return nil, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return nil, nil, errors.Join(errors.New("it is JSON, but no object; "+form), err)
	}
	var names []string
	values := map[string]any{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		name, _ := key.(string)
		if slices.Contains(names, name) {
			return nil, nil, fmt.Errorf("%s: %q is there twice; leave one", place(raw, d.InputOffset()), name)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, nil, err
		}
		if values[name], err = plain(value); err != nil {
			return nil, nil, fmt.Errorf("%s: %q: %w", place(raw, d.InputOffset()), name, err)
		}
		names = append(names, name)
	}
	return names, values, nil
}

// whole says where a text stops being JSON.
func whole(raw []byte) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return errors.New("it is empty; " + form)
	}
	var text json.RawMessage
	err := json.Unmarshal(raw, &text)
	broken, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return err
	}
	if strings.HasPrefix(broken.Error(), "unexpected end") {
		return fmt.Errorf("%s: it ends in the middle; is a } or a \" missing?", place(raw, int64(len(raw))))
	}
	at := max(broken.Offset-1, 0)
	sign, _ := utf8.DecodeRune(raw[at:])
	return fmt.Errorf("%s: %q cannot stand there; %s, texts in double quotes, a comma between two settings and none behind the last",
		place(raw, at), sign, form)
}

// place is the line and the column of what comes after some bytes.
func place(raw []byte, before int64) string {
	read := raw[:min(before, int64(len(raw)))]
	line := 1 + bytes.Count(read, []byte("\n"))
	column := 1 + utf8.RuneCount(read[bytes.LastIndexByte(read, '\n')+1:])
	return fmt.Sprintf("line %d, column %d", line, column)
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
