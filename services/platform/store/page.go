package store

import (
	"bytes"
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

// Range says which records a list walks.
type Range[T proto.Message] struct {
	index *Index[T]
	key   Key
}

// Every walks all records, in order of their names.
func Every[T proto.Message]() Range[T] { return Range[T]{} }

// Having walks the records with one index key, in order of their names.
func Having[T proto.Message](x *Index[T], key Key) Range[T] { return Range[T]{index: x, key: key} }

// List answers one page of the records in a range that match, with the token of the next page (empty on the last).
func (b *base[T]) List(r Reader, req PageRequest, in Range[T], match func(T) bool) ([]T, string, error) {
	bucket, walked := b.spec.bucket(), b.spec.name
	if in.index != nil {
		bucket, walked = in.index.bucket, in.index.bucket
		if err := r.bounds().whole(bucket); err != nil {
			return nil, "", err
		}
	}
	p, err := openPage(r, req, walked)
	if err != nil {
		return nil, "", err
	}
	out := make([]T, 0, min(p.size, 16))
	seen := 0
	for k, v := range r.space().ascend(bucket, in.key, p.start(in.key)) {
		if len(out) == p.size || seen == maxScan {
			return out, p.token(bytes.Clone(k)), nil
		}
		seen++
		if in.index != nil {
			v = r.space().get(b.spec.bucket(), v)
		}
		rec, err := decodeRecord[T](v)
		if err == nil {
			err = r.context().Err()
		}
		if err != nil {
			return nil, "", err
		}
		if match == nil || match(rec) {
			out = append(out, rec)
		}
	}
	return out, "", nil
}
