package page

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/limit"

	faultpb "coso/proto/gen/coso/fault/v1"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

// maxForm is what a form may weigh.
const maxForm = 8 << 10

// signInForm is what the form by which one signs in shows.
type signInForm struct {
	Why, Refusal       string
	Form, To, Username string
	// Issuer is what the other way to sign in is called, Begin where it begins, and End where one signs out there; empty: there
	// is none.
	Issuer, Begin, End string
}

// passwordForm is what the form by which a password is changed shows.
type passwordForm struct {
	OneTime bool
	// Apart: the new password was given in two ways.
	Apart              bool
	Refusal            string
	Form, To, Username string
}

// fields are what a form has sent, each once.
type fields map[string]string

// forms serves a form: get shows it, nil: there is nothing to show; post takes it.
func (s *Site) forms(
	path string, get func(http.ResponseWriter, *http.Request, *question), post func(http.ResponseWriter, *http.Request, *question, fields),
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exchange.Of(r.Context()).Route = path
		sends := r.Method == http.MethodPost
		if !sends && (get == nil || r.Method != http.MethodGet && r.Method != http.MethodHead) {
			w.Header().Set("Allow", "POST")
			if get != nil {
				w.Header().Set("Allow", "GET, HEAD, POST")
			}
			err := fault.Unimplemented(faultpb.Reason_REASON_METHOD_UNKNOWN, "", "value", r.Method+" "+path)
			s.refuse(w, r, exchange.WithCode(http.StatusMethodNotAllowed, err))
			return
		}
		q, err := read(r, path)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		if sends {
			given, err := s.sent(w, r)
			if err != nil {
				s.refuse(w, r, err)
				return
			}
			q.given[toKey] = given[toKey]
			post(w, r, q, given)
			return
		}
		remember(w, r)
		get(w, r, q)
	})
}

// sent reads a form, and refuses one that this browser was not given.
func (s *Site) sent(w http.ResponseWriter, r *http.Request) (fields, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, fault.InvalidArgument(faultpb.Reason_REASON_FORM_INVALID, "").With(err)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			err = exchange.WithCode(http.StatusRequestEntityTooLarge, fault.InvalidArgument(faultpb.Reason_REASON_FORM_INVALID, "").With(err))
			return nil, err
		}
		return nil, fault.InvalidArgument(faultpb.Reason_REASON_FORM_INVALID, "").With(err)
	}
	out := fields{}
	for name, values := range r.PostForm {
		known := []string{caller.FormField, toKey, "username", "password", "old", "new", "again"}
		if len(values) != 1 || !slices.Contains(known, name) {
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_FORM_INVALID, "")
		}
		out[name] = values[0]
	}
	return out, s.Desk.Sent(r, out[caller.FormField])
}

// askSignIn shows the form by which one signs in.
func (s *Site) askSignIn(w http.ResponseWriter, r *http.Request, q *question) {
	why := q.given[whyKey]
	if !slices.Contains([]string{"", whyNeeded, whyEnded, whyOut}, why) {
		s.refuse(w, r, invalid(whyKey, why, fault.Form{Name: fault.FormKnown, Known: []string{whyNeeded, whyEnded, whyOut}}))
		return
	}
	s.showSignIn(w, r, q, http.StatusOK, &signInForm{Why: why, Form: s.Desk.Form(w, r)})
}

// showSignIn shows the form, and the other way to sign in if there is one.
func (s *Site) showSignIn(w http.ResponseWriter, r *http.Request, q *question, code int, f *signInForm) {
	f.To = back(q.given[toKey])
	if s.Issuer != nil {
		f.Issuer, f.Begin, f.End = s.Issuer.Name(), issuerPath+"?"+url.Values{toKey: {f.To}}.Encode(), s.Issuer.SignOut()
	}
	s.showForm(w, r, q, code, "sign-in", nil, f)
}

// signIn takes the form.
func (s *Site) signIn(w http.ResponseWriter, r *http.Request, q *question, given fields) {
	err := s.Stranger(r, limit.CostOfPassword)
	var c *caller.Caller
	if err == nil {
		c, err = s.Desk.SignIn(w, r, given["username"], given["password"])
	}
	if err != nil {
		text, code := s.said(w, r, q, err)
		s.showSignIn(w, r, q, code, &signInForm{Refusal: text, Form: given[caller.FormField], Username: given["username"]})
		return
	}
	s.onward(w, r, c, q)
}

