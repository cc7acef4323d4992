package page

import (
	"net/http"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"

	"coso/gateway/internal/exchange"
)

// signedInView is what who comes back from the issuer sees for a moment.
type signedInView struct{ To string }

// comesBy serves an address of signing in by the issuer: by GET, as a browser comes that follows a link or is sent there. Each
// costs the address that it comes from what trying a password does.
func (s *Site) comesBy(path string, handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exchange.Of(r.Context()).Route = path
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			err := fault.Unimplemented(faultpb.Reason_REASON_METHOD_UNKNOWN, "", "value", r.Method+" "+path)
			s.refuse(w, r, exchange.WithCode(http.StatusMethodNotAllowed, err))
			return
		}
		if err := s.Stranger(r, costOfPage); err != nil {
			s.refuse(w, r, err)
			return
		}
		handle(w, r)
	})
}

// toIssuer sends a browser to the issuer. The page leads here by a link and not by a form, since browsers hold the redirect
// after a form against form-action, which names this server alone.
func (s *Site) toIssuer(w http.ResponseWriter, r *http.Request) {
	q, err := read(r, issuerPath)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	address, sealed, err := s.Issuer.Begin(r.Context(), s.Desk.Base(r)+ReturnPath, back(q.given[toKey]))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.Desk.KeepPending(w, r, sealed)
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// fromIssuer takes a browser back. Whoever is signed in now is sent on by a page, not by a redirect: with what another site
// has set going browsers send no cookie of a session (SameSite=Strict), however often it is redirected.
func (s *Site) fromIssuer(w http.ResponseWriter, r *http.Request) {
	ended, err := s.Issuer.End(r.Context(), s.Desk.Base(r)+ReturnPath, r.URL.Query(), s.Desk.TakePending(w, r))
	if err == nil {
		_, err = s.Desk.SignInBy(w, r, s.Issuer.Identity(), ended.IDToken, ended.Nonce)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	to := back(ended.To)
	w.Header().Set("Refresh", "0; url="+to)
	q := &question{path: overviewPath, language: languageOf(r)}
	f := &frame{Question: q, Secret: true, Data: &signedInView{To: to}}
	if err := s.show(w, r, http.StatusOK, q.language, "signed-in", f); err != nil {
		s.refuse(w, r, fault.Internal(err))
	}
}
