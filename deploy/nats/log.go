package nats

import (
	"fmt"
	"log/slog"
	"strings"
)

// logged hands the server's log to slog; what it tells for debugging is left out.
type logged struct {
	l *slog.Logger
	// fatal takes the first reason why the server cannot go on.
	fatal chan string
}

func (g logged) Noticef(format string, v ...any) {
	g.l.Debug("nats-server", "says", fmt.Sprintf(format, v...))
}

// Warnf passes warnings on, but for what the server says when it does not trust the index of a stream at its start.
func (g logged) Warnf(format string, v ...any) {
	says := fmt.Sprintf(format, v...)
	switch stream, told := ofAnOldIndex(says); {
	case stream == "":
		g.l.Warn("nats-server", "says", says)
	case told:
		g.l.Info("a stream's index is older than the stream, as after a kill or a power cut; it is made anew", "stream", stream)
	default:
		g.l.Debug("nats-server", "says", says)
	}
}

// ofAnOldIndex answers the stream whose index the server says it does not trust, and whether that is its last word of it;
// empty if it says something else. The index is written now and then, and when the server stops; it only saves reading the
// stream, so that after a kill it is behind and is made anew. Whether the stream itself is whole is seen by the relay,
// which holds it against the journal. A block of the stream that is missing is another matter, and stays a warning.
func ofAnOldIndex(says string) (stream string, last bool) {
	rest, found := strings.CutPrefix(says, "Filestore [")
	if !found {
		return "", false
	}
	name, what, _ := strings.Cut(rest, "] ")
	if strings.HasPrefix(what, "Recovering stream state from index errored: ") {
		return name, true
	}
	for _, why := range []string{
		"Stream state outdated, ", "Stream state too short ", "Stream state checksum did not match",
		"Stream state magic and version mismatch", "Stream state has no checksum present",
	} {
		if strings.HasPrefix(what, why) {
			return name, false
		}
	}
	return "", false
}

func (g logged) Fatalf(format string, v ...any) {
	why := fmt.Sprintf(format, v...)
	select {
	case g.fatal <- why:
	default:
	}
	g.l.Error("nats-server", "says", why)
}

func (g logged) Errorf(format string, v ...any) {
	g.l.Error("nats-server", "says", fmt.Sprintf(format, v...))
}

func (g logged) Debugf(string, ...any) {}

func (g logged) Tracef(string, ...any) {}
