// Package site is what the gateway serves beside the API: the OpenAPI document, a page to read it, and the addresses
// that a supervisor asks. All of it comes out of the program; no page loads anything from elsewhere.
//
// INV-SITE-NO-FOREIGN-LOAD: a page's Content-Security-Policy lets it load from this server only.
// INV-SITE-COUNTED: every request is counted against the address that it comes from.
// INV-SITE-ONE-WORD: whether the process is ready is answered in one word, and looked at once a second at most, however many ask.
package site

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"net/http"
	"time"

	"github.com/swaggest/swgui/v5emb"

	"coso/gateway/internal/exchange"
	"coso/services/platform/limit"
)

// policy is the pages' Content-Security-Policy. Swagger UI sets style attributes and keeps its icons in data URLs.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed docs
var docs embed.FS

// Options are what the site shows.
type Options struct {
	// OpenAPI is the document, JSON.
	OpenAPI []byte
	// Ready returns nil if the process can do its work.
	Ready func(context.Context) error
	// Now is the clock.
	Now func() time.Time
	// Enter counts a request by where it comes from; its error refuses it.
	Enter func(r *http.Request, cost int) error
	// Keys returns the JWK set with which the installation's own tokens are verified.
	Keys func(context.Context) ([]byte, error)
}

// KeysPath is where the keys are published, as issuers do.
const KeysPath = "/.well-known/jwks.json"

// Handlers returns the handler of each path. They answer GET and HEAD and refuse other methods; whether the request's
// path is theirs is the caller's question.
func Handlers(o Options) (map[string]http.Handler, error) {
	handlers := map[string]http.Handler{
		"/openapi.json": document("openapi.json", "application/json", o.OpenAPI),
		"/healthz":      http.HandlerFunc(alive),
		"/readyz":       newReadiness(o.Ready, o.Now),
		KeysPath:        published(o.Keys),
	}
	for path, file := range map[string]struct{ name, kind string }{
		"/docs":          {"index.html", "text/html; charset=utf-8"},
		"/docs/":         {"index.html", "text/html; charset=utf-8"},
		"/docs/start.js": {"start.js", "text/javascript; charset=utf-8"},
	} {
		data, err := docs.ReadFile("docs/" + file.name)
		if err != nil {
			return nil, err
		}
		handlers[path] = page(document(file.name, file.kind, data))
	}
	swagger := page(v5emb.New("", "", "/docs/"))
	for _, asset := range []string{"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"} {
		handlers["/docs/"+asset] = swagger
	}
	for path, h := range handlers {
		handlers[path] = readOnly(path, o.counted(h))
	}
	return handlers, nil
}

// counted counts requests by where they come from: whoever asks has not said who they are (INV-SITE-COUNTED).
func (o Options) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := o.Enter(r, limit.CostOfRead); err != nil {
			exchange.Refuse(w, r, err)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// readOnly names the route for the log and refuses methods that are no reads.
func readOnly(route string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			exchange.RefuseRoute(w, r, http.MethodGet, http.MethodHead)
			return
		}
		exchange.Of(r.Context()).Route = route
		h.ServeHTTP(w, r)
	})
}

// document serves data with its hash as ETag, so that a client that has it is told 304.
func document(name, kind string, data []byte) http.Handler {
	sum := sha256.Sum256(data)
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("ETag", etag)
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	})
}

// page lets a handler's answer be a page of this server.
func page(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-cache")
		h.ServeHTTP(w, r)
	})
}

// keysAge is for how long a verifier may go by the keys that it has read: a new one is published weeks before it signs.
const keysAge = "public, max-age=300"

// published answers the keys.
func published(keys func(context.Context) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set, err := keys(r.Context())
		if err != nil {
			exchange.Refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", keysAge)
		_, _ = w.Write(set) // who went away needs no answer
	})
}

func alive(w http.ResponseWriter, r *http.Request) { say(w, "alive") }

// say answers one word; a client that went away before it needs no care.
func say(w http.ResponseWriter, word string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, word+"\n")
}
