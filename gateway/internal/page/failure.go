package page

import (
	"net/http"

	"coso/services/platform/fault"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

// failure is what an error page shows.
type failure struct {
	Code      int
	RequestID string
	// First is in the reader's language, Second in the other.
	First, Second message
	// Principal is who was refused for want of a permission; empty: it is no such refusal.
	Principal string
}

// message is a text in one language.
type message struct {
	Lang language
	Text string
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
	e, code := exchange.Refused(r, at)
	data := &early{Place: at.Place, Refusal: e.MsgVi}
	if q.language == english {
		data.Refusal = e.Msg
	}
	if err := s.show(w, r, code, q.language, "early", &frame{Question: q, Viewer: who, Stale: stale, Data: data}); err != nil {
		s.refuse(w, r, fault.Internal(err))
	}
}

// refuse answers with an error page in both languages. It must be called before the answer has begun.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, code := exchange.Refused(r, err)
	vi, en := message{vietnamese, e.MsgVi}, message{english, e.Msg}
	f := &failure{Code: code, RequestID: exchange.Of(r.Context()).ID, First: vi, Second: en}
	lang := languageOf(r)
	if lang == english {
		f.First, f.Second = en, vi
	}
	q := &question{path: overviewPath, language: lang}
	var who *viewer
	if c := caller.Of(r.Context()); c != nil {
		who = &viewer{Name: id(c.Claims.Principal), Form: s.formOf(w, r, c)}
		if e.Kind == fault.KindPermissionDenied {
			f.Principal = c.Claims.Principal
		}
	}
	if err := s.show(w, r, code, lang, "failure", &frame{Question: q, Viewer: who, Failed: true, Secret: true, Data: f}); err != nil {
		exchange.Refuse(w, r, err) // a template that cannot be executed: the tests execute all of them
	}
}
