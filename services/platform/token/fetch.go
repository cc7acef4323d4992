package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
)

// maxDocument bounds what an issuer may answer, in bytes.
const maxDocument = 256 << 10

// fetcher asks one issuer.
type fetcher struct {
	client *http.Client
	o      RemoteOptions
	// unusable are the keys that were no use the last time, as text.
	unusable string
}

func newFetcher(o RemoteOptions) (*fetcher, error) {
	from := o.JWKS
	if from == "" {
		from = o.Issuer
	}
	if err := secure(from); err != nil {
		return nil, err
	}
	if o.Transport == nil {
		base, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, errors.New("the standard transport is another")
		}
		own := base.Clone()
		own.MaxResponseHeaderBytes = 64 << 10
		o.Transport = own
	}
	return &fetcher{o: o, client: &http.Client{
		Transport: o.Transport,
		// Keys are where the operator or the issuer says, not where somebody on the way does.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// secure reports why keys may not be read from an address: only HTTPS proves whose they are, and on this machine nobody
// else answers.
func secure(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "":
		return fmt.Errorf("%q is no address of an issuer's keys; write it like https://sso.example/realms/office", address)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q: keys are read by https alone, or by http from this machine", address)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// keys reads the issuer's keys, within the time limit.
func (f *fetcher) keys(ctx context.Context) (set keySet, unusable []error, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.o.TimeLimit)
	defer cancel()
	from := f.o.JWKS
	if from == "" {
		document, err := f.discover(ctx)
		if err != nil {
			return nil, nil, err
		}
		from, _ = document.text("jwks_uri")
		if err := secure(from); err != nil {
			return nil, nil, fmt.Errorf("%s: jwks_uri %w", f.o.Issuer, err)
		}
	}
	raw, err := f.get(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	if set, unusable, err = parseKeys(raw); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", from, err)
	}
	return set, unusable, nil
}

// get reads a small JSON document.
func (f *fetcher) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for keys: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, resp.Status)
	}
	kind := resp.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" && media != "application/jwk-set+json" {
		return nil, fmt.Errorf("%s answers with %.100q, want application/json", address, kind)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", address, err)
	}
	if len(raw) > maxDocument {
		return nil, fmt.Errorf("%s answers more than %d bytes", address, maxDocument)
	}
	return raw, nil
}

// changed reports whether other keys are no use than the last time.
func (f *fetcher) changed(unusable []error) bool {
	before := f.unusable
	f.unusable = fmt.Sprint(unusable)
	return f.unusable != before
}