// onward sends who has signed in to where they wanted, past a one-time password.
func (s *Site) onward(w http.ResponseWriter, r *http.Request, c *caller.Caller, q *question) {
	to := back(q.given[toKey])
	if c.Claims.Scope.Has(access.ScopePassword) {
		s.redirect(w, r, passwordPath, toKey, to)
		return
	}
	s.redirect(w, r, to)
}

// askSignOut shows the form by which one signs out: a link alone, which anybody may have made, signs nobody out.
func (s *Site) askSignOut(w http.ResponseWriter, r *http.Request, q *question) {
	s.showForm(w, r, q, http.StatusOK, "sign-out", nil, &signInForm{Form: s.Desk.Form(w, r)})
}

// signOut ends the session.
func (s *Site) signOut(w http.ResponseWriter, r *http.Request, _ *question, _ fields) {
	if err := s.Desk.SignOut(w, r); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.redirect(w, r, signInPath, whyKey, whyOut)
}

// signedIn is a reader with a session of this browser, for whom a password can be changed; ok is false if the request was
// answered.
func (s *Site) signedIn(w http.ResponseWriter, r *http.Request, q *question) (*http.Request, *caller.Caller, bool) {
	r, ok := s.reader(w, r, q)
	if !ok {
		return r, nil, false
	}
	c := caller.Of(r.Context())
	if c == nil || !c.Session {
		s.toSignIn(w, r, q, whyNeeded)
		return r, nil, false
	}
	return r, c, true
}

// askPassword shows the form by which a password is changed.
func (s *Site) askPassword(w http.ResponseWriter, r *http.Request, q *question) {
	r, c, ok := s.signedIn(w, r, q)
	if !ok {
		return
	}
	who := &viewer{Name: id(c.Claims.Principal), Form: s.formOf(w, r, c)}
	s.showForm(w, r, q, http.StatusOK, "password", who, &passwordForm{
		OneTime: c.Claims.Scope.Has(access.ScopePassword), Form: who.Form, To: back(q.given[toKey]), Username: who.Name,
	})
}

// changePassword takes the form.
func (s *Site) changePassword(w http.ResponseWriter, r *http.Request, q *question, given fields) {
	r, c, ok := s.signedIn(w, r, q)
	if !ok {
		return
	}
	who := &viewer{Name: id(c.Claims.Principal), Form: given[caller.FormField]}
	again := &passwordForm{OneTime: c.Claims.Scope.Has(access.ScopePassword), Form: who.Form, To: back(q.given[toKey]), Username: who.Name}
	if given["new"] != given["again"] {
		again.Apart = true
		s.showForm(w, r, q, http.StatusBadRequest, "password", who, again)
		return
	}
	leave, err := s.Enter(c, limit.CostOfPassword)
	if err == nil {
		defer leave()
		err = s.Desk.ChangePassword(w, r, c, given["old"], given["new"])
	}
	if fault.ReasonOf(err) == faultpb.Reason_REASON_SESSION_ENDED {
		s.toSignIn(w, r, q, whyEnded)
		return
	}
	if err != nil {
		var code int
		again.Refusal, code = s.said(w, r, q, err)
		s.showForm(w, r, q, code, "password", who, again)
		return
	}
	s.redirect(w, r, back(q.given[toKey]))
}

// said is what a refusal says in the reader's language, with its HTTP status.
func (s *Site) said(w http.ResponseWriter, r *http.Request, q *question, err error) (string, int) {
	e, code := exchange.Refused(w, r, err)
	if q.language == english {
		return e.Msg, code
	}
	return e.MsgVi, code
}

func (s *Site) showForm(w http.ResponseWriter, r *http.Request, q *question, code int, view string, who *viewer, data any) {
	if err := s.show(w, r, code, q.language, view, &frame{Question: q, Viewer: who, Secret: true, Data: data}); err != nil {
		s.refuse(w, r, fault.Internal(err))
	}
}
