package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	feedpb "coso/proto/gen/coso/feed/v1"
	"coso/services/platform/fault"

	"coso/gateway/internal/exchange"
)

// marshal writes data as the API writes resources.
var marshal = protojson.MarshalOptions{EmitDefaultValues: true}

// cloudEvent is an event as clients read it: the JSON format of CloudEvents 1.0.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Time            string          `json:"time"`
	Subject         string          `json:"subject"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// writer writes one client's stream.
type writer struct {
	*listener

	w         http.ResponseWriter
	control   *http.ResponseController
	limit     time.Duration
	requestID string
	// told is the last id that the client was told.
	told string
}

// run writes what is heard until the context ends, the client does not read, or a service says something final. How it ends
// the client sees by itself, and it comes back.
func (w *writer) run(ctx context.Context, beat <-chan time.Time) {
	if w.control.SetReadDeadline(time.Time{}) != nil { // a request's limit is not a stream's
		return
	}
	var b bytes.Buffer
	b.WriteString("retry: " + strconv.FormatInt(comeBack.Milliseconds(), 10) + "\n")
	w.place(&b)
	b.WriteString("\n")
	if !w.send(&b) {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat:
			b.WriteString(": coso\n")
			w.place(&b)
			b.WriteString("\n")
		case h := <-w.words:
			if !w.take(&b, h) {
				w.send(&b)
				return
			}
			for range len(w.words) {
				if !w.take(&b, <-w.words) {
					w.send(&b)
					return
				}
			}
		}
		if !w.send(&b) {
			return
		}
	}
}

// take adds a word to what is sent; false: it is the last.
func (w *writer) take(b *bytes.Buffer, h heard) bool {
	if h.err != nil {
		w.refuse(b, h.err)
		return false
	}
	w.note(h)
	if h.message.GetEvent() == nil {
		return true
	}
	data, err := eventJSON(h.message)
	if err != nil {
		w.refuse(b, err)
		return false
	}
	w.place(b)
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString("\n\n")
	return true
}

// place tells the client where it is, if it does not know yet. Without data it is no event, only the id to come back with.
func (w *writer) place(b *bytes.Buffer) {
	if id := format(w.q.sources, w.at); id != w.told && id != "" {
		b.WriteString("id: " + id + "\n")
		w.told = id
	}
}

// refuse says why the stream ends, in an event of its own.
func (w *writer) refuse(b *bytes.Buffer, err error) {
	body, err := protojson.Marshal(fault.ToStatus(err, w.requestID).Proto())
	if err != nil {
		return // a text that is not UTF-8; the end says enough
	}
	b.WriteString("event: refusal\ndata: ")
	b.Write(exchange.Compact(body))
	b.WriteString("\n\n")
}

// send sends and empties b; false: the client is gone, or did not read in time.
func (w *writer) send(b *bytes.Buffer) bool {
	defer b.Reset()
	if b.Len() == 0 {
		return true
	}
	if w.control.SetWriteDeadline(time.Now().Add(w.limit)) != nil {
		return false
	}
	if _, err := w.w.Write(b.Bytes()); err != nil {
		return false
	}
	return w.control.Flush() == nil
}

func eventJSON(m *feedpb.WatchEventsResponse) ([]byte, error) {
	e := m.GetEvent()
	data, err := e.GetData().UnmarshalNew()
	if err != nil {
		return nil, fault.Internal(err)
	}
	body, err := marshal.Marshal(data)
	if err != nil {
		return nil, fault.Internal(err)
	}
	out, err := json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: m.GetIncarnation() + "/" + strconv.FormatUint(m.GetSequence(), 10),
		Source: "//coso/" + e.GetService(), Type: string(data.ProtoReflect().Descriptor().FullName()),
		Time: e.GetTime().AsTime().Format(time.RFC3339Nano), Subject: e.GetSubject(),
		DataContentType: "application/json", Data: body,
	})
	if err != nil {
		return nil, fault.Internal(err)
	}
	return out, nil
}
