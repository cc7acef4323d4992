package streamlog

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
)

// settings are those of the stream that holds a journal: it keeps everything, for ever, as it came. Messages have no ids, so
// the window for duplicates, which cannot be switched off, is as small as the server allows.
func settings(service string, incarnation uuid.UUID, shape Shape) jetstream.StreamConfig {
	limit := shape.MaxBytes
	if limit == 0 {
		limit = -1
	}
	return jetstream.StreamConfig{
		Name:              StreamName(service),
		Description:       "journal of " + service,
		Subjects:          []string{Subject(service)},
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardNew,
		Storage:           jetstream.FileStorage,
		Replicas:          max(shape.Replicas, 1),
		MaxConsumers:      -1,
		MaxMsgs:           -1,
		MaxBytes:          limit,
		MaxMsgsPerSubject: -1,
		MaxMsgSize:        -1,
		Duplicates:        100 * time.Millisecond,
		DenyDelete:        true,
		Metadata:          map[string]string{metaIncarnation: incarnation.String()},
	}
}

// chosen are the settings that an operator may change at any time.
var chosen = []string{"Description", "Replicas", "MaxBytes", "Placement", "Metadata"}

// drifted says how a stream differs from the one that was opened, every difference by name; nil: it does not. A setting that
// this version does not know of, and that does something, is a difference too.
func (l *Log) drifted(info *jetstream.StreamInfo) error {
	want := reflect.ValueOf(settings(l.o.Service, l.incarnation, Shape{}))
	have := reflect.ValueOf(info.Config)
	var found []error
	for i := range have.NumField() {
		name := have.Type().Field(i).Name
		is, should := have.Field(i).Interface(), want.Field(i).Interface()
		if !slices.Contains(chosen, name) && !reflect.DeepEqual(is, should) {
			found = append(found, fmt.Errorf("its setting %s is %v, not %v", name, is, should))
		}
	}
	if id := info.Config.Metadata[metaIncarnation]; id != l.incarnation.String() {
		found = append(found, fmt.Errorf("it holds the journal %q, not %s", id, l.incarnation))
	}
	if !info.Created.Equal(l.made) {
		found = append(found, fmt.Errorf("it was made on %s, the one that was opened on %s", info.Created.Format(time.RFC3339Nano), l.made.Format(time.RFC3339Nano)))
	}
	return errors.Join(found...)
}
