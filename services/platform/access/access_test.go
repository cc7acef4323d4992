package access_test

import (
	"context"
	"testing"

	"coso/services/platform/access"

	accesspb "coso/proto/gen/coso/access/v1"
)

func TestFrom(t *testing.T) {
	user := access.Principal{Name: "principals/lan"}
	follower := access.Service("planning")
	caused := access.Principal{Name: "services/award", OnBehalfOf: "principals/hoa"}
	for _, tc := range []struct {
		name string
		ctx  context.Context
		want access.Principal
		ok   bool
	}{
		{"nobody was set", t.Context(), access.Principal{}, false},
		{"nobody was set on purpose", access.With(t.Context(), access.Principal{}), access.Principal{}, false},
		{"somebody", access.With(t.Context(), user), user, true},
		{"a service", access.With(t.Context(), follower), access.Principal{Name: "services/planning"}, true},
		{"a service for a user", access.With(t.Context(), caused), caused, true},
		{"the innermost counts", access.With(access.With(t.Context(), user), follower), follower, true},
		{"nobody hides somebody", access.With(access.With(t.Context(), user), access.Principal{}), access.Principal{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := access.From(tc.ctx)
			if got != tc.want || ok != tc.ok {
				t.Errorf("From = %+v, %v; want %+v, %v", got, ok, tc.want, tc.ok)
			}
		})
	}
}

func TestMethod(t *testing.T) {
	const create = "/coso.registry.v1.UnitService/CreateUnit"
	for _, tc := range []struct {
		name string
		ctx  context.Context
		want string
	}{
		{"none", t.Context(), ""},
		{"a request", access.WithMethod(t.Context(), create), create},
		{"a follower", access.WithMethod(t.Context(), "follow/registry"), "follow/registry"},
		{"the innermost counts", access.WithMethod(access.WithMethod(t.Context(), create), "follow/registry"), "follow/registry"},
		{"beside a principal", access.With(access.WithMethod(t.Context(), create), access.Service("x")), create},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := access.Method(tc.ctx); got != tc.want {
				t.Errorf("Method = %q, want %q", got, tc.want)
			}
		})
	}
}

// Services read everywhere on their own account; the gateway, which brings what others ask, may do nothing.
func TestTheGatewayMayDoNothing(t *testing.T) { // INV-ACCESS-GATEWAY-NOTHING
	for number := range accesspb.Permission_name {
		p := accesspb.Permission(number)
		if access.Fixed(access.Service("gateway"), p) {
			t.Errorf("the gateway may %s", access.Word(p))
		}
	}
	if !access.Fixed(access.Service("planning"), access.UnitsRead) || access.Fixed(access.Service("planning"), access.UnitsManage) {
		t.Error("planning does not read, or does more")
	}
}
