package page

import (
	"net/http"
	"net/url"
	"strings"

	"coso/services/platform/fault"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

// failure is what an error page shows.
type failure struct {
	Code      int
	RequestID string
	// Text says what was wrong, in the reader's language.
	Text string
	// Principal is who was refused for want of a permission; empty: it is no such refusal.
	Principal string
}

// tooEarlyError is the refusal of a day before the period's first. Another period was chosen, most often: the reader is shown where
// they are, why there is nothing, and the form to choose a day.
type tooEarlyError struct {
	*Place

	err error
}

func (e *tooEarlyError) Error() string { return e.err.Error() }

func (e *tooEarlyError) Unwrap() error { return e.err }

// early is what the page shows then.
type early struct {
	*Place

	Refusal string
}

// askAgain answers with the form and why the day in it cannot be shown.
func (s *Site) askAgain(w http.ResponseWriter, r *http.Request, q *question, who *viewer, stale string, at *tooEarlyError) {
	e, code := exchange.Refused(w, r, at)
	data := &early{Place: at.Place, Refusal: q.language.of(e)}
	q.refused = asOfKey
	if err := s.show(w, r, code, q.language, "early", &frame{Question: q, Viewer: who, Stale: stale, Data: data}); err != nil {
		s.refuse(w, r, fault.Internal(err))
	}
}

// of is a refusal's text.
func (l language) of(e *fault.Error) string {
	if l == english {
		return e.Msg
	}
	return e.MsgVi
}

// inOther is the address that was asked for, in the other language; empty for what cannot be asked again.
func inOther(r *http.Request, lang language) string {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || r.Method != http.MethodGet && r.Method != http.MethodHead || strings.HasPrefix(r.URL.Path, "//") || r.URL.Path == ReturnPath {
		return ""
	}
	values.Set(languageKey, string(lang.other()))
	return (&url.URL{Path: r.URL.Path, RawQuery: values.Encode()}).String()
}

// refuse answers with an error page. It must be called before the answer has begun.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, code := exchange.Refused(w, r, err)
	lang := languageOf(r)
	f := &failure{Code: code, RequestID: exchange.Of(r.Context()).ID, Text: lang.of(e)}
	q := &question{path: overviewPath, language: lang}
	var who *viewer
	if c := caller.Of(r.Context()); c != nil {
		who = &viewer{Name: id(c.Claims.Principal), Form: s.formOf(w, r, c)}
		if e.Kind == fault.KindPermissionDenied {
			f.Principal = c.Claims.Principal
		}
	}
	if err := s.show(w, r, code, lang, "failure", &frame{Question: q, Viewer: who, Failed: true, Other: inOther(r, lang), Secret: true, Data: f}); err != nil {
		exchange.Refuse(w, r, err) // a template that cannot be executed: the tests execute all of them
	}
}
