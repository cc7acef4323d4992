package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"

	accesspb "coso/proto/gen/coso/access/v1"
	readingpb "coso/proto/gen/coso/reading/v1"
)

// Readings keeps who was shown personal data, as readings.Book does.
type Readings interface {
	// Ready answers nil while readings can be kept, and else what Keep would.
	Ready() error
	// Keep returns nil when they are on the disk.
	Keep(ctx context.Context, all ...*readingpb.Reading) error
}

// What one reading holds at most.
const (
	maxResources = 100
	maxQuestion  = 1000
	maxName      = 300
)

var errNoReadings = errors.New("INV-RPC-READINGS: personal data is to be shown by a server that keeps no readings")

// declaresOf is what the contract says of persons in the answers of a method of ours: whether there can be any, and whether they are
// of nobody but the caller.
func declaresOf(service, name string) (personal, own bool) {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + name))
	if err != nil {
		return false, false // of others' methods nothing is known before they answer
	}
	m, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return false, false
	}
	own, _ = proto.GetExtension(m.Options(), accesspb.E_Own).(bool)
	return access.ShowsPersonal(m.Output()), own
}

// onlyReads reports whether a method has no effect, by its name.
func onlyReads(name string) bool {
	return strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Watch")
}

// ableToRecord refuses a call that would have an effect and could not answer it, since readings cannot be recorded.
func (s *Server) ableToRecord(ctx context.Context, c *call, next func(context.Context) error) error {
	if s.readings != nil && c.personal && !c.own && !onlyReads(c.name) {
		if err := s.readings.Ready(); err != nil {
			return err
		}
	}
	if c.stream {
		ctx, c.recorder = store.Record(ctx)
	}
	return next(ctx)
}

// recordShown records what an answer, or a message of a stream, shows of persons; it leaves when that is done
// (INV-RPC-READINGS).
func (s *Server) recordShown(ctx context.Context, c *call, asked, answer proto.Message) error {
	if c.own || !leads(answer.ProtoReflect().Descriptor()) {
		return nil
	}
	found := &shown{}
	found.look(answer.ProtoReflect(), place{resource: nameIn(asked), unit: c.recorder.Unit()})
	if len(found.by) == 0 {
		return nil
	}
	if s.readings == nil {
		return fault.Internal(fmt.Errorf("%w: %s", errNoReadings, c.full))
	}
	of := &readingpb.Reading{
		Principal: c.principal.Name, OnBehalfOf: c.principal.OnBehalfOf, Method: c.full, RequestId: c.requestID, Request: question(c.name, asked),
	}
	if stead := c.recorder.Stead(); stead != "" {
		of.OnBehalfOf = stead
	}
	return s.readings.Keep(ctx, found.readings(of)...)
}

// place is where in an answer something is shown.
type place struct{ resource, unit string }

// shown is what an answer shows of persons: how many messages, by place, in the order in which they are met.
type shown struct {
	by    map[place]int
	order []place
}

func (s *shown) add(at place, n int) {
	if s.by == nil {
		s.by = map[place]int{}
	}
	if s.by[at] == 0 {
		s.order = append(s.order, at)
	}
	s.by[at] += n
}

// readings are what is to be recorded: for each unit, its resources, as many as one reading holds.
func (s *shown) readings(of *readingpb.Reading) []*readingpb.Reading {
	var out []*readingpb.Reading
	open := map[string]*readingpb.Reading{}
	for _, at := range s.order {
		r := open[at.unit]
		if r == nil || len(r.GetResources()) == maxResources {
			r = proto.CloneOf(of)
			r.Unit = at.unit
			open[at.unit], out = r, append(out, r)
		}
		if at.resource != "" {
			r.Resources = append(r.Resources, at.resource)
		}
		r.ShownCount += int32(s.by[at]) //nolint:gosec // an answer has far fewer messages
	}
	return out
}

// look notes what a message shows, in whatever depth.
func (s *shown) look(m protoreflect.Message, at place) {
	d := m.Descriptor()
	if d.FullName() == "google.protobuf.Any" {
		s.unpack(m, at)
		return
	}
	seen := sightOf(d)
	if seen.name != nil && m.Get(seen.name).String() != "" {
		at.resource = clip(m.Get(seen.name).String(), maxName)
	}
	if seen.unit != nil && m.Get(seen.unit).String() != "" {
		at.unit = clip(m.Get(seen.unit).String(), maxName)
	}
	some := 0
	for _, f := range seen.marked {
		switch {
		case !m.Has(f):
		case f.IsList():
			some = max(some, m.Get(f).List().Len())
		default:
			some = max(some, 1)
		}
	}
	if some > 0 {
		s.add(at, some)
	}
	for _, f := range seen.nested {
		if m.Has(f) {
			s.lookInto(m.Get(f), f, at)
		}
	}
}

func (s *shown) lookInto(v protoreflect.Value, f protoreflect.FieldDescriptor, at place) {
	switch {
	case f.IsMap():
		v.Map().Range(func(_ protoreflect.MapKey, value protoreflect.Value) bool {
			s.look(value.Message(), at)
			return true
		})
	case f.IsList():
		for i := range v.List().Len() {
			s.look(v.List().Get(i).Message(), at)
		}
	default:
		s.look(v.Message(), at)
	}
}

// unpack looks into a message of any type. One that cannot be read here, as a newer version's, could show anything, and counts so.
func (s *shown) unpack(m protoreflect.Message, at place) {
	fields := m.Descriptor().Fields()
	url := m.Get(fields.ByName("type_url")).String()
	if url == "" {
		return
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByURL(url)
	if err == nil && !leads(kind.Descriptor()) {
		return
	}
	if err == nil {
		inner := kind.New()
		if err = proto.Unmarshal(m.Get(fields.ByName("value")).Bytes(), inner.Interface()); err == nil {
			s.look(inner, at)
			return
		}
	}
	s.add(at, 1)
}

// question is what was asked for, where a method only reads: what one changes stands in the journal.
func question(method string, asked proto.Message) string {
	if asked == nil || !onlyReads(method) {
		return ""
	}
	asked = proto.Clone(asked)
	m := asked.ProtoReflect()
	for _, name := range []protoreflect.Name{"page_size", "page_token"} {
		if f := m.Descriptor().Fields().ByName(name); f != nil {
			m.Clear(f)
		}
	}
	text, err := protojson.Marshal(asked)
	var compact bytes.Buffer // protojson's spaces vary
	if err = errors.Join(err, json.Compact(&compact, text)); err != nil {
		return "" // it holds a type that is not known here; the resources say what was shown
	}
	return clip(compact.String(), maxQuestion)
}

// nameIn is the resource that a request is about.
func nameIn(asked proto.Message) string {
	if asked == nil {
		return ""
	}
	m := asked.ProtoReflect()
	for _, name := range []protoreflect.Name{"name", "parent"} {
		if f := textOf(m.Descriptor(), name); f != nil && m.Get(f).String() != "" {
			return clip(m.Get(f).String(), maxName)
		}
	}
	return ""
}

// clip cuts a text that is longer than so many characters.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// heard is the first message of a stream: what it asks for.
type heard struct{ first atomic.Pointer[proto.Message] }

func (h *heard) note(m proto.Message) { h.first.CompareAndSwap(nil, &m) }

func (h *heard) asked() proto.Message {
	if m := h.first.Load(); m != nil {
		return *m
	}
	return nil
}
