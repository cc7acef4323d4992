package streamlog

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
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
		Metadata:          map[string]string{metaIncarnation: incarnation.String(), metaReplicas: strconv.Itoa(max(shape.Replicas, 1))},
	}
}

// chosen are the settings that an operator may change at any time, but for fewer replicas than there were.
var chosen = []string{"Description", "Replicas", "MaxBytes", "Placement", "Metadata"}

// changedError says that a stream is the one that was opened, with other settings, which can be set back.
type changedError struct{ error }

// Unwrap answers every difference.
func (e changedError) Unwrap() error { return e.error }

// drifted says how a stream differs from the one that was opened, every difference by name; nil: it does not. A setting that
// this version does not know of, and that does something, is a difference too. changedError: nothing but settings differs.
func (l *Log) drifted(info *jetstream.StreamInfo) error {
	want := reflect.ValueOf(settings(l.o.Service, l.incarnation, Shape{}))
	have := reflect.ValueOf(info.Config)
	var changed, found []error
	for i := range have.NumField() {
		name := have.Type().Field(i).Name
		is, should := have.Field(i).Interface(), want.Field(i).Interface()
		if !slices.Contains(chosen, name) && !reflect.DeepEqual(is, should) {
			changed = append(changed, fmt.Errorf("its setting %s is %v, not %v", name, is, should))
		}
	}
	if copies := copiesOf(info.Config); copies > l.copies.Load() {
		l.copies.Store(copies)
	}
	if copies := l.copies.Load(); int64(info.Config.Replicas) < copies {
		changed = append(changed, fmt.Errorf("it lies on %d servers, not on %d", info.Config.Replicas, copies))
	}
	if there := info.State; there.Msgs != there.LastSeq { // nothing is ever taken out of it
		found = append(found, fmt.Errorf("it holds %d entries, of %d that were put into it; the first is %d", there.Msgs, there.LastSeq, there.FirstSeq))
	}
	if id := info.Config.Metadata[metaIncarnation]; id != l.incarnation.String() {
		found = append(found, fmt.Errorf("it holds the journal %q, not %s", id, l.incarnation))
	}
	if !info.Created.Equal(l.made) {
		found = append(found, fmt.Errorf("it was made on %s, the one that was opened on %s", info.Created.Format(time.RFC3339Nano), l.made.Format(time.RFC3339Nano)))
	}
	if len(found) == 0 && len(changed) > 0 {
		return changedError{errors.Join(changed...)}
	}
	return errors.Join(append(changed, found...)...)
}

// copiesOf is on how many servers a stream must lie: on as many as it does, or did when it was made.
func copiesOf(is jetstream.StreamConfig) int64 {
	made, err := strconv.ParseInt(is.Metadata[metaReplicas], 10, 64)
	if err != nil { // it was made before that was written down
		made = 0
	}
	return max(made, int64(is.Replicas))
}
