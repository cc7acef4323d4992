package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
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
	maxScan = 20000
	// tokenForm begins a token: its form, a nonce, and the key at which the next page starts, sealed. Whoever has the token
	// learns nothing of that key, which may be of something that he may not see: not even how long it is, but for whole
	// tokenBlocks.
	tokenForm  = 2
	tokenNonce = 12
	tokenBlock = 64
	// tokenPad begins what fills the last block; zeros follow.
	tokenPad = 0x80
)

// page is one page of a walk. A token is bound to the query, the principal and what is walked.
type page struct {
	size  int
	key   []byte
	from  []byte
	bound []byte
}

// openPage reads the page's size and token. InvalidArgument for a token that was not made for this query and principal.
func openPage(r Reader, req PageRequest, walked string) (*page, error) {
	principal, key := r.identity()
	bound := fingerprint(key, req, "page_size", "page_token")
	bound = append(bound, Text(principal).Text(walked)...)
	p := &page{size: int(req.GetPageSize()), key: key, bound: bound}
	if p.size <= 0 {
		p.size = defaultPage
	}
	p.size = min(p.size, maxPage)
	if req.GetPageToken() == "" {
		return p, nil
	}
	var ok bool
	if p.from, ok = p.unseal(req.GetPageToken()); !ok {
		return nil, fault.InvalidArgument(faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken", "value", clip(req.GetPageToken()))
	}
	return p, nil
}

func (p *page) start(prefix []byte) []byte {
	if p.from == nil {
		return prefix
	}
	return p.from
}

// token lets the next page start at key. The nonce is made of what is sealed, so the same place has the same token.
func (p *page) token(key []byte) string {
	padded := append(bytes.Clone(key), tokenPad)
	padded = append(padded, make([]byte, -len(padded)&(tokenBlock-1))...)
	nonce := p.derive("nonce", p.bound, padded)[:tokenNonce]
	raw := append([]byte{tokenForm}, nonce...)
	return base64.RawURLEncoding.EncodeToString(p.sealer().Seal(raw, nonce, padded, p.bound))
}

// unseal is the key in a token that was made for this query, principal and walk.
func (p *page) unseal(token string) (key []byte, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < 1+tokenNonce || raw[0] != tokenForm {
		return nil, false
	}
	padded, err := p.sealer().Open(nil, raw[1:1+tokenNonce], raw[1+tokenNonce:], p.bound)
	if err != nil {
		return nil, false
	}
	key, ok = bytes.CutSuffix(bytes.TrimRight(padded, "\x00"), []byte{tokenPad})
	return key, ok
}

// sealer seals with a key of its own, made of the store's.
func (p *page) sealer() cipher.AEAD {
	block, err := aes.NewCipher(p.derive("seal"))
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // the cipher has blocks of 16 bytes
	}
	return sealer
}

// derive makes 32 bytes of the store's key for one use.
func (p *page) derive(use string, of ...[]byte) []byte {
	h := hmac.New(sha256.New, p.key)
	h.Write(Text("page token").Text(use))
	for _, part := range of {
		h.Write(Key(nil).Uint64(uint64(len(part))))
		h.Write(part)
	}
	return h.Sum(nil)
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
