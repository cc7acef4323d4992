package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

const (
	lastEventID = "Last-Event-ID"
	// fromStart, for the parameter `after`, asks for every event there is.
	fromStart = "start"
)

// question is what a client wants to hear.
type question struct {
	sources []Source
	types   []string
	unit    string
	// after are the places behind which the services' events are wanted; a service that is not in it: from now on.
	after map[string]place
}

// place is how far a client is in the journal of a service.
type place struct {
	sequence uint64
	// incarnation is the journal's; empty: whichever there is, from its beginning.
	incarnation string
}

// question reads the query and Last-Event-ID, which a browser sends with the address of its first request: so it wins over
// `after`. InvalidArgument for anything that is not understood.
func (h *Hub) question(r *http.Request) (*question, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badParameter("", r.URL.RawQuery, fault.Form{Name: fault.FormEscaped})
	}
	for name, given := range values {
		switch known := []string{"service", "type", "unit", "after"}; {
		case !slices.Contains(known, name):
			name = clipped(name)
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_QUERY_PARAMETER_UNKNOWN, name,
				append(fault.FormOfName(name, known).Params(), "value", strings.Join(given, ", "))...)
		case len(given) > 1 && (name == "unit" || name == "after"):
			return nil, badParameter(name, strings.Join(given, ", "), fault.Form{Name: fault.FormOnce})
		}
	}
	q := &question{unit: values.Get("unit"), types: split(values["type"])}
	if q.sources, err = h.sources(split(values["service"]), q.types); err != nil {
		return nil, err
	}
	last, after := r.Header.Values(lastEventID), values.Get("after")
	switch {
	case len(last) == 1 && last[0] != "":
		if q.after, err = places(last[0]); err != nil {
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_HEADER_INVALID, lastEventID, "value", last[0]).With(err)
		}
	case after == fromStart:
		q.after = map[string]place{}
		for _, s := range q.sources {
			q.after[s.Name] = place{}
		}
	case after != "":
		if q.after, err = places(after); err != nil {
			return nil, badParameter("after", after, fault.Form{Name: fault.FormDocumented})
		}
	}
	return q, nil
}

// sources are the services that are named, or whose event types are; all of them if nothing is.
func (h *Hub) sources(named, types []string) ([]Source, error) {
	var speak []string
	for _, t := range types {
		_, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(t))
		service, found := strings.CutPrefix(t, "coso.")
		service, _, _ = strings.Cut(service, ".")
		if err != nil || !found || h.source(service) == nil || len(named) > 0 && !slices.Contains(named, service) {
			return nil, badParameter("type", t, fault.Form{Name: fault.FormLike, Example: "coso.registry.v1.UnitCreated"})
		}
		speak = append(speak, service)
	}
	for _, name := range named {
		if h.source(name) == nil {
			return nil, badParameter("service", name, fault.Form{Name: fault.FormKnown, Known: h.names()})
		}
	}
	var out []Source
	for _, s := range h.o.Sources {
		wanted := len(named) == 0 || slices.Contains(named, s.Name)
		if wanted && (len(types) == 0 || slices.Contains(speak, s.Name)) {
			out = append(out, s)
		}
	}
	return out, nil
}

// unitThere refuses a unit that does not exist, with those that are nearly it: its stream would be silent for ever. What registry
// cannot say now, or does not tell the client, is left to the services that speak.
func (h *Hub) unitThere(ctx context.Context, unit string) error {
	registry := h.source("registry")
	if unit == "" || registry == nil {
		return nil
	}
	_, err := registrypb.NewUnitServiceClient(registry.Conn).GetUnit(ctx, &registrypb.GetUnitRequest{Name: unit})
	if err == nil || status.Code(err) != codes.NotFound {
		return nil
	}
	e := *fault.From(fault.FromStatus(status.Convert(err)))
	e.Field, e.Violations = "unit", nil // what is `name` to registry
	return &e
}

func (h *Hub) names() []string {
	var names []string
	for _, s := range h.o.Sources {
		names = append(names, s.Name)
	}
	return names
}

func (h *Hub) source(name string) *Source {
	i := slices.IndexFunc(h.o.Sources, func(s Source) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &h.o.Sources[i]
}

// split reads a parameter that is given several times, or with commas.
func split(given []string) []string {
	var out []string
	for _, one := range given {
		for part := range strings.SplitSeq(one, ",") {
			out = append(out, strings.TrimSpace(part))
		}
	}
	return out
}

// errPlace is why an id is none of ours.
var errPlace = errors.New("not a place in a journal")

// places reads an id. Whether an incarnation is one the service says.
func places(id string) (map[string]place, error) {
	out := map[string]place{}
	for one := range strings.SplitSeq(id, ",") {
		service, rest, _ := strings.Cut(strings.TrimSpace(one), ":")
		number, incarnation, _ := strings.Cut(rest, "@")
		n, err := strconv.ParseUint(number, 10, 64)
		if _, twice := out[service]; err != nil || twice || service == "" || incarnation == "" {
			return nil, fmt.Errorf("%w: %s", errPlace, one)
		}
		out[service] = place{n, incarnation}
	}
	return out, nil
}

// format writes an id: the services in their order.
func format(sources []Source, at map[string]place) string {
	var b strings.Builder
	for _, s := range sources {
		p, known := at[s.Name]
		if !known || p.incarnation == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s.Name + ":" + strconv.FormatUint(p.sequence, 10) + "@" + p.incarnation)
	}
	return b.String()
}

func badParameter(name, value string, form fault.Form) error {
	return fault.InvalidArgument(faultpb.Reason_REASON_QUERY_PARAMETER_INVALID, clipped(name), append(form.Params(), "value", value)...)
}

// clipped makes a name that the client chose fit to be repeated as a field.
func clipped(name string) string {
	const limit = 200
	name = strings.ToValidUTF8(name, "?")
	return strings.ToValidUTF8(name[:min(len(name), limit)], "")
}
