package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// The parameters of the pages. Units, periods and indicators are named by their bare ids.
const (
	unitKey      = "unit"
	periodKey    = "period"
	asOfKey      = "asOf"
	indicatorKey = "indicator"
	sortKey      = "sort"
	tokenKey     = "token"
	queryKey     = "query"
	languageKey  = "lang"
	toKey        = "to"
	whyKey       = "why"
)

// keys are the parameters that each page knows, in the order in which links write them.
func keys(path string) []string {
	common := []string{unitKey, periodKey, asOfKey}
	switch path {
	case factsPath:
		return append(common, indicatorKey, tokenKey, languageKey)
	case nominationsPath:
		return append(common, languageKey)
	case unitsPath:
		return append(common, queryKey, tokenKey, languageKey)
	case signInPath, signOutPath, passwordPath, issuerPath:
		return []string{toKey, whyKey, languageKey}
	}
	return append(common, indicatorKey, sortKey, languageKey)
}

// question is what a reader asks for: the page, and its parameters; one that is not given, or given empty as forms do, is
// absent.
type question struct {
	path     string
	given    map[string]string
	language language
	// refused is the parameter whose value cannot be shown; empty: none. No link repeats it but that to the other language.
	refused string
}

// read reads a request in full: unknown and repeated parameters are InvalidArgument, and so is an unknown language.
func read(r *http.Request, path string) (*question, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("", r.URL.RawQuery, fault.Form{Name: fault.FormEscaped})
	}
	q := &question{path: path, given: map[string]string{}, language: languageOf(r)}
	for key, given := range values {
		if known := keys(path); !slices.Contains(known, key) {
			key = strings.ToValidUTF8(key, "?")
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_QUERY_PARAMETER_UNKNOWN, key,
				append(fault.FormOfName(key, known).Params(), "value", strings.Join(given, ", "))...)
		}
		if len(given) > 1 {
			return nil, invalid(key, strings.Join(given, ", "), fault.Form{Name: fault.FormOnce})
		}
		if given[0] != "" {
			q.given[key] = given[0]
		}
	}
	if day := q.given[asOfKey]; day != "" {
		if _, err := civil.Field(asOfKey, day); err != nil {
			return nil, err
		}
	}
	if lang := q.given[languageKey]; lang != "" {
		if _, ok := languageNamed(lang); !ok {
			return nil, invalid(languageKey, lang, fault.Form{Name: fault.FormKnown, Known: []string{string(vietnamese), string(english)}})
		}
		// A link repeats the language only until the browser has shown that it keeps the choice.
		if kept, ok := languageKept(r); ok && kept == q.language {
			delete(q.given, languageKey)
		}
	}
	return q, nil
}

func invalid(key, value string, form fault.Form) error {
	return fault.InvalidArgument(faultpb.Reason_REASON_QUERY_PARAMETER_INVALID, key, append(form.Params(), "value", value)...)
}

// name is the resource that a parameter names; empty if it is not given.
func (q *question) name(key, collection string) string {
	if q.given[key] == "" {
		return ""
	}
	return collection + "/" + q.given[key]
}

// id is the bare id of a resource name.
func id(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// link is the address of a page with the parameters of q that it knows too, but for the changes: pairs of key and value, an
// empty value leaves the key out.
func (q *question) link(path string, changes ...string) string {
	var b strings.Builder
	b.WriteString(path)
	between := "?"
	for _, key := range keys(path) {
		value := q.given[key]
		if key == tokenKey || key == queryKey || key == q.refused {
			value = "" // a place in another list, or none at all
		}
		for i := 0; i+1 < len(changes); i += 2 {
			if changes[i] == key {
				value = changes[i+1]
			}
		}
		if value != "" {
			b.WriteString(between + key + "=" + url.QueryEscape(value))
			between = "&"
		}
	}
	return b.String()
}

// Switch is the address of the same page in another language.
func (q *question) Switch(lang language) string {
	changes := []string{languageKey, string(lang)}
	for _, key := range []string{tokenKey, queryKey, asOfKey} {
		changes = append(changes, key, q.given[key])
	}
	return q.link(q.path, changes...)
}

// Home is the address of the first page.
func (q *question) Home() string {
	return q.link(overviewPath, unitKey, "", indicatorKey, "", sortKey, "")
}

// Units is the address of the list of units.
func (q *question) Units() string { return q.link(unitsPath) }

// Path is the page.
func (q *question) Path() string { return q.path }

// ToUnit is the address of a unit's progress.
func (q *question) ToUnit(name string) string { return q.link(overviewPath, unitKey, id(name)) }

// Latest is the address of the same page as of today.
func (q *question) Latest() string { return q.link(q.path, asOfKey, "") }

// Hidden are the parameters that a form of this page carries along, as names and values.
func (q *question) Hidden() []link {
	var out []link
	for _, key := range keys(q.path) {
		asked := q.path == unitsPath && key == queryKey || q.path != unitsPath && (key == periodKey || key == asOfKey)
		if value := q.given[key]; value != "" && !asked && key != tokenKey {
			out = append(out, link{Text: key, Address: value})
		}
	}
	return out
}
