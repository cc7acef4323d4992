package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// webPage is a page as it came over the wire.
type webPage struct {
	code   int
	header http.Header
	body   string
	node
}

// browse opens a page of the server as a browser asks for it; header are pairs that replace what it sends otherwise.
func (s *server) browse(t testing.TB, path string, header ...string) webPage {
	t.Helper()
	return s.visit(t, http.MethodGet, path, header...)
}

func (s *server) visit(t testing.TB, method, path string, header ...string) webPage {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.base+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	req.Header.Set("Accept-Language", "vi")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	s.proves(t, req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return webPage{code: resp.StatusCode, header: resp.Header, body: string(raw), node: node{root}}
}

// node is a part of a page.
type node struct{ *html.Node }

// all are the elements below that match, in their order.
func (n node) all(match func(node) bool) []node {
	var out []node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && match(node{d}) {
			out = append(out, node{d})
		}
	}
	return out
}

// tags are the elements below with a name.
func (n node) tags(name string) []node {
	return n.all(func(e node) bool { return e.Data == name })
}

// id is the one element with an id.
func (n node) id(t testing.TB, id string) node {
	t.Helper()
	found := n.all(func(e node) bool { return e.attr("id") == id })
	if len(found) != 1 {
		t.Fatalf("%d elements have the id %q", len(found), id)
	}
	return found[0]
}

func (n node) attr(key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func (n node) has(class string) bool { return slices.Contains(strings.Fields(n.attr("class")), class) }

// text is what a reader sees: words of elements that are only heard left out.
func (n node) text() string {
	var b strings.Builder
	n.write(&b)
	return strings.Join(strings.Fields(b.String()), " ")
}

func (n node) write(b *strings.Builder) {
	if n.Type == html.TextNode {
		b.WriteString(n.Data)
	}
	if n.Type == html.ElementNode && n.has("quiet") {
		return
	}
	for c := range n.ChildNodes() {
		node{c}.write(b)
	}
}

// cells are the rows of a table's body, cell by cell.
func (n node) cells() [][]string {
	var out [][]string
	for _, body := range n.tags("tbody") {
		for _, row := range body.tags("tr") {
			var cells []string
			for c := range row.ChildNodes() {
				if c.Type == html.ElementNode {
					cells = append(cells, node{c}.text())
				}
			}
			out = append(out, cells)
		}
	}
	return out
}

// links are the addresses that the page names, in their order.
func (n node) links() []string {
	var out []string
	for _, e := range n.all(func(e node) bool { return e.attr("href") != "" || e.attr("src") != "" || e.attr("action") != "" }) {
		out = append(out, e.attr("href")+e.attr("src")+e.attr("action"))
	}
	return out
}

// link is the address of the one link with a text.
func (n node) link(t testing.TB, text string) string {
	t.Helper()
	found := n.all(func(e node) bool { return e.Data == "a" && e.text() == text })
	if len(found) != 1 {
		t.Fatalf("%d links say %q", len(found), text)
	}
	return found[0].attr("href")
}

// inner is an address of this server without its fragment; ok is false for any other.
func inner(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.IsAbs() || u.Host != "" {
		return "", false
	}
	u.Fragment = ""
	return u.String(), true
}
