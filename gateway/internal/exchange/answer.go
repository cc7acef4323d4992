package exchange

import "net/http"

// answer remembers the status that was sent.
type answer struct {
	http.ResponseWriter
	sent int
}

// WriteHeader sends the status; the first final one counts.
func (a *answer) WriteHeader(code int) {
	if a.sent == 0 && code >= http.StatusOK {
		a.sent = code
	}
	a.ResponseWriter.WriteHeader(code)
}

// Write sends the body, and status 200 before it if none was sent.
func (a *answer) Write(b []byte) (int, error) {
	if a.sent == 0 {
		a.sent = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) begun() bool { return a.sent != 0 }

// code is the status that was sent; a handler that wrote nothing answers 200.
func (a *answer) code() int {
	if a.sent == 0 {
		return http.StatusOK
	}
	return a.sent
}
