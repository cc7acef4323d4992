package streamlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/mod/semver"

	"coso/services/platform/fault"
)

const (
	// AskServers is the subject on which every server answers with how it runs: the system account, and whoever that lets ask.
	AskServers = "$SYS.REQ.SERVER.PING.VARZ"
	// oldest is the first version of nats-server in which a leader that was replaced can propose nothing any more.
	oldest = "v2.14.4"
	// hearServers is how long the servers have to answer.
	hearServers = 2 * time.Second
	// seekEvery is how often a stream that has not been found is looked for, and a server that is away.
	seekEvery = time.Second
	// trustFor is how long a server's word is taken that answers no more, though the others hear it.
	trustFor = 2 * lookEvery
)

var (
	errNotSeen  = errors.New("nobody has looked yet")
	errNoSystem = errors.New("nobody can see whether the servers sync: there is no connection of their system account")
)

// Run looks at the stream's settings and its servers, every minute, whenever the connection came back and at each Turn, and every
// second while a server is away: it may come back as another one. It ends with ctx.
func (l *Log) Run(ctx context.Context) {
	conn := l.o.JetStream.Conn()
	back := conn.StatusChanged(nats.CONNECTED)
	defer conn.RemoveStatusListener(back)
	for {
		every := lookEvery
		if l.Look(ctx); l.Sound() != nil || l.silent.Load() { // whoever waits to write waits for this
			every = seekEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-back:
		case <-l.turns.turned:
		case <-time.After(every):
		}
	}
}

// Look holds the stream and its servers against what they must be, now. What it finds is in Sound and Lazy, and in the log of
// the process when it is new. Who does not answer is taken to be as when last seen: for two minutes, and while the other servers do
// not hear it either.
func (l *Log) Look(ctx context.Context) {
	l.looking.Lock()
	defer l.looking.Unlock()
	asking, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	stream := l.found()
	if stream == nil {
		if err := l.attach(ctx); err != nil {
			l.absent(err)
			return
		}
		stream = l.found()
	}
	info, err := stream.Info(asking)
	switch {
	case err == nil:
		l.note(l.drifted(info), l.hear(asking, info))
	case errors.Is(err, jetstream.ErrStreamNotFound):
		l.noteDrift(errGone)
	}
}

// absent keeps why the stream was not found, or is not the one that is looked for.
func (l *Log) absent(err error) {
	if fault.KindOf(err) == fault.KindDataLoss {
		l.note(err, errNotSeen)
		return
	}
	l.note(nil, err)
}

// note keeps what was found, and says it when it is new.
func (l *Log) note(drift, asleep error) {
	l.noteDrift(drift)
	l.mu.Lock()
	lazy := l.asleep
	l.asleep = asleep
	l.mu.Unlock()
	switch {
	case asleep != nil && said(lazy) != said(asleep):
		l.o.Logger.Warn("the servers have not been seen to sync; a power cut may take what they acknowledge", "error", asleep,
			"accepted", l.o.AcceptLazySync)
	case asleep == nil && lazy != nil && !errors.Is(lazy, errNotSeen):
		l.o.Logger.Info("all servers sync what they acknowledge")
	}
}

// errGone is the drift of a stream that is no more.
var errGone = errors.New("the stream is gone")

