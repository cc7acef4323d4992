package page

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
)

//go:embed templates
var templates embed.FS

// views are the templates of one language, by name.
type views map[string]*template.Template

// frame is what every page is rendered from.
type frame struct {
	Question *question
	// Viewer is who reads; nil: nobody who has proved it.
	Viewer *viewer
	// Secret: nobody else may get to see it, from a cache or otherwise.
	Secret bool
	// Stale names copies that are older than they should be; empty: none.
	Stale string
	// Failed says that the page is about an error, which shows no figures. Other is the address of the same page in the other
	// language; empty: there is none, for what was sent by a form.
	Failed bool
	Other  string
	// Origin is the address of this server; Server is how commands name it, empty: they need not.
	Origin, Server string
	Data           any
}

func viewNames() []string {
	return []string{"overview", "facts", "nominations", "units", "choose", "empty", "early", "failure", "sign-in", "sign-out", "signed-in", "password"}
}

// parse parses every page's template once for each language.
func parse(a *assets) (map[language]views, error) {
	out := make(map[language]views)
	for _, lang := range []language{vietnamese, english} {
		shared, err := template.New("").Funcs(functions(lang, a)).ParseFS(templates, "templates/layout.html", "templates/parts.html")
		if err != nil {
			return nil, err
		}
		out[lang] = views{}
		for _, name := range viewNames() {
			t, err := shared.Clone()
			if err == nil {
				t, err = t.ParseFS(templates, "templates/"+name+".html")
			}
			if err != nil {
				return nil, fmt.Errorf("page %s: %w", name, err)
			}
			out[lang][name] = t.Option("missingkey=error")
		}
	}
	return out, nil
}

// functions are what the templates say things with.
func functions(lang language, a *assets) template.FuncMap {
	return template.FuncMap{
		"lang": func() language { return lang },
		"t":    lang.text,
		// kind is a kind's name; a word that only a newer version knows is shown as it is.
		"kind": func(word string) string {
			if s, err := lang.text("kind-" + word); err == nil {
				return s
			}
			return word
		},
		"num":      lang.number,
		"count":    func(n int) string { return lang.number(int64(n)) },
		"fraction": lang.fraction,
		"percent":  lang.percent,
		"date":     lang.date,
		"id":       id,
		// official marks what is written in Vietnamese whatever the language of the page.
		"official": func() template.HTMLAttr {
			if lang == vietnamese {
				return ""
			}
			return `lang="vi"`
		},
		"asset": func(name string) (string, error) {
			if address, ok := a.addresses[name]; ok {
				return address, nil
			}
			return "", fmt.Errorf("no asset %q", name)
		},
		"pair": func(a, b any) []any { return []any{a, b} },
	}
}

// errNoText says that a template asks for a text that is not in the catalogue.
var errNoText = errors.New("not in the catalogue")

// text is a text of the catalogue with its arguments filled in. Where the first argument is 1, the singular counts if there
// is one.
func (l language) text(key string, args ...any) (string, error) {
	p, ok := catalogue[key]
	if !ok {
		return "", fmt.Errorf("%q: %w", key, errNoText)
	}
	format := p.vi
	if l == english {
		format = p.en
		if p.one != "" && len(args) > 0 && fmt.Sprint(args[0]) == "1" {
			format = p.one
		}
	}
	if len(args) == 0 {
		return format, nil
	}
	return fmt.Sprintf(format, args...), nil
}
