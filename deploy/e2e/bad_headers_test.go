package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"coso/deploy/internal/single/singletest"
)

// badHeaders: headers that would mean something one hop further on mean nothing to the one that gets them, and do not come
// back.
func badHeaders(t *testing.T, s *server, before string) {
	t.Helper()
	plain := s.call(t, "GET", "/v1/organisations/thu-nghiem", "")
	const foreign = "registry=00000000-0000-7000-8000-000000000000:9"
	// The position is one that a service would refuse: that is how it shows that it did not come through.
	mustRefuse(t, s.call(t, "GET", "/v1/organisations/thu-nghiem", "", "Coso-Position", foreign), 400, "INCARNATION_FOREIGN")
	for _, h := range [][2]string{
		{"Grpc-Metadata-Coso-Position", foreign},
		{"grpc-metadata-coso-position", foreign},
		{"Grpc-Metadata-X-Request-Id", "cua-nguoi-khac"},
		{"Grpc-Metadata-Principal", "principals/admin"},
		{"Grpc-Metadata-Traceparent", "x"},
		{"Grpc-Metadata-Data-Bin", "!"},
		{"Grpc-Metadata-Grpc-Timeout", "1n"},
		{"Grpc-Timeout", "1n"},
		{"grpc-timeout", "0S"},
		{"Grpc-Timeout", "x"},
		{"Grpc-Encoding", "gzip"},
		{"Grpcgateway-Coso-Position", foreign},
		{"X-Http-Method-Override", "DELETE"},
		{"X-Forwarded-For", "10.0.0.1"},
		{"X-Forwarded-Host", "attacker.example"},
		{"X-Original-Url", "/v1/units"},
		{"Grpc-Metadata-Authorization", "Bearer x"},
		{"Te", "trailers"},
		{"Content-Encoding", "br"},
	} {
		a := s.call(t, "GET", "/v1/organisations/thu-nghiem", "", h[0], h[1])
		if a.code != 200 || a.raw != plain.raw || a.pos != plain.pos {
			t.Errorf("%s: %s: answers %d %s", h[0], h[1], a.code, a.raw)
		}
	}
	// A deadline that was taken over would end the command, or leave open what became of it.
	a := s.call(t, "POST", "/v1/organisations?organisationId=thu-nghiem&requestId=r-1", goodOrganisation, "Grpc-Timeout", "1n", "Grpc-Metadata-Coso-Position", foreign)
	if a.code != 200 || a.raw != plain.raw {
		t.Errorf("sent again: %d %s", a.code, a.raw)
	}
	mustRefuse(t, s.call(t, "GET", "/v1/units", "", "Coso-Position", "registry=đầu"), 400, "POSITION_INVALID")
	for _, proof := range []string{"Bearer x", "Bearer a.b.c", "Bearer coso_x", "Basic YTpi", "x"} { // a proof that proves nothing is not passed over
		if a := s.call(t, "GET", "/v1/organisations/thu-nghiem", "", "Authorization", proof); a.code != 401 {
			t.Errorf("Authorization: %s: answers %d %s", proof, a.code, a.raw)
		}
	}
	mustRefuse(t, s.call(t, "POST", "/v1/enterprises", goodEnterprise, "Content-Type", "application/grpc"), 415, "CONTENT_TYPE")
	mustRefuse(t, s.call(t, "GET", "/v1/units", "", "Host", "x", "Sec-Fetch-Site", "cross-site"), 403, "FOREIGN_ORIGIN")
	s.unchanged(t, before)
}

// badFrames: a request that two readers could cut in two ways is not answered, or its connection ends with it: what was
// hidden behind it is not done.
func badFrames(t *testing.T, s *server, before string) {
	t.Helper()
	host := "Host: " + strings.TrimPrefix(s.base, "http://") + "\r\nAuthorization: " + singletest.Bearer(t, s.Admin(t)) + "\r\n"
	const reason = `{"reason":"nhập nhầm"}`
	hidden := "POST /v1/organisations/thu-nghiem:withdraw HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(reason), reason)
	get := "GET /v1/units HTTP/1.1\r\n" + host
	for name, c := range map[string]struct{ sent, code string }{
		"two lengths":                  {get + fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden), "400"},
		"a length of two numbers":      {get + fmt.Sprintf("Content-Length: 0, %d\r\n\r\n%s", len(hidden), hidden), "400"},
		"a signed length":              {get + "Content-Length: +0\r\n\r\n" + hidden, "400"},
		"length and chunks":            {get + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", 5+len(hidden), hidden), "200"},
		"chunks in other words":        {get + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden, "501"},
		"chunks twice":                 {get + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, "501"},
		"chunks and identity":          {get + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + hidden, "501"},
		"a space before the colon":     {get + "Content-Length : 0\r\n\r\n" + hidden, "400"},
		"NUL in a header":              {get + "X-A: b\x00c\r\n\r\n" + hidden, "400"},
		"two hosts":                    {get + "Host: attacker.example\r\n\r\n" + hidden, "400"},
		"no host":                      {"GET /v1/units HTTP/1.1\r\n\r\n" + hidden, "400"},
		"a bad escape":                 {replace(get, "/v1/units", "/v1/units/%") + "\r\n" + hidden, "400"},
		"a space in the path":          {replace(get, "/v1/units", "/v1/units /v1/units") + "\r\n" + hidden, "400"},
		"a chunk of a negative length": {replace(get, "GET", "POST") + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + hidden, "400"},
		"a header beyond 64 KiB":       {get + "X-A: " + strings.Repeat("a", 80<<10) + "\r\n\r\n" + hidden, "431"},
		"a body that a GET has not":    {get + fmt.Sprintf("Connection: close\r\nContent-Length: %d\r\n\r\n%s", len(hidden), hidden), "400"},
		"HTTP/2 without asking":        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden, "421"},
	} {
		t.Run(name, func(t *testing.T) {
			if codes := answersOf(t, s.base, c.sent); codes != c.code {
				t.Errorf("answers %s, want %s and the end", codes, c.code)
			}
			s.unchanged(t, before)
		})
	}
}

// answersOf sends bytes and answers the codes that come back until the server closes the connection.
func answersOf(t *testing.T, base, sent string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, sent) }() // the server may close before it has read all
	var codes []string
	for in := bufio.NewReader(conn); ; {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
				codes = append(codes, "open")
			}
			return strings.Join(codes, " ")
		}
		codes = append(codes, fmt.Sprint(res.StatusCode))
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			codes = append(codes, "cut")
		}
		_ = res.Body.Close()
	}
}
