package gateway_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// INV-PRESS-SAME
func TestGzip(t *testing.T) {
	g := newGate(t)
	g.reply = func(_ context.Context, c call) (proto.Message, error) {
		unit := &registrypb.Unit{Name: "units/x", DisplayName: strings.Repeat("Quận ủy ", 300), Etag: "0a1b2c3d-7"}
		switch {
		case strings.HasSuffix(c.method, "ListUnits"):
			return &registrypb.ListUnitsResponse{Units: []*registrypb.Unit{unit}}, nil
		case strings.HasSuffix(c.method, "GetUnit"):
			return unit, nil
		}
		return nil, nil //nolint:nilnil // the echo answers an empty message then
	}
	for name, c := range map[string]struct {
		method, target, accept string
		pressed                bool
	}{
		"a list":                           {"GET", "/v1/units", "gzip, deflate, br", true},
		"a list, weighed":                  {"GET", "/v1/units", "br;q=1.0, gzip;q=0.8", true},
		"a list, not asked for":            {"GET", "/v1/units", "", false},
		"a list, refused":                  {"GET", "/v1/units", "gzip;q=0, identity", false},
		"a list, another coding":           {"GET", "/v1/units", "br", false},
		"something small":                  {"GET", "/v1/targets", "gzip", false},
		"a resource, whose etag is strong": {"GET", "/v1/units/x", "gzip", false},
		"a refusal":                        {"GET", "/v1/khong-co", "gzip", false},
		"the document":                     {"GET", "/openapi.json", "gzip", true},
		"HEAD":                             {"HEAD", "/v1/units", "gzip", false},
	} {
		t.Run(name, func(t *testing.T) {
			plain := g.do(t, ask{method: c.method, target: c.target})
			res := g.do(t, ask{method: c.method, target: c.target, header: http.Header{"Accept-Encoding": {c.accept}}})
			pressed := res.header.Get("Content-Encoding") == "gzip"
			if res.code != plain.code || pressed != c.pressed {
				t.Fatalf("%d, %v", res.code, res.header)
			}
			body := res.body
			if pressed {
				body = unzip(t, body)
				if len(res.body) > len(body)/2 || res.header.Get("Vary") != "Accept-Encoding" || res.header.Get("Content-Length") != "" {
					t.Errorf("%d of %d bytes, %v", len(res.body), len(body), res.header)
				}
				if etag := res.header.Get("ETag"); etag != "" && etag != "W/"+plain.header.Get("ETag") {
					t.Errorf("ETag %s, plain %s", etag, plain.header.Get("ETag"))
				}
			}
			if plain.code == http.StatusOK && !bytes.Equal(body, plain.body) {
				t.Error("the content differs")
			}
		})
	}
}

// A torn answer does not end like a whole one.
func TestGzipOfATornAnswer(t *testing.T) {
	g := newShell(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		if _, err := io.WriteString(w, strings.Repeat("coso_up 1\n", 1000)); err != nil {
			t.Error(err)
		}
		panic("in the middle")
	})
	body := &bytes.Buffer{}
	func() {
		defer func() { _ = recover() }()
		res := g.do(t, ask{method: "GET", target: "/", header: http.Header{"Accept-Encoding": {"gzip"}}})
		body.Write(res.body)
	}()
	zip, err := gzip.NewReader(body)
	if err != nil {
		return // not even begun
	}
	if _, err := io.ReadAll(zip); err == nil {
		t.Error("reads as a whole")
	}
}

func unzip(t *testing.T, body []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
