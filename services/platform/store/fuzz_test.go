package store

import (
	"bytes"
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"coso/services/platform/fault"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// A journal entry is read, or refused as DataLoss; what is read and follows a head can be told and moves the head by one.
func FuzzEntry(f *testing.F) {
	sc := newSchema().all
	incarnation := bytes.Repeat([]byte{7}, 16)
	head := &journalpb.Head{}
	value, err := encodeRecord(enterprise(1, "units/u", "a"))
	if err != nil {
		f.Fatal(err)
	}
	change := &journalpb.Change{Table: "enterprises", Key: Text("enterprises/e1"), Value: value}
	event := &journalpb.Event{Type: "coso.registry.v1.EnterpriseCreated", Change: 1, Field: 1}
	for _, c := range []*journalpb.Command{
		{Principal: "principals/local", Method: "/m", Changes: []*journalpb.Change{change}, Events: []*journalpb.Event{event}},
		{Staged: &journalpb.Staged{Operation: load, Changes: []*journalpb.Change{change}, Events: []*journalpb.Event{event}}},
		{Activation: &journalpb.Activation{Operation: load, Rows: 1, Batches: []*journalpb.Batch{{Position: 1, Rows: 1}}}},
	} {
		_, raw, err := seal(head, incarnation, "", timestamppb.New(time.Unix(1606720000, 0)), []*journalpb.Command{c})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := readEntry(raw)
		if err != nil {
			wantDataLoss(t, err)
			return
		}
		if err := follows(e, head, incarnation); err != nil {
			wantDataLoss(t, err)
			return
		}
		if next := after(head, e, raw); next.GetPosition() != 1 || next.GetEvents() != eventsIn(e) {
			t.Errorf("the head moves to %v", next)
		}
		journal := newOverlay(nowhere{})
		if err := journal.put(bucketJournal, positionKey(1), raw); err != nil {
			t.Fatal(err)
		}
		number := uint64(0)
		for told, err := range sc.told(journal, e, 1) {
			if err != nil {
				wantDataLoss(t, err)
				break
			}
			if number++; told.number != number {
				t.Fatalf("event %d after event %d", told.number, number-1)
			}
		}
	})
}

func wantDataLoss(t *testing.T, err error) {
	t.Helper()
	if fault.KindOf(err) != fault.KindDataLoss {
		t.Errorf("refused with %v", err)
	}
}

// fuzzReader reads as a principal with a key.
type fuzzReader struct{ Reader }

func (fuzzReader) identity() (string, []byte) {
	return "principals/local", bytes.Repeat([]byte{3}, 32)
}

// A page token that this store did not make is refused as InvalidArgument.
func FuzzPageToken(f *testing.F) {
	req := &registrypb.ListEnterprisesRequest{Unit: "units/u"}
	first, err := openPage(fuzzReader{}, req, "enterprises")
	if err != nil {
		f.Fatal(err)
	}
	key := Text("enterprises/e1")
	made, err := base64.RawURLEncoding.DecodeString(first.token(key))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(first.token(key))
	f.Add(first.token(nil))
	f.Add("AQ")
	f.Add("!")
	f.Fuzz(func(t *testing.T, token string) {
		if token == "" {
			return
		}
		p, err := openPage(fuzzReader{}, &registrypb.ListEnterprisesRequest{Unit: "units/u", PageToken: token}, "enterprises")
		if err != nil {
			if fault.ReasonOf(err) != faultpb.Reason_REASON_PAGE_TOKEN_INVALID {
				t.Errorf("refused with %v", err)
			}
			return
		}
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(p.from) > 0 && !bytes.Equal(raw, made) {
			t.Errorf("a token that nobody made leads to %x", p.from)
		}
	})
}

// A position header is read and printed as it was, or refused as InvalidArgument.
func FuzzPositions(f *testing.F) {
	id := uuid.MustParse("0198f0c2-0000-7000-8000-000000000001")
	f.Add(FormatPositions([]Position{{"award", id, 0}, {"registry", id, 1042}}))
	f.Add("registry=" + id.String() + ":1, planning=" + id.String() + ":2")
	f.Add("registry=:1")
	f.Add("")
	f.Fuzz(func(t *testing.T, header string) {
		ps, err := ParsePositions(header)
		if err != nil {
			if fault.ReasonOf(err) != faultpb.Reason_REASON_POSITION_INVALID {
				t.Errorf("refused with %v", err)
			}
			return
		}
		again, err := ParsePositions(FormatPositions(ps))
		if err != nil || !slices.Equal(again, ps) {
			t.Errorf("%q is read as %v and then as %v (%v)", header, ps, again, err)
		}
		if merged := MergePositions(nil, ps...); len(merged) != len(ps) {
			t.Errorf("%q names a service twice", header)
		}
	})
}
