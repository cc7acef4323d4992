// Package staff is the people of a coso that is new: the first administrator, who changes the one-time password, and those whom
// he takes on. They sign in as anybody does, by the public API, and keep their sessions in memory.
package staff

import (
	"context"
	"fmt"
	"net/url"

	"coso/deploy/internal/client"
	"coso/deploy/internal/session"

	accesspb "coso/proto/gen/coso/access/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// First is the user name of the first administrator.
const First = "admin"

// Person is somebody who is signed in: a client that acts for them.
type Person struct {
	*client.Client

	// Session is theirs.
	Session *session.Session

	base, password string
}

// SignIn signs somebody in at the server at base; a one-time password is changed to next. From then on the client reads what
// registry knew at that moment, grants among it, whichever service answers. Errors are the server's.
func SignIn(ctx context.Context, base, user, password, next string) (*Person, error) {
	s := session.InMemory(base)
	got, err := s.SignIn(ctx, user, password)
	if err != nil {
		return nil, fmt.Errorf("sign in as %s: %w", user, err)
	}
	if got.GetMustChangePassword() {
		if err := s.ChangePassword(ctx, password, next); err != nil {
			return nil, fmt.Errorf("change the password of %s: %w", user, err)
		}
		password = next
	}
	p := &Person{Client: client.New(base).As(s.Bearer), Session: s, base: base, password: password}
	if err := p.settle(ctx); err != nil {
		return nil, fmt.Errorf("what %s may do: %w", user, err)
	}
	return p, nil
}

// settle lets the other services be waited for until they know the grants that registry knows.
func (p *Person) settle(ctx context.Context) error {
	who, err := p.Session.Principal()
	if err != nil {
		return err
	}
	return p.Get(ctx, "/v1/grants", url.Values{"principal": {who}, "pageSize": {"1"}}, nil)
}

// Hire opens an account, gives it a role everywhere, and signs it in; password is its own, which replaces the one-time one.
func (p *Person) Hire(ctx context.Context, user, displayName, password string, role accesspb.Role) (*Person, error) {
	made := &identitypb.CreateAccountResponse{}
	err := p.Post(ctx, "/v1/accounts", url.Values{"accountId": {user}}, &identitypb.Account{DisplayName: displayName}, made)
	if err != nil {
		return nil, fmt.Errorf("open the account %s: %w", user, err)
	}
	grant := &registrypb.Grant{Principal: "principals/" + user, Role: role, Reason: displayName}
	if err := p.Post(ctx, "/v1/grants", url.Values{"grantId": {user}}, grant, nil); err != nil {
		return nil, fmt.Errorf("grant for %s: %w", user, err)
	}
	return SignIn(ctx, p.base, user, made.GetOneTimePassword(), password)
}
