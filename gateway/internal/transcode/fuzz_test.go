package transcode

import (
	"net/url"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// FuzzBody: a body is what protojson, given all of it, makes of it, or a refusal of a body that can be written as a status.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[`, `{"requests":[{"unit":{"displayName":"Quận uỷ Tây Hồ","placements":[{"tree":"party"}]}}]}`,
		`{"requests":[{"organisation":{"foundedOn":"2020-11-30","kind":"ORGANISATION_KIND_CELL","x":1}}]}`, `{"requestId":"a","request_id":"b"}`,
		`{"requests":[{"organisation":{"createTime":"2020-11-30T00:00:00Z"}},7]}`, "{\"requestId\":\"\xff\"}", `{"requests":{"a":[]}} `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want registrypb.BatchCreateOrganisationsRequest
		err := (&body{json: data}).decode(&got)
		if err == nil {
			if err := protojson.Unmarshal(data, &want); err != nil || !proto.Equal(&got, &want) {
				t.Fatalf("got %v, protojson %v, %v", &got, &want, err)
			}
			return
		}
		switch fault.ReasonOf(err) {
		case faultpb.Reason_REASON_BODY_INVALID, faultpb.Reason_REASON_BODY_SYNTAX, faultpb.Reason_REASON_BODY_FIELD_UNKNOWN,
			faultpb.Reason_REASON_ENUM_UNKNOWN:
		default:
			t.Fatal(err)
		}
		if _, err := protojson.Marshal(fault.ToStatus(err, "id").Proto()); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzQuery: a query is refused, or what the generated code reads of it is all that was said.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "pageSize=1", "asOf=2020-11-30&asOf=", "kinds=1&kinds=ORGANISATION_KIND_CELL", "query=%C3%B4", "query=%ff", "a;b", "%zz", "unit.name=x", "kinds[a]=1", "page_size=1",
	} {
		f.Add(seed)
	}
	routes, err := routesOfContract()
	if err != nil {
		f.Fatal(err)
	}
	rt := routes[routeKey("GET", "/v1/organisations")]
	f.Fuzz(func(t *testing.T, raw string) {
		canonical, err := rt.query(raw, nil)
		if err != nil {
			if reason := fault.ReasonOf(err); reason != faultpb.Reason_REASON_QUERY_PARAMETER_INVALID &&
				reason != faultpb.Reason_REASON_QUERY_PARAMETER_UNKNOWN {
				t.Fatal(err)
			}
			if _, err := protojson.Marshal(fault.ToStatus(err, "id").Proto()); err != nil {
				t.Fatal(err)
			}
			return
		}
		values, err := url.ParseQuery(canonical)
		if err != nil {
			t.Fatal(err)
		}
		said, err := url.ParseQuery(raw)
		if err != nil || len(said) != len(values) {
			t.Fatalf("%q became %q", raw, canonical)
		}
		m := rt.request.New().Interface()
		if err := new(runtime.DefaultQueryParser).Parse(m, values, utilities.NewDoubleArray(nil)); err != nil {
			t.Fatalf("%q: %v", canonical, err)
		}
		if _, err := proto.Marshal(m); err != nil {
			t.Fatal(err)
		}
	})
}
