package transcode

import (
	"context"
	"net/http"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"

	"coso/gateway/internal/exchange"
)

// reply is the answer to one request, and what of the request bears on it.
type reply struct {
	http.ResponseWriter

	// asked are the request's headers; conditional: some say under which condition it counts.
	asked       http.Header
	conditional bool
	// matched: the request names a version by If-Match.
	matched bool
	// begun and mute: the status is sent; nothing more is to be.
	begun, mute bool
	head        bool
}

func newReply(w http.ResponseWriter, r *http.Request) *reply {
	a := &reply{ResponseWriter: w, asked: r.Header, head: r.Method == http.MethodHead}
	a.conditional = len(r.Header[ifMatch])+len(r.Header[ifNoneMatch])+len(r.Header[idempotencyKey]) > 0
	return a
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (a *reply) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader sends the status. 200 becomes 304 where the client has what would be sent.
func (a *reply) WriteHeader(code int) {
	a.begun, a.mute = true, a.head
	h := a.Header()
	if etag := h["Etag"]; code == http.StatusOK && len(etag) > 0 && a.conditional && noneMatches(a.asked[ifNoneMatch], etag[0]) {
		code, a.mute = http.StatusNotModified, true
		delete(h, "Content-Type")
		delete(h, "Content-Length")
	}
	a.ResponseWriter.WriteHeader(code)
}

// Write sends the body, unless there is to be none.
func (a *reply) Write(b []byte) (int, error) {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	if a.mute {
		return len(b), nil
	}
	return a.ResponseWriter.Write(b)
}

// dress gives an answer its ETag. The etag of a resource is strong: equal etags, equal JSON. Such an answer
// is not compressed, for that would make another representation of it.
func dress(ctx context.Context, w http.ResponseWriter, m proto.Message) error {
	a, ok := w.(*reply)
	if !ok {
		return nil
	}
	if r, ok := m.(interface{ GetEtag() string }); ok && r.GetEtag() != "" {
		a.Header()["Etag"] = []string{`"` + r.GetEtag() + `"`}
		exchange.Of(ctx).Plain = true
	}
	return nil
}

// refused is what a service's refusal is over HTTP: a version named by If-Match that is no longer there is 412.
func (a *reply) refused(err error) error {
	if a.matched && fault.ReasonOf(err) == faultpb.Reason_REASON_ETAG_STALE {
		return exchange.WithCode(http.StatusPreconditionFailed, err)
	}
	return err
}
