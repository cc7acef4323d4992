package transcode

import (
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/fault"

	"coso/gateway/internal/exchange"
)

// The JSON of the API. Fields that are empty are written all the same, so that a reader sees the whole shape; absent
// messages and optional numbers are left out. No message of the contract nests deeper than the recursion limit.
var (
	marshal   = protojson.MarshalOptions{EmitDefaultValues: true}
	unmarshal = protojson.UnmarshalOptions{RecursionLimit: 32}
)

// marshaler is the only one of the mux, whatever a request accepts.
type marshaler struct{}

// ContentType is always JSON.
func (marshaler) ContentType(any) string { return "application/json" }

// Marshal writes a message.
func (marshaler) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("marshal %T: not a message", v)
	}
	b, err := marshal.MarshalAppend(make([]byte, 0, room(m)), m)
	if err != nil {
		return nil, err
	}
	return exchange.Compact(b), nil
}

// room is about what the JSON of a message takes: growing a buffer step by step costs more than some bytes left over.
func room(m proto.Message) int {
	const (
		whole   = 512 // names of fields and defaults
		perByte = 4
	)
	return whole + perByte*proto.Size(m)
}

// NewEncoder writes messages to w.
func (j marshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		b, err := j.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
}

// Unmarshal is not used by handlers of unary methods, which decode the request's body.
func (marshaler) Unmarshal(data []byte, v any) error {
	m, err := message(v)
	if err != nil {
		return err
	}
	return unmarshal.Unmarshal(data, m)
}

// NewDecoder decodes r, which must be the body of a request that came through api.strict.
func (marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		b, ok := r.(*body)
		if !ok {
			return fault.Internal(fmt.Errorf("decode %T: not a checked body", r))
		}
		m, err := message(v)
		if err == nil {
			err = b.decode(m)
		}
		b.refusal = err
		return err
	})
}

// message returns the message that generated code wants filled: v itself, or the one it makes v, a pointer to a nil
// pointer, point to.
func message(v any) (proto.Message, error) {
	if m, ok := v.(proto.Message); ok {
		return m, nil
	}
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Pointer {
		return nil, fault.Internal(errors.New("a body that is no message"))
	}
	target.Elem().Set(reflect.New(target.Elem().Type().Elem()))
	m, ok := reflect.TypeAssert[proto.Message](target.Elem())
	if !ok {
		return nil, fault.Internal(errors.New("a body that is no message"))
	}
	return m, nil
}
