package fault

import (
	"errors"
	"sync"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
)

var validator = sync.OnceValues(func() (protovalidate.Validator, error) { return protovalidate.New() })

// Validate checks m by the rules in its proto file, and its texts for control and invisible characters, for nothing but
// spaces, and, where they are names and numbers, for lines. What it finds comes back as
// one InvalidArgument with every violation, the first of which gives it its reason, field and text. Rules that
// cannot be read are Internal. It is safe for concurrent use.
func Validate(m proto.Message) error {
	violations := brokenTexts(m.ProtoReflect())
	v, err := validator()
	if err != nil {
		return Internal(err)
	}
	if err := v.Validate(m); err != nil {
		found, ok := errors.AsType[*protovalidate.ValidationError](err)
		if !ok {
			return Internal(err)
		}
		for _, f := range found.Violations {
			broken := breach{f, fieldAt(m.ProtoReflect().Descriptor(), f.Proto.GetField())}
			violations = append(violations, broken.violation())
		}
	}
	if len(violations) == 0 {
		return nil
	}
	first := violations[0]
	return &Error{
		Kind: KindInvalidArgument, Reason: first.Reason, Field: first.Field,
		Msg: first.Msg, MsgVi: first.MsgVi, Params: first.Params, Violations: violations,
	}
}

func newViolation(reason faultpb.Reason, field string, params ...string) Violation {
	e := InvalidArgument(reason, field, params...)
	return Violation{Field: field, Reason: reason, Msg: e.Msg, MsgVi: e.MsgVi, Params: e.Params}
}
