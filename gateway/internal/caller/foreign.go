package caller

import (
	"net/http"
	"strings"

	"google.golang.org/grpc"

	identitypb "coso/proto/gen/coso/identity/v1"
)

const (
	// pendingCookie holds a sign-in by another issuer from its beginning to its end.
	pendingCookie = "coso-oidc"
	// pendingAge is how long a browser keeps it, in seconds: a little longer than it is good.
	pendingAge = 15 * 60
)

// Base is the address under which a request reached this server: `https://coso.example`. The guard has let it in, so the
// host is one that this server answers for.
func (d *Desk) Base(r *http.Request) string {
	scheme := "http://"
	if d.Secure(r) {
		scheme = "https://"
	}
	return scheme + strings.ToLower(r.Host)
}

// KeepPending lets the browser keep a sign-in by another issuer until it comes back from there. Other than the session's,
// this cookie comes with a browser that another site sends here (SameSite=Lax): it opens nothing by itself.
func (d *Desk) KeepPending(w http.ResponseWriter, r *http.Request, sealed string) {
	d.setCookieAs(w, r, pendingCookie, sealed, pendingAge, http.SameSiteLaxMode)
}

// TakePending takes it out of the browser; "": there is none.
func (d *Desk) TakePending(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie(d.cookieName(r, pendingCookie))
	if err != nil {
		return ""
	}
	d.setCookieAs(w, r, pendingCookie, "", -1, http.SameSiteLaxMode)
	return c.Value
}

// SignInBy begins a session of who has signed in by another issuer, and gives it to the browser. identity reaches the service
// of accounts as the gateway itself, which alone may ask for that.
func (d *Desk) SignInBy(w http.ResponseWriter, r *http.Request, identity grpc.ClientConnInterface, idToken, nonce string) (*Caller, error) {
	s, err := identitypb.NewSignInServiceClient(identity).BeginSession(asking(r), &identitypb.BeginSessionRequest{IdToken: idToken, Nonce: nonce})
	if err != nil {
		return nil, answered(err)
	}
	d.renewForm(w, r)
	return d.admitted(w, r, s)
}
