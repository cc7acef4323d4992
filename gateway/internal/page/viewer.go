package page

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

// unitsNamed is how many of a reader's units the head of a page names.
const unitsNamed = 3

// viewer is who reads, as the head of every page shows it.
type viewer struct {
	Name string
	// Units are some of those in which the reader has a grant, More how many others there are.
	Units []string
	More  int
	// Everywhere: a grant holds everywhere. None: there is no grant.
	Everywhere, None bool
	// Form lets the reader sign out; empty for who did not sign in here.
	Form string
}

// Why a reader is asked to sign in.
const (
	whyNeeded = "needed"
	whyEnded  = "ended"
	whyOut    = "out"
)

// reader finds out who reads a page, and returns the request that says so; ok is false if it was answered: who must sign in, or
// change a one-time password before, is sent there.
func (s *Site) reader(w http.ResponseWriter, r *http.Request, q *question) (known *http.Request, ok bool) {
	c, err := s.Desk.Session(w, r)
	switch {
	case err == nil && c != nil && c.Claims.Scope.Has(access.ScopePassword) && q.path != passwordPath && q.path != signInPath:
		s.redirect(w, r, passwordPath, toKey, r.URL.RequestURI())
	case err == nil && (c != nil || q.path == signInPath):
		return r.WithContext(caller.With(r.Context(), c)), true
	case err == nil:
		s.toSignIn(w, r, q, whyNeeded)
	case fault.ReasonOf(err) == faultpb.Reason_REASON_SESSION_ENDED && q.path == signInPath:
		return r, true
	case fault.ReasonOf(err) == faultpb.Reason_REASON_SESSION_ENDED:
		s.toSignIn(w, r, q, whyEnded)
	default:
		s.refuse(w, r, err)
	}
	return r, false
}

// toSignIn sends a reader to the form, and back from there. A program is refused instead: it has no use for a form.
func (s *Site) toSignIn(w http.ResponseWriter, r *http.Request, q *question, why string) {
	if why == whyEnded {
		s.Desk.Forget(w, r)
	}
	if !asksForPage(r) {
		exchange.Refuse(w, r, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MISSING, ""))
		return
	}
	to := q.given[toKey]
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		to = r.URL.RequestURI()
	}
	s.redirect(w, r, signInPath, toKey, back(to), whyKey, why)
}

// redirect sends a browser to a page by GET.
func (s *Site) redirect(w http.ResponseWriter, r *http.Request, path string, query ...string) {
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" && query[i+1] != overviewPath {
			values.Set(query[i], query[i+1])
		}
	}
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// back is the address of a page to which somebody is sent when they have signed in: one of this site's own, else the first.
func back(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || strings.HasPrefix(to, "//") {
		return overviewPath
	}
	switch u.Path {
	case overviewPath, factsPath, nominationsPath, unitsPath:
		return u.RequestURI()
	}
	return overviewPath
}

// viewer asks who reads, and where they have grants.
func (s *Site) viewer(ctx context.Context, w http.ResponseWriter, r *http.Request) (*viewer, error) {
	c := caller.Of(r.Context())
	out := &viewer{Name: id(c.Claims.Principal), Form: s.formOf(w, r, c)}
	who, err := s.Desk.Who(r, c)
	if err != nil {
		return nil, err
	}
	if who.GetDisplayName() != "" {
		out.Name = who.GetDisplayName()
	}
	if who.GetMustChangePassword() {
		return out, nil
	}
	a := newAsker(s.clients, r)
	granted, err := call(ctx, a, a.grants.ListGrants, &registrypb.ListGrantsRequest{Principal: c.Claims.Principal, PageSize: pageSize})
	if err != nil {
		return nil, err
	}
	out.None = len(granted.GetGrants()) == 0
	if err := out.name(ctx, a, granted.GetGrants()); err != nil {
		return nil, err
	}
	return out, nil
}

// formOf is what lets a reader who signed in here sign out.
func (s *Site) formOf(w http.ResponseWriter, r *http.Request, c *caller.Caller) string {
	if !c.Session {
		return ""
	}
	return s.Desk.Form(w, r)
}

// name names the units of grants, each once.
func (v *viewer) name(ctx context.Context, a *asker, granted []*registrypb.Grant) error {
	seen := map[string]bool{}
	for _, g := range granted {
		unit := g.GetUnit()
		switch {
		case seen[unit]:
			continue
		case unit == "":
			v.Everywhere = true
		case len(v.Units) == unitsNamed:
			v.More++
		default:
			u, err := call(ctx, a, a.units.GetUnit, &registrypb.GetUnitRequest{Name: unit})
			if fault.KindOf(err) == fault.KindPermissionDenied {
				u = &registrypb.Unit{DisplayName: unit}
			} else if err != nil {
				return err
			}
			v.Units = append(v.Units, u.GetDisplayName())
		}
		seen[unit] = true
	}
	return nil
}

// SignIn is the address of the form by which one signs in and comes back here.
func (q *question) SignIn() string {
	to := ""
	switch q.path {
	case overviewPath, factsPath, nominationsPath, unitsPath:
		to = q.link(q.path, tokenKey, q.given[tokenKey], queryKey, q.given[queryKey])
	}
	if to == "" || to == overviewPath {
		return signInPath
	}
	return signInPath + "?" + toKey + "=" + url.QueryEscape(to)
}
