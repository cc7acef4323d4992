package caller

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	formCookie = "coso-form"
	// hostOnly begins the names of cookies that a browser takes by TLS alone, for this host and every path, and from no other
	// host of the same domain.
	hostOnly = "__Host-"
	// FormField is the field of a form that says of which browser it is.
	FormField = "form"
)

// Secure reports whether a request came by TLS, to this server or to a proxy that is believed.
func (d *Desk) Secure(r *http.Request) bool { return d.Proxy.Secure(r) }

func (d *Desk) cookieName(r *http.Request, name string) string {
	if d.Secure(r) {
		return hostOnly + name
	}
	return name
}

// setCookie lets the browser keep a value until it is closed; a negative age lets it forget it.
func (d *Desk) setCookie(w http.ResponseWriter, r *http.Request, name, value string, age int) {
	d.setCookieAs(w, r, name, value, age, http.SameSiteStrictMode)
}

func (d *Desk) setCookieAs(w http.ResponseWriter, r *http.Request, name, value string, age int, sites http.SameSite) {
	c := &http.Cookie{
		Name: d.cookieName(r, name), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: d.Secure(r), SameSite: sites,
	}
	w.Header().Add("Set-Cookie", c.String())
}

// Forget takes the session out of the browser.
func (d *Desk) Forget(w http.ResponseWriter, r *http.Request) {
	d.setCookie(w, r, sessionCookie, "", -1)
}

// Form is what the forms of an answer must carry, so that they are known to be of this browser: it keeps the same in a cookie
// that no other site's page sends.
func (d *Desk) Form(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(d.cookieName(r, formCookie)); err == nil && c.Value != "" {
		return c.Value
	}
	return d.renewForm(w, r)
}

// renewForm gives the browser another value for its forms, with each sign-in and sign-out: whoever knew the one before, who may
// have sat at this browser or put it there, makes no form of the session that begins (INV-CALLER-FORM-RENEWED).
func (d *Desk) renewForm(w http.ResponseWriter, r *http.Request) string {
	value := rand.Text()
	d.setCookie(w, r, formCookie, value, 0)
	return value
}

// Sent refuses a form that was not made for this browser, or that did not come from a page of this server: PermissionDenied
// (FORM_STALE). The guard has turned foreign origins away; here one must have been said.
func (d *Desk) Sent(r *http.Request, given string) error {
	c, err := r.Cookie(d.cookieName(r, formCookie))
	own := len(r.Header["Origin"]) > 0 || r.Header.Get("Sec-Fetch-Site") == "same-origin"
	if err != nil || !own || c.Value == "" || subtle.ConstantTimeCompare([]byte(c.Value), []byte(given)) != 1 {
		return fault.PermissionDenied(faultpb.Reason_REASON_FORM_STALE, "")
	}
	return nil
}
