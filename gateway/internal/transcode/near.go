package transcode

import (
	"slices"
	"strings"

	"coso/services/platform/text"
)

// maxNear is how many paths a refusal tells.
const maxNear = 2

// Near are the paths of the API that are nearly one that it does not have, with the ids of that one.
func (a *API) Near(path string) []string {
	if !strings.HasPrefix(path, prefix) {
		path = prefix + strings.TrimPrefix(path, "/")
	}
	asked := strings.Split(path, "/")
	var known []string
	for _, rt := range a.routes {
		if like, ok := rt.like(asked); ok {
			known = append(known, like)
		}
	}
	slices.Sort(known)
	return text.Near(path, slices.Compact(known), maxNear)
}

// like is the path of a route with the ids of another path; ok is false for paths of different lengths.
func (rt *route) like(asked []string) (path string, ok bool) {
	own := strings.Split(variable.ReplaceAllString(rt.template, "$2"), "/")
	if len(own) != len(asked) {
		return "", false
	}
	for i, segment := range own {
		if rest, isID := strings.CutPrefix(segment, "*"); isID {
			id, _, _ := strings.Cut(asked[i], ":")
			own[i] = id + rest
		}
	}
	return strings.Join(own, "/"), true
}
