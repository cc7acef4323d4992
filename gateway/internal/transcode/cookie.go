package transcode

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A browser or a spreadsheet keeps cookies and knows nothing of positions, so the gateway keeps them for it: the cookie holds
// how far the client has seen the journals. A client that sends the header keeps them itself and gets no cookie.
const (
	cookieName = "coso-position"
	// cookieAge is how long a cookie counts, in seconds. What is older than that has long been seen by every service.
	cookieAge = 24 * 60 * 60
	// maxKept bounds how many services a cookie names, and maxCookie its bytes.
	maxKept   = 8
	maxCookie = 1 << 10
	// between stands for the comma, which a cookie cannot hold.
	between = "|"
)

// place is a service's position as it is written: `registry=0198f0c2-…:1042`.
type place struct {
	service, incarnation string
	number               uint64
}

// places reads positions; none if they are not what this gateway writes.
func places(text, separator string) []place {
	var out []place
	for one := range strings.SplitSeq(text, separator) {
		service, rest, ok := strings.Cut(one, "=")
		incarnation, number, ok2 := strings.Cut(rest, ":")
		n, err := strconv.ParseUint(number, 10, 64)
		if !ok || !ok2 || err != nil || len(out) == maxKept || strings.ContainsFunc(service+incarnation, unwritten) {
			return nil
		}
		out = append(out, place{service, incarnation, n})
	}
	return out
}

// unwritten reports whether neither a service's name nor a UUID has a character.
func unwritten(c rune) bool {
	return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-'
}

func written(ps []place, separator string) string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(p.service + "=" + p.incarnation + ":" + strconv.FormatUint(p.number, 10))
	}
	return b.String()
}

// merged keeps the furthest place of every service. Of two incarnations the answered one counts.
func merged(have, told []place) []place {
	out := slices.Clone(have)
	for _, p := range told {
		i := slices.IndexFunc(out, func(q place) bool { return q.service == p.service })
		switch {
		case i < 0:
			out = append(out, p)
		case out[i].incarnation != p.incarnation || out[i].number < p.number:
			out[i] = p
		}
	}
	return out
}

// keptIn are the positions in a request's cookie, as the header has them. A cookie that is no longer understood counts for
// nothing.
func keptIn(r *http.Request) string {
	if len(r.Header["Cookie"]) == 0 {
		return ""
	}
	c, err := r.Cookie(cookieName)
	if err != nil || len(c.Value) > maxCookie {
		return ""
	}
	return written(places(c.Value, between), ",")
}

// keep puts what the client has seen with this answer into its cookie, if that is news. A cookie begins with the first write:
// who only reads has nothing of its own to see, and most programs that read keep no cookies.
func (a *reply) keep(told string) {
	if a.read && a.seen == "" {
		return
	}
	have := places(a.seen, ",")
	all := merged(have, places(told, ","))
	if len(all) > maxKept || slices.Equal(have, all) {
		return
	}
	a.setCookie(written(all, between), cookieAge)
}

// forget drops the cookie.
func (a *reply) forget() { a.setCookie("", -1) }

func (a *reply) setCookie(value string, age int) {
	a.Header()["Set-Cookie"] = []string{cookieOf(value, age)}
}

// cookieOf is the cookie as it is set. Pages of other sites neither read nor send it.
func cookieOf(value string, age int) string {
	c := &http.Cookie{Name: cookieName, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	return c.String()
}

// Kept is how far the client of a page has seen the journals, as the coso-position header has it: what its cookie keeps;
// empty if that is nothing.
func Kept(r *http.Request) string { return keptIn(r) }

// Forget drops the cookie with the answer to come.
func Forget(w http.ResponseWriter) { w.Header().Add("Set-Cookie", cookieOf("", -1)) }
