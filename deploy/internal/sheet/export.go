package sheet

import (
	"context"
	"encoding/csv"
	"io"
	"iter"
	"net/url"

	"coso/deploy/internal/client"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Nouns are all that sheets may hold, in an order in which they can be loaded.
func Nouns() []string {
	out := make([]string, len(nouns))
	for i, n := range nouns {
		out[i] = n.name
	}
	return out
}

// exportPage is how many resources are asked for at once.
const exportPage = "500"

// Export writes everything of a noun as a sheet, what was withdrawn too, in order of ids, and answers how many rows it wrote;
// more is told of rows as they are written, and may be nil. It reads page by page: what changes meanwhile may be in it or not.
// corrections adds why a closing, a placement or a dissolution was last corrected. An import passes that over: to bring it
// back, it would have to invent what was wrong before.
func Export(ctx context.Context, c *client.Client, noun string, w io.Writer, d Dialect, corrections bool, more func(rows int)) (int, error) {
	n := nounNamed(noun)
	if n == nil {
		return 0, say("không có bảng nào tên là %q", "there is no sheet called %q", noun)
	}
	names := n.names(corrections)
	out, err := newWriter(w, d, names)
	if err != nil {
		return 0, err
	}
	rows := 0
	for m, err := range n.all(ctx, c) {
		if err != nil {
			return rows, err
		}
		of := [][]string{nil}
		if n.rows != nil {
			of = n.rows(m)
		} else {
			of[0] = n.cells(m, names)
		}
		for _, cells := range of {
			if err := out.write(cells); err != nil {
				return rows, err
			}
			rows++
		}
		if more != nil {
			more(len(of))
		}
	}
	return rows, out.flush()
}

func nounNamed(name string) *noun {
	for _, n := range nouns {
		if n.name == name {
			return n
		}
	}
	return nil
}

// source is one of the lists that are merged, and its next resource.
type source struct {
	next func() (proto.Message, error, bool)
	head proto.Message
}

// all walks the resources of a noun in order of names: the lists that together give all of them, merged.
func (n *noun) all(ctx context.Context, c *client.Client) iter.Seq2[proto.Message, error] {
	return func(yield func(proto.Message, error) bool) {
		var sources []*source
		var stops []func()
		defer func() {
			for _, stop := range stops {
				stop()
			}
		}()
		for _, filter := range n.lists {
			next, stop := iter.Pull2(n.pages(ctx, c, filter))
			stops = append(stops, stop)
			sources = append(sources, &source{next: next})
		}
		merge(sources, yield)
	}
}

func merge(sources []*source, yield func(proto.Message, error) bool) {
	var left []*source
	for _, s := range sources {
		m, err, ok := s.next()
		if err != nil {
			yield(nil, err)
			return
		}
		if s.head = m; ok {
			left = append(left, s)
		}
	}
	for len(left) > 0 {
		first := 0
		for k, s := range left {
			if nameOf(s.head) < nameOf(left[first].head) {
				first = k
			}
		}
		if !yield(left[first].head, nil) {
			return
		}
		m, err, ok := left[first].next()
		if err != nil {
			yield(nil, err)
			return
		}
		if left[first].head = m; !ok {
			left = append(left[:first], left[first+1:]...)
		}
	}
}

func nameOf(m proto.Message) string {
	r := m.ProtoReflect()
	return r.Get(r.Descriptor().Fields().ByName("name")).String()
}

// pages walks one list.
func (n *noun) pages(ctx context.Context, c *client.Client, filter map[string]string) iter.Seq2[proto.Message, error] {
	return func(yield func(proto.Message, error) bool) {
		query := url.Values{"pageSize": {exportPage}}
		for k, v := range filter {
			query.Set(k, v)
		}
		for {
			page := n.list.ProtoReflect().New()
			if err := c.Get(ctx, "/v1/"+n.collection(), query, page.Interface()); err != nil {
				yield(nil, err)
				return
			}
			fields := page.Descriptor().Fields()
			list := page.Get(fields.ByName(protoreflect.Name(n.collection()))).List()
			for i := range list.Len() {
				if !yield(list.Get(i).Message().Interface(), nil) {
					return
				}
			}
			token := page.Get(fields.ByName("next_page_token")).String()
			if token == "" {
				return
			}
			query.Set("pageToken", token)
		}
	}
}

// writer writes a sheet in a dialect, its cells guarded.
type writer struct{ csv *csv.Writer }

func newWriter(w io.Writer, d Dialect, header []string) (*writer, error) {
	if d.BOM {
		if _, err := io.WriteString(w, byteOrderMark); err != nil {
			return nil, err
		}
	}
	out := &writer{csv.NewWriter(w)}
	out.csv.Comma, out.csv.UseCRLF = d.Comma, d.CRLF
	return out, out.csv.Write(header)
}

func (w *writer) write(cells []string) error {
	guarded := make([]string, len(cells))
	for i, c := range cells {
		guarded[i] = guard(c)
	}
	return w.csv.Write(guarded)
}

func (w *writer) flush() error {
	w.csv.Flush()
	return w.csv.Error()
}
