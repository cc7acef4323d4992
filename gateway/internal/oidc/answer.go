package oidc

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"golang.org/x/oauth2"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// answer is what a browser brings from the issuer (RFC 6749, 4.1.2; RFC 9207).
type answer struct{ state, code, refusal, issuer string }

var errAnswer = errors.New("neither a code nor a refusal, or one of them twice")

// answerOf reads an answer. What else stands in it is the issuer's own and passed over, as the RFC demands.
func answerOf(query url.Values) (answer, error) {
	for _, name := range []string{"state", "code", "error", "iss"} {
		if len(query[name]) > 1 {
			return answer{}, errAnswer
		}
	}
	a := answer{state: query.Get("state"), code: query.Get("code"), refusal: query.Get("error"), issuer: query.Get("iss")}
	if (a.code == "") == (a.refusal == "") {
		return answer{}, errAnswer
	}
	return a, nil
}

// word is an error code (RFC 6749, 4.1.2.1) that can be shown: what comes with the browser may be anything.
var word = regexp.MustCompile(`^[a-z_]{1,40}$`)

func shown(code string) string {
	if word.MatchString(code) {
		return code
	}
	return "?"
}

// refused is what the issuer's refusal means.
func (c *Client) refused(code string) error {
	err := fmt.Errorf("the issuer answers %s", shown(code))
	switch code {
	case "access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required":
		return fault.PermissionDenied(faultpb.Reason_REASON_OIDC_REFUSED, "", "name", c.Name()).With(err)
	case "server_error", "temporarily_unavailable":
		return c.unavailable(err)
	}
	return c.unusable(shown(code), err)
}

// notExchanged is what it means that a code was not exchanged. The answer itself, which may hold a token, is not repeated.
func (c *Client) notExchanged(err error) error {
	if said, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		code := shown(said.ErrorCode)
		plain := fmt.Errorf("the token endpoint answers %d %s", said.Response.StatusCode, code)
		switch {
		case code == "invalid_grant": // used before, or too old
			return c.stale(plain)
		case said.Response.StatusCode >= http.StatusInternalServerError || code == "temporarily_unavailable":
			return c.unavailable(plain)
		}
		return c.unusable(code, plain)
	}
	if away, ok := errors.AsType[*url.Error](err); ok {
		return c.unavailable(away)
	}
	return c.unusable("token_endpoint", errNotRead)
}

var errNotRead = errors.New("the answer of the token endpoint cannot be read")
