package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"time"

	"coso/gateway/internal/exchange"
)

//go:embed static
var static embed.FS

// assets are the files beside the pages. The address of each names its content, so a browser asks for it once.
type assets struct {
	// addresses are by file name.
	addresses map[string]string
	files     map[string]asset
}

type asset struct {
	name, kind, etag string
	data             []byte
}

func newAssets() (*assets, error) {
	a := &assets{addresses: map[string]string{}, files: map[string]asset{}}
	for name, kind := range map[string]string{"page.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"} {
		data, err := static.ReadFile("static/" + name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(data)
		id := hex.EncodeToString(sum[:8])
		ext := path.Ext(name)
		address := "/static/" + strings.TrimSuffix(name, ext) + "-" + id + ext
		a.addresses[name] = address
		a.files[address] = asset{name, kind, `"` + id + `"`, data}
	}
	return a, nil
}

func (a *assets) handlers() map[string]http.Handler {
	handlers := map[string]http.Handler{}
	for address, file := range a.files {
		handlers[address] = file.handler(address)
	}
	return handlers
}

func (f asset) handler(route string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			exchange.RefuseRoute(w, r, http.MethodGet, http.MethodHead)
			return
		}
		exchange.Of(r.Context()).Route = route
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("ETag", f.etag)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.data))
	})
}
