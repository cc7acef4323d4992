package transcode

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/gateway/internal/caller"
)

// route is one google.api.http rule.
type route struct {
	// service is the full name of the service that has it, collection the first segment of its paths behind the version.
	service, collection string
	// method says who may call it.
	method *caller.Method
	// verb and template are the rule's, e.g. POST and `/v1/{name=units/*}:close`.
	verb, template string
	// path matches the paths of the template.
	path *regexp.Regexp
	// bound are the fields that the path gives, by proto name, e.g. `unit.name`.
	bound []string
	// body is the rule's body: "" for none, "*" for the whole request, else the proto name of a field.
	body string
	// boundInBody are the fields that path and body can both give, by the bound name.
	boundInBody map[string]protoreflect.FieldDescriptor
	// request is the method's request.
	request protoreflect.MessageType
	// etag is the field of the body that says on which version a change rests, requestID the field of the request that makes it
	// safe to repeat; nil if there is none.
	etag, requestID protoreflect.FieldDescriptor
}

// variable is a template's `{field=segments}`.
var variable = regexp.MustCompile(`\{([a-z0-9_.]+)=([^{}]*)\}`)

func routeKey(verb, template string) string { return verb + " " + template }

// routesOfContract returns the routes of all methods linked into this program, by routeKey.
func routesOfContract() (map[string]*route, error) {
	routes := map[string]*route{}
	var err error
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		err = addFile(routes, file)
		return err == nil
	})
	return routes, err
}

func addFile(routes map[string]*route, file protoreflect.FileDescriptor) error {
	for i := range file.Services().Len() {
		methods := file.Services().Get(i).Methods()
		for j := range methods.Len() {
			rule, ok := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule)
			if !ok || rule == nil {
				continue
			}
			for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
				rt, err := newRoute(methods.Get(j), binding)
				if err != nil {
					return err
				}
				routes[routeKey(rt.verb, rt.template)] = rt
			}
		}
	}
	return nil
}

func newRoute(m protoreflect.MethodDescriptor, rule *annotations.HttpRule) (*route, error) {
	rt := &route{body: rule.GetBody(), service: string(m.Parent().FullName())}
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		rt.verb, rt.template = http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		rt.verb, rt.template = http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		rt.verb, rt.template = http.MethodPatch, p.Patch
	case *annotations.HttpRule_Put:
		rt.verb, rt.template = http.MethodPut, p.Put
	case *annotations.HttpRule_Delete:
		rt.verb, rt.template = http.MethodDelete, p.Delete
	default:
		return nil, fmt.Errorf("%s: a rule of type %T", m.FullName(), p)
	}
	var err error
	if rt.method, err = caller.MethodOf(m); err != nil {
		return nil, err
	}
	rt.collection = collectionOf(variable.ReplaceAllString(rt.template, "$2"))
	request, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.FullName(), err)
	}
	rt.request = request
	for _, v := range variable.FindAllStringSubmatch(rt.template, -1) {
		rt.bound = append(rt.bound, v[1])
	}
	if rt.boundInBody, err = rt.overlap(); err != nil {
		return nil, fmt.Errorf("%s: %w", m.FullName(), err)
	}
	rt.etag, rt.requestID = rt.etagField(), textField(rt.request.Descriptor(), "request_id")
	rt.path, err = pathOf(rt.template)
	return rt, err
}

// etagField is in the request itself, or in the resource that an update brings. The etag in a resource to be created means
// nothing.
func (rt *route) etagField() protoreflect.FieldDescriptor {
	switch field := rt.bodyField(); {
	case rt.body == "*":
		return textField(rt.request.Descriptor(), "etag")
	case rt.verb == http.MethodPatch && field != nil:
		return textField(field.Message(), "etag")
	}
	return nil
}

func textField(md protoreflect.MessageDescriptor, name protoreflect.Name) protoreflect.FieldDescriptor {
	fd := md.Fields().ByName(name)
	if fd == nil || fd.Kind() != protoreflect.StringKind || fd.IsList() {
		return nil
	}
	return fd
}

// collectionOf is the first segment behind the version, without a custom verb: of `/v1/units/ha-noi:close` it is `units`.
func collectionOf(path string) string {
	path = strings.TrimPrefix(path, prefix)
	if end := strings.IndexAny(path, "/:"); end >= 0 {
		path = path[:end]
	}
	return path
}

// overlap finds the bound fields inside the body. They must be texts at its top: no rule needs more.
func (rt *route) overlap() (map[string]protoreflect.FieldDescriptor, error) {
	var md protoreflect.MessageDescriptor
	inside := ""
	switch field := rt.bodyField(); {
	case rt.body == "*":
		md = rt.request.Descriptor()
	case field != nil && field.Message() != nil && !field.IsList() && !field.IsMap():
		md, inside = field.Message(), rt.body+"."
	case rt.body == "":
		return nil, nil
	default:
		return nil, fmt.Errorf("the body %q is no message", rt.body)
	}
	fields := map[string]protoreflect.FieldDescriptor{}
	for _, bound := range rt.bound {
		name, ok := strings.CutPrefix(bound, inside)
		if !ok {
			continue
		}
		fd := md.Fields().ByName(protoreflect.Name(name))
		if fd == nil || fd.Kind() != protoreflect.StringKind || fd.IsList() {
			return nil, fmt.Errorf("the path binds %q inside the body", bound)
		}
		fields[bound] = fd
	}
	return fields, nil
}

// pathOf compiles a template; `*` is one segment without a colon. It only lists the methods a path has: which handler
// serves a request is the mux's decision.
func pathOf(template string) (*regexp.Regexp, error) {
	var b strings.Builder
	rest := template
	for _, v := range variable.FindAllStringSubmatch(template, -1) {
		before, after, _ := strings.Cut(rest, v[0])
		b.WriteString(regexp.QuoteMeta(before))
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(v[2]), `\*`, `[^/:]+`))
		rest = after
	}
	b.WriteString(regexp.QuoteMeta(rest))
	return regexp.Compile("^" + b.String() + "$")
}

// bodyField is the field that the body holds; nil if the body is the whole request or there is none.
func (rt *route) bodyField() protoreflect.FieldDescriptor {
	return rt.request.Descriptor().Fields().ByName(protoreflect.Name(rt.body))
}

// covers reports whether the field at the top of path is given by path or body, so that the query must not name it.
func (rt *route) covers(path []string) bool {
	if rt.body == "*" || rt.body == path[0] {
		return true
	}
	for _, bound := range rt.bound {
		top, _, _ := strings.Cut(bound, ".")
		if top == path[0] {
			return true
		}
	}
	return false
}
