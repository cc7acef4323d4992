package mtls

import (
	"net"
	"sync"
)

const (
	// maxUnproved is how many connections of a process may be open at once whose callers have not proved who they are, maxUnprovedFrom
	// how many of them from one address. How long each has is its server's.
	maxUnproved     = 256
	maxUnprovedFrom = 64
)

// Unproved counts the connections whose callers have not proved who they are (INV-MTLS-UNPROVED). The zero one has none. It is
// safe for concurrent use.
type Unproved struct {
	mu   sync.Mutex
	all  int
	from map[string]int
}

// Newcomer is a connection whose caller has not proved who it is. It keeps its place until Leave or Close.
type Newcomer struct {
	net.Conn

	// Leave gives the place back: the caller has proved who it is. It may be called again.
	Leave func()
}

// Close hangs up.
func (n *Newcomer) Close() error {
	n.Leave()
	return n.Conn.Close()
}

// Accept answers the next connection on lis that there is room for, and hangs up at once on the others. Errors are those of lis.
func (u *Unproved) Accept(lis net.Listener) (*Newcomer, error) {
	for {
		conn, err := lis.Accept()
		if err != nil {
			return nil, err
		}
		from := hostOf(conn.RemoteAddr())
		if u.take(from) {
			return &Newcomer{Conn: conn, Leave: sync.OnceFunc(func() { u.give(from) })}, nil
		}
		_ = conn.Close() // nothing was said on it, and an error here must not end the listening
	}
}

// take counts a connection from an address; false: there are too many.
func (u *Unproved) take(from string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == maxUnproved || u.from[from] == maxUnprovedFrom {
		return false
	}
	if u.from == nil {
		u.from = map[string]int{}
	}
	u.all++
	u.from[from]++
	return true
}

func (u *Unproved) give(from string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	if u.from[from]--; u.from[from] == 0 {
		delete(u.from, from)
	}
}

func hostOf(addr net.Addr) string {
	if host, _, err := net.SplitHostPort(addr.String()); err == nil {
		return host
	}
	return addr.String()
}