// noteDrift keeps how the stream differs from the one that was opened, and says it when it is new.
func (l *Log) noteDrift(drift error) {
	l.mu.Lock()
	before := l.drift
	l.drift = drift
	l.mu.Unlock()
	switch {
	case drift != nil && said(before) != said(drift):
		l.o.Logger.Error("the stream is not the one that holds the journal; writing has stopped with an alarm", "error", drift)
	case drift == nil && before != nil:
		l.o.Logger.Info("the stream is again as it was made")
	}
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// hear asks the servers of the stream how they keep what they acknowledge, and answers why one cannot be trusted to.
func (l *Log) hear(ctx context.Context, info *jetstream.StreamInfo) error {
	if l.o.System == nil {
		return errNoSystem
	}
	names := servers(info, l.o.JetStream.Conn())
	err := l.askAll(ctx, names)
	l.silent.Store(errors.Is(err, errSilent))
	var found []error
	for _, name := range names {
		s := l.servers[name]
		switch {
		case s.counts(time.Now(), away(info, name)):
			found = append(found, s.trusted())
		case s != nil || !down(info, name):
			found = append(found, fmt.Errorf("the server %s has not answered (%w)", name, err))
		} // one that is down and was never heard counts from its first word on: it is looked for each second
	}
	return errors.Join(found...)
}

// down reports whether the leader of a stream knows that another of its servers does not run.
func down(info *jetstream.StreamInfo, name string) bool {
	return info.Cluster != nil && slices.ContainsFunc(info.Cluster.Replicas, func(r *jetstream.PeerInfo) bool {
		return r.Name == name && r.Offline
	})
}

// away reports whether the leader of a stream does not hear another of its servers, which then acknowledges nothing.
func away(info *jetstream.StreamInfo, name string) bool {
	return info.Cluster != nil && slices.ContainsFunc(info.Cluster.Replicas, func(r *jetstream.PeerInfo) bool {
		return r.Name == name && (r.Offline || r.Active > askWait)
	})
}

// servers are the names of those that hold a stream.
func servers(info *jetstream.StreamInfo, conn *nats.Conn) []string {
	if info.Cluster == nil || info.Cluster.Leader == "" && len(info.Cluster.Replicas) == 0 {
		return []string{conn.ConnectedServerName()}
	}
	var names []string
	if info.Cluster.Leader != "" {
		names = append(names, info.Cluster.Leader)
	}
	for _, r := range info.Cluster.Replicas {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// answer is what a server says of itself, as far as it is of interest.
type answer struct {
	// heard is when it said so.
	heard  time.Time
	Server struct {
		Name    string `json:"name"`
		Version string `json:"ver"`
	} `json:"server"`
	Data struct {
		JetStream struct {
			Config struct {
				SyncAlways bool `json:"sync_always"`
			} `json:"config"`
		} `json:"jetstream"`
	} `json:"data"`
}

// counts says whether a server's last word still counts; nil: there is none. One that is away acknowledges nothing meanwhile.
func (a *answer) counts(now time.Time, away bool) bool {
	return a != nil && (away || now.Sub(a.heard) <= trustFor)
}

// trusted answers why a server cannot be.
func (a *answer) trusted() error {
	switch {
	case !a.Data.JetStream.Config.SyncAlways:
		return fmt.Errorf("the server %s acknowledges before it syncs; set sync_interval: always in its jetstream block and restart it", a.Server.Name)
	case semver.Compare("v"+a.Server.Version, oldest) < 0:
		return fmt.Errorf("the server %s runs nats-server %s; %s is the oldest that will do", a.Server.Name, a.Server.Version, oldest)
	}
	return nil
}

// errSilent says that not all servers answered in time.
var errSilent = errors.New("no answer in time")

// askAll hears the servers, until those named have answered or the time is over. The answers of others are kept too.
func (l *Log) askAll(ctx context.Context, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, hearServers)
	defer cancel()
	inbox := l.o.System.NewInbox()
	answers, err := l.o.System.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = answers.Unsubscribe() }() // it fails when the connection is gone, and with it the subscription
	if err := l.o.System.PublishRequest(AskServers, inbox, nil); err != nil {
		return err
	}
	missing := slices.Clone(names)
	for len(missing) > 0 {
		m, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return fmt.Errorf("%w: %w", errSilent, err)
		}
		a := &answer{}
		if err := json.Unmarshal(m.Data, a); err != nil || a.Server.Name == "" {
			return fmt.Errorf("an answer that makes no sense: %q (%w)", m.Data, err)
		}
		a.heard = time.Now()
		l.servers[a.Server.Name] = a
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == a.Server.Name })
	}
	return nil
}
