package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"coso/deploy/internal/client"
	"coso/deploy/internal/single/singletest"
)

// server is a coso under test.
type server struct {
	*singletest.People

	base string
	stop func()
}

// at is the server at an address, and its people.
func at(base string, stop func()) *server {
	return &server{People: singletest.At(base), base: base, stop: stop}
}

// proves lets a request come from the administrator, unless it says of itself who sends it. An empty proof is none.
func (s *server) proves(t testing.TB, req *http.Request) {
	t.Helper()
	if given, said := req.Header["Authorization"]; !said {
		req.Header.Set("Authorization", singletest.Bearer(t, s.Admin(t)))
	} else if given[0] == "" {
		req.Header.Del("Authorization")
	}
}

// client is another client of the administrator, which has seen nothing yet.
func (s *server) client(t testing.TB) *client.Client {
	t.Helper()
	return s.Client(t)
}

// assign proposes a value for a target and lets lan approve it; it answers the proposal's refusal, if it is one.
func (s *server) assign(t testing.TB, target, body string) answer {
	t.Helper()
	a := s.call(t, "POST", "/v1/targets/"+target+":assign", body)
	if a.code != http.StatusOK {
		return a
	}
	return s.call(t, "POST", "/v1/targets/"+target+":approve", fmt.Sprintf(`{"etag":%q}`, a.body["etag"]), "Authorization", singletest.Bearer(t, s.Lan(t)))
}
