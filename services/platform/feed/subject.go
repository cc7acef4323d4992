package feed

import (
	"fmt"
	"strings"
	"unicode"
)

// StreamName is the stream that holds the events of a service: `COSO_REGISTRY`.
func StreamName(service string) string { return "COSO_" + strings.ToUpper(service) }

// streamSubjects is every subject of a service's events.
func streamSubjects(service string) string { return "coso." + service + ".>" }

// subjectOf is the subject of a type of event of a service: `coso.planning.v1.TargetExcessWithdrawn` goes to
// `coso.planning.target.excess-withdrawn`. The first word is the noun, the rest what happened to it.
func subjectOf(service, typ string) (string, error) {
	parts := strings.Split(typ, ".")
	if len(parts) != 4 || parts[0] != "coso" || parts[1] != service {
		return "", fmt.Errorf("%s is no event of the service %s", typ, service)
	}
	noun, verb, ok := strings.Cut(kebab(parts[3]), "-")
	if !ok {
		return "", fmt.Errorf("event %s is not called noun and past tense", typ)
	}
	return "coso." + service + "." + noun + "." + verb, nil
}

// kebab turns CamelCase into words with hyphens.
func kebab(camel string) string {
	var b strings.Builder
	for i, r := range camel {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
