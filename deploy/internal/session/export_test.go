package session

import "time"

// Hurry lets the session think that it is later.
func (s *Session) Hurry(by time.Duration) { s.now = func() time.Time { return time.Now().Add(by) } }
