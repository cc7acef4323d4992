// Package page is the first look at coso: pages that the gateway serves to a browser, in Vietnamese or English. How far a
// unit is as of a day, what of it is below plan, the units under it, the nominations, and from every number down to the
// organisations and intakes that were counted.
//
// It is rendered here, from what the services answer; it needs no script and loads nothing from elsewhere. It knows the
// services only by their public methods, stores nothing, and computes no figure: values, percentages and standings are
// planning's, and so are the records that a number counted. What these are called is asked of registry and membership, for
// the rows of the page; so are the units above and below, to which the pages lead.
//
// INV-PAGE-ESCAPED: whatever a name holds, it is shown as text.
// INV-PAGE-NO-FOREIGN-LOAD: a page loads its own style sheet and icon and nothing else; no script, no inline style.
// INV-PAGE-TWO-LANGUAGES: every text of the pages is there in both languages, and a page that can be read again leads to the other.
// INV-PAGE-NOTHING-IGNORED: a query parameter that a page does not know, or that comes twice, is refused.
// INV-PAGE-SAME-BROWSER: a form changes something only if it was made for the browser that sends it.
// INV-PAGE-BOUNDED: a page costs a bounded number of calls, however large the tree.
package page

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"

	awardpb "coso/proto/gen/coso/award/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
	"coso/gateway/internal/oidc"
)

// deadline is how long a page may take.
const deadline = 30 * time.Second

// policy is the pages' Content-Security-Policy.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// The pages.
const (
	overviewPath    = "/"
	factsPath       = "/facts"
	nominationsPath = "/nominations"
	unitsPath       = "/units"
	signInPath      = "/sign-in"
	signOutPath     = "/sign-out"
	issuerPath      = "/sign-in/oidc"
	passwordPath    = "/password"
)

// ReturnPath is where an issuer by which people sign in sends their browsers back.
const ReturnPath = issuerPath + "/callback"

// Options are what the pages stand on. All are required but those that say what they are without.
type Options struct {
	// Registry and the others are the services that they ask.
	Registry, Membership, Planning, Award grpc.ClientConnInterface
	// Desk says who reads.
	Desk *caller.Desk
	// Issuer is by whom one signs in beside the password form; nil: by nobody.
	Issuer *oidc.Client
	// Enter lets a page of a cost in; leave is called when it was answered.
	Enter func(c *caller.Caller, cost int) (leave func(), err error)
	// Stranger counts what is tried from an address by whoever is not signed in.
	Stranger func(r *http.Request, cost int) error
}

// costOfPage is what a page weighs against its reader's rate: the calls it makes.
const costOfPage = 20

// Site is the pages.
type Site struct {
	Options

	clients   clients
	templates map[language]views
	assets    *assets
}

// clients reach the services.
type clients struct {
	grants        registrypb.GrantServiceClient
	units         registrypb.UnitServiceClient
	organisations registrypb.OrganisationServiceClient
	intakes       membershippb.IntakeServiceClient
	indicators    planningpb.IndicatorServiceClient
	periods       planningpb.PeriodServiceClient
	targets       planningpb.TargetServiceClient
	progress      planningpb.ProgressServiceClient
	nominations   awardpb.NominationServiceClient
}

// New builds the pages. It calls no service; an error means that a template does not parse. A Site is safe for concurrent use.
func New(o Options) (*Site, error) {
	a, err := newAssets()
	if err != nil {
		return nil, err
	}
	templates, err := parse(a)
	if err != nil {
		return nil, err
	}
	return &Site{Options: o, assets: a, templates: templates, clients: clients{
		grants:        registrypb.NewGrantServiceClient(o.Registry),
		units:         registrypb.NewUnitServiceClient(o.Registry),
		organisations: registrypb.NewOrganisationServiceClient(o.Registry),
		intakes:       membershippb.NewIntakeServiceClient(o.Membership),
		indicators:    planningpb.NewIndicatorServiceClient(o.Planning),
		periods:       planningpb.NewPeriodServiceClient(o.Planning),
		targets:       planningpb.NewTargetServiceClient(o.Planning),
		progress:      planningpb.NewProgressServiceClient(o.Planning),
		nominations:   awardpb.NewNominationServiceClient(o.Award),
	}}, nil
}

