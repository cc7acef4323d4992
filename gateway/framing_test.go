package gateway_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"
)

// INV-GUARD-CHUNKS: what stands behind a request with a length and chunks is not taken for the next one.
func TestLengthAndChunks(t *testing.T) {
	g := newGate(t)
	addr, _ := g.serve(t, nil)
	conn := connect(t, addr)
	as := "Authorization: Bearer " + g.as + "\r\n"
	hidden := "GET /v1/units/hidden HTTP/1.1\r\nHost: " + addr + "\r\n" + as + "\r\n"
	if _, err := io.WriteString(conn, "POST /v1/units HTTP/1.1\r\nHost: "+addr+"\r\nContent-Type: application/json\r\n"+as+
		"Content-Length: 400\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"+hidden); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Error(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
		t.Errorf("behind the first answer: %q, %v", rest, err)
	}
	if res.StatusCode != http.StatusOK || !res.Close || len(g.taken()) != 1 {
		t.Errorf("%d, closing is %t", res.StatusCode, res.Close)
	}
}
