package feed

import (
	"fmt"
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// StreamName is the stream that holds the events of a service: `COSO_REGISTRY`.
func StreamName(service string) string { return "COSO_" + strings.ToUpper(service) }

// streamSubjects is every subject of a service's events.
func streamSubjects(service string) string { return "coso." + service + ".>" }

// subjectOf is the subject of a type of event of a service: `coso.planning.v1.TargetExcessWithdrawn` goes to
// `coso.planning.target.excess-withdrawn`. The noun is the longest beginning of the event's name that is itself a message
// of the package, so that `RuleSetCreated` is about a rule-set; the rest is what happened to it.
func subjectOf(service, typ string) (string, error) {
	parts := strings.Split(typ, ".")
	if len(parts) != 4 || parts[0] != "coso" || parts[1] != service {
		return "", fmt.Errorf("%s is no event of the service %s", typ, service)
	}
	words := strings.Split(kebab(parts[3]), "-")
	at := 0
	for n := 1; n < len(words); n++ {
		at += len(words[n-1])
		noun := protoreflect.FullName(strings.TrimSuffix(typ, parts[3]) + parts[3][:at])
		if _, err := protoregistry.GlobalTypes.FindMessageByName(noun); err == nil {
			parts[3] = strings.Join(words[:n], "-") + "." + strings.Join(words[n:], "-")
		}
	}
	if !strings.Contains(parts[3], ".") {
		return "", fmt.Errorf("event %s is not called after a noun of its package and what happened to it", typ)
	}
	return "coso." + service + "." + parts[3], nil
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
