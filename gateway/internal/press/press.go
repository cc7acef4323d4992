// Package press compresses answers with gzip for clients that take it: a list of 100 records travels in a tenth of its
// bytes, which an office on a slow line feels.
//
// It uses compress/gzip at its fastest: a library made for this brings negotiation by quality and ranges that answers of
// this gateway never have. It leaves alone what is small, what is not text, streams, and what a handler keeps as it is.
//
// INV-PRESS-SAME: uncompressed, an answer is what it would have been; a strong ETag is never put on other bytes than its own.
package press

import (
	"compress/gzip"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"coso/gateway/internal/exchange"
)

// least is the smallest body worth compressing: what fits into one packet gains nothing.
const least = 1400

// Handler compresses the answers of next.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead || !takes(r.Header["Accept-Encoding"]) {
			next.ServeHTTP(w, r)
			return
		}
		p := &pressed{ResponseWriter: w, exchange: exchange.Of(r.Context())}
		next.ServeHTTP(p, r)
		p.end() // not after a panic: a torn answer must not look whole
	})
}

// takes reports whether a client accepts gzip. A quality other than 0 is as good as another: there is no third choice.
func takes(accepted []string) bool {
	for _, line := range accepted {
		for coding := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			_, q, weighed := strings.Cut(params, "q=")
			weight, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
			return !weighed || err == nil && weight > 0
		}
	}
	return false
}

var writers = sync.Pool{New: func() any { //nolint:gochecknoglobals // a pool is shared by its nature
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // a level that does not exist
	}
	return z
}}

// pressed decides with the first bytes of an answer whether it is compressed.
type pressed struct {
	http.ResponseWriter

	exchange *exchange.Exchange
	decided  bool
	zip      *gzip.Writer
}

// Unwrap lets http.ResponseController reach the server's own writer. An answer that is flushed has decided by its type not
// to be compressed.
func (p *pressed) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader sends the status.
func (p *pressed) WriteHeader(code int) {
	p.decide(code, 0)
	p.ResponseWriter.WriteHeader(code)
}

// Write sends a part of the body.
func (p *pressed) Write(b []byte) (int, error) {
	p.decide(http.StatusOK, len(b))
	if p.zip != nil {
		return p.zip.Write(b)
	}
	return p.ResponseWriter.Write(b)
}

// decide looks once at what is known of the answer when its status or its first part is sent.
func (p *pressed) decide(code, first int) {
	if p.decided || code < http.StatusOK {
		return
	}
	p.decided = true
	h := p.Header()
	size, err := strconv.Atoi(h.Get("Content-Length"))
	if err != nil {
		size = first
	}
	if p.exchange.Plain || size < least || code == http.StatusNoContent || code == http.StatusNotModified ||
		code == http.StatusPartialContent || h.Get("Content-Encoding") != "" || !text(h.Get("Content-Type")) {
		return
	}
	z, ok := writers.Get().(*gzip.Writer)
	if !ok {
		return
	}
	h.Del("Content-Length")
	h.Del("Accept-Ranges")
	h.Set("Content-Encoding", "gzip")
	h.Add("Vary", "Accept-Encoding")
	if etag := h.Get("ETag"); etag != "" && !strings.HasPrefix(etag, "W/") {
		h.Set("ETag", "W/"+etag)
	}
	z.Reset(p.ResponseWriter)
	p.zip = z
}

// text reports whether a kind of content gains from being compressed.
func text(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || kind == "text/event-stream" {
		return false
	}
	return strings.HasPrefix(kind, "text/") || kind == "application/json" || kind == "application/javascript" || kind == "image/svg+xml"
}

// end completes the answer. Who went away before that needs no care.
func (p *pressed) end() {
	if p.zip == nil {
		return
	}
	_ = p.zip.Close()
	p.zip.Reset(nil)
	writers.Put(p.zip)
	p.zip = nil
}
