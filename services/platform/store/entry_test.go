package store

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// The bytes of entries and records are kept for ever and hashed: what is written here today must read the same tomorrow.
// COSO_UPDATE_GOLDEN=1 writes the files anew; a change of them is a change of a stored format and needs a new version byte.
func TestStoredBytesGolden(t *testing.T) {
	record, err := encodeRecord(&registrypb.Unit{
		Name: "units/tay-ho", DisplayName: "Quận ủy Tây Hồ", Level: "DISTRICT_COMMITTEE", ValidFrom: "2008-08-01",
		Placements: []*registrypb.Placement{{Tree: "party", Parent: "units/ha-noi", FromDate: "2008-08-01"}},
		Revision:   1, Etag: "00112233-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	incarnation := []byte("0123456789abcdef")
	moment := timestamppb.New(time.Date(2020, 11, 30, 8, 0, 0, 1000, time.UTC))
	_, entry, err := seal(&journalpb.Head{}, incarnation, "", moment, []*journalpb.Command{{
		Principal: "principals/local", Method: "/coso.registry.v1.UnitService/CreateUnit", RequestId: "r-1",
		Fingerprint: []byte("fingerprint"), Results: []*journalpb.Reference{{Table: "units", Key: Text("units/tay-ho")}},
		Changes: []*journalpb.Change{
			{Table: "units", Key: Text("units/tay-ho"), Value: record},
			{Table: "cursors", Key: Text("registry")},
		},
		Events: []*journalpb.Event{
			{Type: "coso.registry.v1.UnitCreated", Change: 1, Field: 1},
			{Type: "coso.planning.v1.TargetReached", Data: []byte("data"), Subject: "targets/x"},
		},
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "record.hex", record)
	golden(t, "entry.hex", entry)
	read, err := readEntry(entry)
	if err != nil {
		t.Fatal(err)
	}
	again, err := deterministic.Marshal(read)
	if err != nil || !proto.Equal(read, mustRead(t, again)) {
		t.Errorf("an entry does not survive being read: %v", err)
	}
}

func mustRead(t *testing.T, raw []byte) *journalpb.Entry {
	t.Helper()
	e, err := readEntry(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", file)
	text := hex.EncodeToString(got) + "\n"
	if os.Getenv("COSO_UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil { //nolint:gosec // a folder of the repository
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is\n%swant\n%s", file, text, strings.TrimSpace(string(want)))
	}
}
