package page

import (
	"net/http"

	"coso/gateway/internal/exchange"
)

// failure is what an error page shows.
type failure struct {
	Code      int
	RequestID string
	// First is in the reader's language, Second in the other.
	First, Second message
}

// message is a text in one language.
type message struct {
	Lang language
	Text string
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
	if err := s.show(w, r, code, lang, "failure", &frame{Question: q, Failed: true, Data: f}); err != nil {
		exchange.Refuse(w, r, err) // a template that cannot be executed: the tests execute all of them
	}
}
