package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// PageRequest is a request for a page of a list.
type PageRequest interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
}

const (
	defaultPage = 100
	maxPage     = 500
	// maxScan bounds how many records a page looks at; a page that found little still ends.
	maxScan   = 20000
	tokenMAC  = 16
	tokenForm = 1
)

// page is one page of a walk. A token is bound to the query, the principal and what is walked.
type page struct {
	size  int
	mac   []byte
	from  []byte
	bound []byte
}

// openPage reads the page's size and token. InvalidArgument for a token that was not made for this query and principal.
func openPage(r Reader, req PageRequest, walked string) (*page, error) {
	principal, key := r.identity()
	bound := fingerprint(key, req, "page_size", "page_token")
	bound = append(bound, Text(principal).Text(walked)...)
	p := &page{size: int(req.GetPageSize()), mac: key, bound: bound}
	if p.size <= 0 {
		p.size = defaultPage
	}
	p.size = min(p.size, maxPage)
	if req.GetPageToken() == "" {
		return p, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(req.GetPageToken())
	if err != nil || len(raw) < 1+tokenMAC || raw[0] != tokenForm || !hmac.Equal(raw[1:1+tokenMAC], p.sum(raw[1+tokenMAC:])) {
		return nil, fault.InvalidArgument(faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken", "value", clip(req.GetPageToken()))
	}
	p.from = raw[1+tokenMAC:]
	return p, nil
}

func (p *page) start(prefix []byte) []byte {
	if p.from == nil {
		return prefix
	}
	return p.from
}

// token lets the next page start at key.
func (p *page) token(key []byte) string {
	raw := append([]byte{tokenForm}, p.sum(key)...)
	return base64.RawURLEncoding.EncodeToString(append(raw, key...))
}

func (p *page) sum(key []byte) []byte {
	h := hmac.New(sha256.New, p.mac)
	h.Write(p.bound)
	h.Write(key)
	return h.Sum(nil)[:tokenMAC]
}

// Page is one page of a list that is no table's and that a service walks itself. Its tokens hold for the same query,
// principal and walk only, as those of List do.
type Page struct{ p *page }

// OpenPage reads the page's size and token; walked names what is walked, once and for all. InvalidArgument
// PAGE_TOKEN_INVALID for a token that was not made for this query and principal.
func OpenPage(r Reader, req PageRequest, walked string) (*Page, error) {
	p, err := openPage(r, req, walked)
	if err != nil {
		return nil, err
	}
	return &Page{p}, nil
}

// Size is how many rows the page may hold, from 1.
func (p *Page) Size() int { return p.p.size }

// From is the key at which the page starts; nil: at the beginning.
func (p *Page) From() Key { return p.p.from }

// Token lets the next page start at key.
func (p *Page) Token(key Key) string { return p.p.token(key) }
