package transcode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	registrypb "coso/proto/gen/coso/registry/v1"
)

func someUnits(n int) *registrypb.ListUnitsResponse {
	list := &registrypb.ListUnitsResponse{NextPageToken: "trang sau"}
	for i := range n {
		list.Units = append(list.Units, &registrypb.Unit{
			Name: fmt.Sprintf("units/don-vi-%d", i), DisplayName: fmt.Sprintf("Quận uỷ  \"Số %d\" \\ ", i), Level: "DISTRICT_COMMITTEE",
			ValidFrom: "2008-08-01", Revision: int64(i), Etag: "0198f0c2-7",
			Placements: []*registrypb.Placement{{Tree: "party", Parent: "units/ha-noi", FromDate: "2008-08-01"}},
		})
	}
	return list
}

// Equal messages are equal bytes, in every build of the program: there is nothing in an answer but what JSON needs.
func TestAnswersAreCompact(t *testing.T) {
	for _, m := range []proto.Message{&registrypb.Unit{}, someUnits(0), someUnits(30)} {
		got, err := marshaler{}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("got  %s\nwant %s", got, want.Bytes())
		}
		back := m.ProtoReflect().New().Interface()
		if err := unmarshal.Unmarshal(got, back); err != nil || !proto.Equal(m, back) {
			t.Errorf("%v came back as %v: %v", m, back, err)
		}
	}
}

// What the compact form costs: one resource and a list of 30, as protojson writes them and as they are sent.
func BenchmarkMarshal(b *testing.B) {
	for name, m := range map[string]proto.Message{"one": someUnits(1).GetUnits()[0], "list of 30": someUnits(30)} {
		b.Run(name+"/protojson", func(b *testing.B) {
			for b.Loop() {
				if _, err := marshal.MarshalAppend(make([]byte, 0, room(m)), m); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/compact", func(b *testing.B) {
			for b.Loop() {
				if _, err := (marshaler{}).Marshal(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
