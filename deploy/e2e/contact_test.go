package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Who asks for what does not exist is told what may be meant, wherever a name is written: also for the events of a unit, which
// would be silent for ever.
func TestUnknownNamesAreAnsweredWithTheNearest(t *testing.T) {
	s := town(t, start)
	const near = "Có phải là units/tay-ho (Quận ủy Tây Hồ)?"
	for _, c := range []struct {
		method, path, body string
		code               int
	}{
		{"GET", "/v1/units/tay-hoo", "", http.StatusNotFound},
		{"GET", "/v1/events?unit=units/tay-hoo", "", http.StatusNotFound},
		{"GET", "/v1/organisations?unit=units/tay-hoo", "", http.StatusNotFound},
		{"GET", "/v1/intakes?unit=units/tay-hoo", "", http.StatusNotFound},
		{"GET", "/v1/targets?unit=units/tay-hoo", "", http.StatusNotFound},
		{"GET", "/v1/nominations?unit=units/tay-hoo", "", http.StatusNotFound},
		{"POST", "/v1/enterprises", replace(goodEnterprise, "tay-ho", "tay-hoo"), http.StatusBadRequest},
	} {
		within(t, 10*time.Second, "the service has heard of Tây Hồ", func() error {
			a := s.call(t, c.method, c.path, c.body)
			if _, vi, _ := reasonAndTexts(a); a.code != c.code || !strings.HasSuffix(vi, near) {
				return fmt.Errorf("%s %s: %d %s", c.method, c.path, a.code, a.raw)
			}
			return nil
		})
	}
}
