package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Folder is the value of a setting that names a folder: an absolute path, `~` being the user's own folder. Empty: the
// setting was left out. A given name of nothing, as an unset variable in a script is one, is refused: taken for the default
// or for the present folder it would lead to another office's data.
type Folder string

// Decode reads a path for kong.
func (f *Folder) Decode(ctx *kong.DecodeContext) error {
	text, err := path(ctx, "folder")
	*f = Folder(text)
	return err
}

// Secret is the value of a setting that nobody may see: it is shown as given or not.
type Secret string

// String is what is shown of it.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(given)"
}

// File is the value of a setting that names a file, as Folder is of one that names a folder.
type File string

// Decode reads a path for kong.
func (f *File) Decode(ctx *kong.DecodeContext) error {
	text, err := path(ctx, "file")
	*f = File(text)
	return err
}

// path reads the path of what is called so.
func path(ctx *kong.DecodeContext, what string) (string, error) {
	text, err := word(ctx)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("%q names no %s; give its path, or leave this out for the default", text, what)
	}
	return kong.ExpandPath(text), nil
}

// readers read the values of settings and say in words what one should be; kong's own answer in Go's.
func readers() []kong.Option {
	return []kong.Option{
		kong.KindMapper(reflect.String, kong.MapperFunc(readText)),
		kong.KindMapper(reflect.Int, kong.MapperFunc(readWhole)),
		kong.KindMapper(reflect.Uint64, kong.MapperFunc(readWhole)),
		kong.NamedMapper("existingfile", existing("file", func(i fs.FileInfo) bool { return !i.IsDir() })),
		kong.NamedMapper("existingdir", existing("folder", fs.FileInfo.IsDir)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(readTime)),
	}
}

// word takes the text that is a setting's value, from wherever it comes.
func word(ctx *kong.DecodeContext) (string, error) {
	next := ctx.Scan.Peek()
	switch {
	case next.IsEOL():
		return "", errors.New("a value is missing behind it")
	case !next.IsValue():
		return "", fmt.Errorf("a value is missing behind it; %q, which follows, is taken for another flag (if it is the value, put = before it)", next.Value)
	}
	text, ok := ctx.Scan.Pop().Value.(string)
	if !ok {
		return "", fmt.Errorf("%v is no text; put it in quotes", next.Value)
	}
	return text, nil
}

func readText(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := word(ctx)
	if err == nil {
		target.SetString(text)
	}
	return err
}

// existing reads the path of something that is there, and is what it is called; of an argument that takes several, all.
func existing(what string, is func(fs.FileInfo) bool) kong.MapperFunc {
	return func(ctx *kong.DecodeContext, target reflect.Value) error {
		for {
			text, err := path(ctx, what)
			if err != nil {
				return err
			}
			switch info, err := os.Stat(text); {
			case errors.Is(err, fs.ErrNotExist):
				return fmt.Errorf("there is no %s %s", what, text)
			case err != nil:
				return err
			case !is(info):
				return fmt.Errorf("%s is no %s", text, what)
			}
			if target.Kind() != reflect.Slice {
				target.SetString(text)
				return nil
			}
			target.Set(reflect.Append(target, reflect.ValueOf(text)))
			if !ctx.Scan.Peek().IsValue() {
				return nil
			}
		}
	}
}

func readWhole(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := word(ctx)
	if err != nil {
		return err
	}
	if target.CanInt() {
		if n, err := strconv.ParseInt(text, 10, target.Type().Bits()); err == nil {
			target.SetInt(n)
			return nil
		}
	} else if n, err := strconv.ParseUint(text, 10, target.Type().Bits()); err == nil {
		target.SetUint(n)
		return nil
	}
	example := ctx.Value.Tag.Get("example")
	if example == "" {
		example = "12"
	}
	return fmt.Errorf("%q is no whole number; write one in digits, e.g. %s", text, example)
}

func readTime(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := word(ctx)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is no length of time; write a number and its unit (ms, s, m or h), e.g. 90s or 5m", text)
	}
	target.SetInt(int64(d))
	return nil
}
