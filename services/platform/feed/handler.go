package feed

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// Envelope is what is known of an event besides its body.
type Envelope struct {
	// Source is the service that announced it: `registry`.
	Source string
	// ID is `<incarnation>/<number>`, unique for all time.
	ID string
	// Number counts the events of the source: 1, 2, 3, … It is the sequence in the stream.
	Number uint64
	// Position is the entry of the source's journal that holds the event.
	Position uint64
	// Incarnation is the source's journal.
	Incarnation uuid.UUID
	// Hash is SHA-256 over that entry.
	Hash [sha256.Size]byte
	// Time is the moment of the entry.
	Time time.Time
	// Subject is the resource the event is about: `organisations/…`.
	Subject string
	// Type is the full name of the event message: `coso.registry.v1.OrganisationFounded`.
	Type string
}

// Follower is what a service does with the events of another one.
type Follower struct {
	// Source is the service that is followed: `registry`.
	Source string
	// Handlers say what each type of event does; a type without a handler is passed over. One type has one handler.
	Handlers []Handler
	// After, if set, runs once per command after the last event in which a handler ran, on what the handlers left in
	// the transaction. It may run again for the same events, like every closure of store.Update.
	After func(tx *store.Tx) error
	// Fresh are the full gRPC methods of the follower's own service that change what rests on what else is copied of this source
	// than its grants: they are refused while the copy is too old (Feed). Of a source whose grants are followed, every method is
	// refused then that changes something by grants; that needs no list.
	Fresh []string
}

// restsOn reports whether a method of the follower's own service changes what rests on the copy of its source.
func (fl Follower) restsOn(method string) bool {
	return slices.Contains(fl.Fresh, method) || fl.followsGrants() && access.ChangesByGrant(method)
}

// followsGrants reports whether the follower takes over what its source announces of grants.
func (fl Follower) followsGrants() bool {
	return slices.ContainsFunc(fl.Handlers, func(h Handler) bool { return h.typ == grantEnded })
}

var grantEnded = (*registrypb.GrantEnded)(nil).ProtoReflect().Descriptor().FullName()

// Handler is what one type of event does; made by On.
type Handler struct {
	typ   protoreflect.FullName
	fresh func() proto.Message
	run   func(*store.Tx, proto.Message, Envelope) error
}

// On makes the handler of events of type E. fn runs inside a command of the follower's store, possibly more than once for
// the same event: no side effects, no remote calls, and e is not changed. An error of kind Unavailable or
// DeadlineExceeded means "not now": the event is tried again. Any other error stops the follower at this event, and so
// does a panic.
func On[E proto.Message](fn func(tx *store.Tx, e E, at Envelope) error) Handler {
	var none E
	typ := none.ProtoReflect()
	return Handler{
		typ:   typ.Descriptor().FullName(),
		fresh: func() proto.Message { return typ.New().Interface() },
		run: func(tx *store.Tx, m proto.Message, at Envelope) error {
			e, ok := m.(E)
			if !ok {
				return fault.Internal(fmt.Errorf("a handler of %s was given %T", typ.Descriptor().FullName(), m))
			}
			return fn(tx, e, at)
		},
	}
}

// Event is the type of event that the handler is of.
func (h Handler) Event() protoreflect.FullName { return h.typ }

// Newer reports whether next is a later state of a resource than cur: followers apply nothing else. cur may be nil: any
// resource is newer than none.
func Newer[T interface{ GetRevision() int64 }](cur, next T) bool {
	return next.GetRevision() > cur.GetRevision()
}

// listening is a follower's handlers by the type of event they hear.
type listening struct {
	handlers map[string]Handler
	// names maps a type without its version to a version that is heard.
	names map[string]string
}

func newListening(handlers []Handler) (listening, error) {
	l := listening{handlers: map[string]Handler{}, names: map[string]string{}}
	for _, h := range handlers {
		typ := string(h.typ)
		if _, twice := l.handlers[typ]; twice {
			return l, fault.Internal(fmt.Errorf("two handlers of %s", typ))
		}
		l.handlers[typ] = h
		l.names[withoutVersion(typ)] = typ
	}
	return l, nil
}

// find answers the handler of a type of event. ok is false for a type that is not listened to; the error says that the
// type is, but in another version.
func (l listening) find(typ string) (h Handler, ok bool, err error) {
	if h, ok = l.handlers[typ]; ok {
		return h, true, nil
	}
	if known, listened := l.names[withoutVersion(typ)]; listened {
		return Handler{}, false, fmt.Errorf("the type %s is not the version this program knows, %s", typ, known)
	}
	return Handler{}, false, nil
}

// withoutVersion takes the version out of a type: `coso.registry.v2.UnitCreated` is `coso.registry.UnitCreated`.
func withoutVersion(typ string) string {
	parts := strings.Split(typ, ".")
	if len(parts) < 2 {
		return typ
	}
	return strings.Join(append(parts[:len(parts)-2:len(parts)-2], parts[len(parts)-1]), ".")
}