// Handlers returns the handler of each path. They answer GET and HEAD; those of forms POST too.
func (s *Site) Handlers() map[string]http.Handler {
	handlers := s.assets.handlers()
	for path, b := range map[string]builder{
		overviewPath: s.overview, factsPath: s.facts, nominationsPath: s.allNominations, unitsPath: s.listUnits,
	} {
		handlers[path] = s.page(path, b)
	}
	handlers[signInPath] = s.forms(signInPath, s.askSignIn, s.signIn)
	handlers[signOutPath] = s.forms(signOutPath, s.askSignOut, s.signOut)
	handlers[passwordPath] = s.forms(passwordPath, s.askPassword, s.changePassword)
	if s.Issuer != nil {
		handlers[issuerPath] = s.comesBy(issuerPath, s.toIssuer)
		handlers[ReturnPath] = s.comesBy(ReturnPath, s.fromIssuer)
	}
	return handlers
}

// Unknown answers for a path that nobody serves, with paths that are nearly it: by a page if a browser asks for one, else as the
// API refuses.
func (s *Site) Unknown(w http.ResponseWriter, r *http.Request, near ...string) {
	if !asksForPage(r) {
		exchange.RefusePath(w, r, near...)
		return
	}
	s.refuse(w, r, fault.NotFound(faultpb.Reason_REASON_PAGE_UNKNOWN, "", "value", r.URL.Path).Near(near...))
}

// Refuse answers with err: by an error page if a browser asks for one, else as the API refuses. It must be called before the
// answer has begun.
func (s *Site) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	if !asksForPage(r) {
		exchange.Refuse(w, r, err)
		return
	}
	s.refuse(w, r, err)
}

func asksForPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// builder makes what a page shows. view is the name of its template.
type builder func(ctx context.Context, a *asker, q *question) (view string, data any, err error)

// page serves one page: the question is read in full or refused, then asked, then shown whole or not at all.
func (s *Site) page(path string, build builder) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exchange.Of(r.Context()).Route = path
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			err := fault.Unimplemented(faultpb.Reason_REASON_METHOD_UNKNOWN, "", "value", r.Method+" "+path)
			s.refuse(w, r, exchange.WithCode(http.StatusMethodNotAllowed, err))
			return
		}
		q, err := read(r, path)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		remember(w, r)
		r, ok := s.reader(w, r, q)
		if !ok {
			return
		}
		leave, err := s.Enter(caller.Of(r.Context()), costOfPage)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		defer leave()
		s.answer(w, r, q, build)
	})
}

// answer asks for what a page shows, and shows it.
func (s *Site) answer(w http.ResponseWriter, r *http.Request, q *question, build builder) {
	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	who, err := s.viewer(ctx, w, r)
	if fault.ReasonOf(err) == faultpb.Reason_REASON_SESSION_ENDED {
		s.toSignIn(w, r, q, whyEnded)
		return
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	view, data, stale, err := s.ask(ctx, r, q, build)
	if at, ok := errors.AsType[*tooEarlyError](err); ok {
		s.askAgain(w, r, q, who, stale, at)
		return
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	f := &frame{Question: q, Viewer: who, Stale: stale, Data: data}
	if err := s.show(w, r, http.StatusOK, q.language, view, f); err != nil {
		s.refuse(w, r, fault.Internal(err))
	}
}

// ask builds the page.
func (s *Site) ask(ctx context.Context, r *http.Request, q *question, build builder) (view string, data any, stale string, err error) {
	a := newAsker(s.clients, r)
	err = guarded(func() (err error) {
		view, data, err = build(ctx, a, q)
		return err
	})
	return view, data, a.staleCopies(), err
}

// defaultServer is the server that commands ask by themselves.
const defaultServer = "http://127.0.0.1:8080"

// origin is the address at which a browser reaches this server.
func (s *Site) origin(r *http.Request) string {
	if s.Desk.Secure(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// show renders a page and sends it. An error means that nothing was sent.
func (s *Site) show(w http.ResponseWriter, r *http.Request, code int, lang language, view string, f *frame) error {
	if f.Origin = s.origin(r); f.Origin != defaultServer {
		f.Server = " --server " + f.Origin
	}
	if !f.Failed {
		f.Other = f.Question.Switch(lang.other())
	}
	var body bytes.Buffer
	if err := s.templates[lang][view].ExecuteTemplate(&body, "layout", f); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(lang))
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "private, no-cache")
	if f.Viewer != nil || f.Secret {
		h.Set("Cache-Control", "no-store")
	}
	if code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	h.Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes()) // who went away needs no care
	}
	return nil
}
