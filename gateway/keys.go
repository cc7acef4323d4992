package gateway

import (
	"context"
	"log/slog"
	"net/http"

	"coso/gateway/internal/site"
)

// KeysHandler answers GET of the path at which issuers publish keys with the JWK set of Options.Keys, and nothing else: it is
// what services in other processes are shown. Who may ask is the listener's to find out (mtls.Identity.Proving). 503: the keys
// cannot be read; the log says why.
func KeysHandler(logger *slog.Logger, keys func(context.Context) ([]byte, error)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+site.KeysPath, func(w http.ResponseWriter, r *http.Request) {
		set, err := keys(r.Context())
		if err != nil {
			logger.WarnContext(r.Context(), "a service asks for the keys of tokens, which cannot be read", "error", err)
			http.Error(w, "the keys cannot be read; the gateway's log says why", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(set) // who went away needs no answer
	})
	return mux
}
