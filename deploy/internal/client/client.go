// Package client speaks coso's public HTTP API as an office's program would: JSON, positions, typed errors.
//
// It guarantees that what it wrote it reads back, whichever service answers (it merges and returns `coso-position`), and
// that a refusal comes back as the fault it was. It retries nothing by itself. A Client is safe for concurrent use.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/store"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// positionHeader carries positions both ways.
const positionHeader = "coso-position"

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 16 << 20

// Client calls one server.
type Client struct {
	base string
	http *http.Client

	mu        sync.Mutex
	positions []store.Position
}

// New makes a client of the server at base, e.g. `http://127.0.0.1:8080`.
func New(base string) *Client {
	return &Client{base: strings.TrimRight(base, "/"), http: &http.Client{Timeout: time.Minute}}
}

// Get asks for a resource or list. Query parameters are in JSON spelling.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out proto.Message) error {
	return c.do(ctx, http.MethodGet, path, query, nil, out)
}

// Post sends a request body.
func (c *Client) Post(ctx context.Context, path string, query url.Values, in, out proto.Message) error {
	body, err := protojson.Marshal(in)
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	return c.do(ctx, http.MethodPost, path, query, body, out)
}

func (c *Client) do(ctx context.Context, method, path string, query url.Values, body []byte, out proto.Message) error {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if p := c.send(); p != "" {
		req.Header.Set(positionHeader, p)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return unreachable(c.base, err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.base, err)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp.StatusCode, raw)
	}
	if err := c.receive(resp.Header.Get(positionHeader)); err != nil {
		return err
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s answered something else than coso's JSON: %w", c.base, err)
	}
	return nil
}

func (c *Client) send() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return store.FormatPositions(c.positions)
}

func (c *Client) receive(header string) error {
	if header == "" {
		return nil
	}
	ps, err := store.ParsePositions(header)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.positions = store.MergePositions(c.positions, ps...)
	return nil
}

// refusal reads an error body back into the fault it was.
func refusal(code int, raw []byte) error {
	st := &statuspb.Status{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, st); err != nil {
		return fmt.Errorf("HTTP %d with a body that is no coso error; is this a coso server?", code)
	}
	return fault.FromProto(st)
}

func unreachable(base string, err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("no server answers at %s; start one with `coso up`, or name another with --server", base)
	}
	return fmt.Errorf("cannot reach %s: %w", base, err)
}
