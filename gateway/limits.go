package gateway

import (
	"errors"

	"coso/services/platform/limit"
)

// Limits are how much one caller may ask of the gateway; zero ones have their defaults. An address behind which nobody is known has
// a tenth.
type Limits struct {
	Rate    int `name:"rate" help:"What one caller may ask in a second: a look-up costs 1, a list or a change 5, a password 20." default:"1000"`
	Burst   int `name:"rate-burst" help:"What one caller may ask at once before the rate counts." default:"10000"`
	AtOnce  int `name:"at-once" help:"How many requests of one caller may be under way, beside streams of events." default:"64"`
	Streams int `name:"streams" help:"How many streams of events one caller may listen to." default:"16"`
}

// usual are the defaults, as the settings have them.
var usual = limit.Limits{Rate: 1000, Burst: 10_000, AtOnce: 64, Streams: 16} //nolint:gochecknoglobals // a constant

var errLimits = errors.New("--rate, --rate-burst, --at-once and --streams are at least 1, 100, 1 and 1")

// Check answers what is wrong with the limits.
func (l Limits) Check() error {
	if !l.whole().Good() {
		return errLimits
	}
	return nil
}

// whole are the limits with the defaults.
func (l Limits) whole() limit.Limits { return limit.Limits(l).Or(usual) }
