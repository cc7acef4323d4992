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

// maxIdle is how many connections are kept for later requests.
const maxIdle = 16

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 16 << 20

// Client calls one server.
type Client struct {
	base  string
	http  *http.Client
	proof Proof

	mu        sync.Mutex
	positions []store.Position
}

// New makes a client of the server at base, e.g. `http://127.0.0.1:8080`.
func New(base string) *Client {
	// Servers are on this machine: packing what they say would cost more than sending it.
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: time.Minute, DisableCompression: true,
	}
	return &Client{base: strings.TrimRight(base, "/"), http: &http.Client{Timeout: time.Minute, Transport: transport}}
}

// Proof answers the token that proves who calls; empty: nobody says.
type Proof func(ctx context.Context) (token string, err error)

// As is a client of the same server and connections for whom a proof speaks. What it has seen begins anew.
func (c *Client) As(p Proof) *Client {
	return &Client{base: c.base, http: c.http, proof: p}
}

// Get asks for a resource or list. Query parameters are in JSON spelling.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out proto.Message) error {
	_, err := c.do(ctx, http.MethodGet, path, query, nil, out)
	return err
}

// Post sends a request body. A nil out passes over what is answered.
func (c *Client) Post(ctx context.Context, path string, query url.Values, in, out proto.Message) error {
	_, err := c.Write(ctx, path, query, in, out)
	return err
}

// Write is Post, and answers the positions at which the request took effect: those of long ago if it did so before.
func (c *Client) Write(ctx context.Context, path string, query url.Values, in, out proto.Message) ([]store.Position, error) {
	body, err := protojson.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	return c.do(ctx, http.MethodPost, path, query, body, out)
}

// Reached asks for a list and answers the positions that it shows: every earlier write lies at or before them.
func (c *Client) Reached(ctx context.Context, path string) ([]store.Position, error) {
	return c.do(ctx, http.MethodGet, path, url.Values{"pageSize": {"1"}}, nil, nil)
}

func (c *Client) do(
	ctx context.Context, method, path string, query url.Values, body []byte, out proto.Message,
) ([]store.Position, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.proof != nil {
		token, err := c.proof(ctx)
		if err != nil {
			return nil, err
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
	}
	if p := c.send(); p != "" {
		req.Header.Set(positionHeader, p)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(c.base, err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, &UnreachableError{Base: c.base, Err: err}
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp.StatusCode, raw)
	}
	at, err := c.receive(resp.Header.Get(positionHeader))
	if err != nil || out == nil {
		return at, err
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, out); err != nil {
		return nil, fmt.Errorf("%s answered something else than coso's JSON: %w", c.base, err)
	}
	return at, nil
}

func (c *Client) send() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return store.FormatPositions(c.positions)
}

func (c *Client) receive(header string) ([]store.Position, error) {
	if header == "" {
		return nil, nil
	}
	ps, err := store.ParsePositions(header)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.positions = store.MergePositions(c.positions, ps...)
	return ps, nil
}

// refusal reads an error body back into the fault it was.
func refusal(code int, raw []byte) error {
	st := &statuspb.Status{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, st); err != nil {
		return fmt.Errorf("HTTP %d with a body that is no coso error; is this a coso server?", code)
	}
	return fault.FromProto(st)
}

// UnreachableError says that no answer came from the server.
type UnreachableError struct {
	// Base is the server's address.
	Base string
	// Refused: nothing listens there, so nothing was sent.
	Refused bool
	Err     error
}

// Error is the English text.
func (u *UnreachableError) Error() string {
	if u.Refused {
		return fmt.Sprintf("no server answers at %s; start one with `coso up`, or name another with --server", u.Base)
	}
	return fmt.Sprintf("cannot reach %s: %v", u.Base, u.Err)
}

// Unwrap is what happened.
func (u *UnreachableError) Unwrap() error { return u.Err }

// NobodyError says that nobody is signed in to a server, of which somebody must be to ask it for anything.
type NobodyError struct {
	// Base is the server's address.
	Base string
}

// Error is the English text.
func (n *NobodyError) Error() string {
	return fmt.Sprintf("nobody is signed in to %s; sign in with `coso sign-in USER --server %s`, or put an API token into COSO_API_TOKEN", n.Base, n.Base)
}

func unreachable(base string, err error) error {
	return &UnreachableError{Base: base, Refused: errors.Is(err, syscall.ECONNREFUSED), Err: err}
}
