package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"coso/deploy/internal/single"
	"coso/services/platform/rpc"
	"coso/services/platform/run/settings"

	"google.golang.org/grpc"

	feedpb "coso/proto/gen/coso/feed/v1"
)

// feedCommand is about the change events between the services of a running coso.
type feedCommand struct {
	Data   settings.Folder   `help:"Data folder of the running coso; default: coso in the user's data folder." placeholder:"DIR" env:"COSO_DATA"`
	Status feedStatusCommand `cmd:"" help:"Show how far each service's events have come, and what has stopped."`
	Skip   feedSkipCommand   `cmd:"" help:"Let a stopped follower pass over the one event at which it stopped."`
}

// feedStatusCommand shows how relays and followers do.
type feedStatusCommand struct{}

// feedSkipCommand skips an event.
type feedSkipCommand struct {
	Service string `arg:"" help:"Service whose follower stopped, e.g. planning."`
	Source  string `arg:"" help:"Service that it follows, e.g. registry."`
	Number  uint64 `arg:"" help:"Number of the event at which it stopped; feed status shows it." example:"42"`
	Reason  string `help:"Why nobody needs the event; kept in the journal." required:"" placeholder:"TEXT"`
}

// askLimit bounds one question to a running service.
const askLimit = 10 * time.Second

// Run prints two tables and the alarms.
func (feedStatusCommand) Run(ctx context.Context, s streams, c *feedCommand) error {
	var all []*feedpb.FeedStatus
	var silent []string
	var why []error
	for _, service := range single.Services() {
		one, err := ask(ctx, c.Data, service, func(ctx context.Context, client feedpb.FeedServiceClient) (*feedpb.FeedStatus, error) {
			return client.GetFeedStatus(ctx, &feedpb.GetFeedStatusRequest{})
		})
		if err != nil {
			silent, why = append(silent, service), append(why, err)
			continue
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return why[0] // what keeps one from answering keeps all
	}
	if err := showFeed(s.out, all); err != nil || len(silent) == 0 {
		return err
	}
	return fmt.Errorf("of the services on this folder, these do not answer: %s; start them again (%w)", strings.Join(silent, ", "), errors.Join(why...))
}

// Run skips the event and prints how the service does then.
func (k feedSkipCommand) Run(ctx context.Context, s streams, c *feedCommand) error {
	if !slices.Contains(single.Services(), k.Service) {
		return fmt.Errorf("no service is called %q; there are %s", k.Service, strings.Join(single.Services(), ", "))
	}
	id := rpc.NewID("")
	one, err := ask(ctx, c.Data, k.Service, func(ctx context.Context, client feedpb.FeedServiceClient) (*feedpb.FeedStatus, error) {
		return client.SkipEvent(ctx, &feedpb.SkipEventRequest{Source: k.Source, Sequence: k.Number, Reason: k.Reason, RequestId: id})
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.out, "%s passes over event %d of %s.\n\n", k.Service, k.Number, k.Source); err != nil {
		return err
	}
	return showFeed(s.out, []*feedpb.FeedStatus{one})
}

// ask asks a service of the coso that runs on a data folder.
func ask[T any](ctx context.Context, data settings.Folder, service string, question func(context.Context, feedpb.FeedServiceClient) (T, error)) (T, error) {
	return onSocket(ctx, data, service, func(ctx context.Context, conn *grpc.ClientConn) (T, error) {
		return question(ctx, feedpb.NewFeedServiceClient(conn))
	})
}

// showFeed prints how relays and followers do.
func showFeed(w io.Writer, all []*feedpb.FeedStatus) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) } // Flush tells what failed
	row("SERVICE\tEVENTS\tPUBLISHED\tRELAY")
	for _, s := range all {
		state := "works"
		switch {
		case s.GetRelay().GetAlarm() != "":
			state = "STOPPED"
		case s.GetRelay().GetRebuilds() > 0:
			state = fmt.Sprintf("works (filled a damaged stream anew %d times)", s.GetRelay().GetRebuilds())
		}
		row("%s\t%d\t%d\t%s", s.GetService(), s.GetRelay().GetJournalSequence(), s.GetRelay().GetPublishedSequence(), state)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	followers := 0
	for _, s := range all {
		for _, f := range s.GetFollowers() {
			if followers++; followers == 1 {
				row("\nSERVICE\tFOLLOWS\tTAKEN\tOF\tAGE\tFOLLOWER")
			}
			row("%s\t%s\t%d\t%d\t%s\t%s", s.GetService(), f.GetSource(), f.GetSequence(), f.GetHeadSequence(), ageOf(f), stateOf(f))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return showAlarms(w, all)
}

func ageOf(f *feedpb.FollowerStatus) string {
	if f.GetAge() == nil {
		return "unknown"
	}
	return f.GetAge().AsDuration().Truncate(time.Second).String()
}

func stateOf(f *feedpb.FollowerStatus) string {
	switch {
	case f.GetAlarm() == "":
		return "works"
	case f.GetStoppedAt() == 0:
		return "STOPPED"
	default:
		return fmt.Sprintf("STOPPED at event %d", f.GetStoppedAt())
	}
}

// showAlarms says why something stopped and what to do.
func showAlarms(w io.Writer, all []*feedpb.FeedStatus) error {
	var b strings.Builder
	for _, s := range all {
		if why := s.GetRelay().GetAlarm(); why != "" {
			fmt.Fprintf(&b, "\nThe relay of %s stopped; its events wait in the journal:\n  %s\nMend the cause; it looks again every few seconds.\n", s.GetService(), why)
		}
		for _, f := range s.GetFollowers() {
			if f.GetAlarm() == "" {
				continue
			}
			fmt.Fprintf(&b, "\n%s stopped following %s:\n  %s\nMend the cause; it looks again every few seconds.\n", s.GetService(), f.GetSource(), f.GetAlarm())
			if at := f.GetStoppedAt(); at > 0 {
				fmt.Fprintf(&b, "Only if nobody needs that event: coso feed skip %s %s %d --reason \"why\"\n", s.GetService(), f.GetSource(), at)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
