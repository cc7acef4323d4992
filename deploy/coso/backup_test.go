package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coso/deploy/internal/client"
	"coso/deploy/internal/single/singletest"
	"coso/services/platform/fault"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// foundOne founds an organisation in Tây Hồ and answers how many the city has then.
func foundOne(t *testing.T, c *client.Client, id string) string {
	t.Helper()
	founding := &registrypb.Organisation{
		DisplayName: id, Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL, Unit: "units/tay-ho",
		Enterprise: "enterprises/minh-hoa-001-ba-dinh", FoundedOn: "2020-06-01",
	}
	if err := c.Post(t.Context(), "/v1/organisations", url.Values{"organisationId": {id}}, founding, &registrypb.Organisation{}); err != nil {
		t.Fatal(err)
	}
	return organisations(t, c)
}

func organisations(t *testing.T, c *client.Client) string {
	t.Helper()
	p := &planningpb.Progress{}
	if err := c.Get(t.Context(), "/v1/units/ha-noi/progress", url.Values{"period": {"periods/2020"}, "asOf": {"2020-11-30"}}, p); err != nil {
		t.Fatal(err)
	}
	for _, f := range p.GetIndicators() {
		if f.GetIndicator() == "indicators/party-organisations" {
			return f.GetFigure().GetPercentOfTarget()
		}
	}
	t.Fatalf("no figure of organisations in %v", p)
	return ""
}

// A backup taken while coso runs, put into another folder: the figures are those of the backup, what came after is gone and
// whoever holds a position of it is told so, and everything goes on from there: foundings are counted, events flow.
func TestBackupAndRestore(t *testing.T) {
	root := t.TempDir()
	dir, saved, again := filepath.Join(root, "a"), filepath.Join(root, "backup"), filepath.Join(root, "b")
	base, stop := serve(t, dir)
	old := loadDemo(t, base).Client(t)
	before := organisations(t, old)
	out, _, err := run(t, "backup", saved, "--data", dir)
	if err != nil || strings.Count(out, "position") != 5 {
		t.Fatalf("backup says %v:\n%s", err, out)
	}
	if after := foundOne(t, old, "lost"); after == before {
		t.Fatalf("a founding changes nothing: %s", after)
	}
	stop()
	if out, _, err = run(t, "restore", saved, "--data", again); err != nil || strings.Count(out, "was") != 5 {
		t.Fatalf("restore says %v:\n%s", err, out)
	}
	if out, _, err := run(t, "verify", "--lang", "en", "--data", again); err != nil || strings.Count(out, "OK\n") != 5 {
		t.Errorf("verify says %v:\n%s", err, out)
	}
	base, stop = serve(t, again)
	defer stop()
	c := singletest.At(base).Client(t)
	if got := organisations(t, c); got != before {
		t.Errorf("restored: %s %%, in the backup %s %%", got, before)
	}
	if got := foundOne(t, c, "found-after-restore"); got == before {
		t.Errorf("after another founding still %s %%", got)
	}
	err = c.Get(t.Context(), "/v1/organisations/lost", nil, &registrypb.Organisation{})
	if fault.ReasonOf(err) != faultpb.Reason_REASON_RESOURCE_NOT_FOUND {
		t.Errorf("what came after the backup: %v", err)
	}
	status, _, err := run(t, "feed", "--data", again, "status")
	if err != nil || strings.Contains(status, "STOPPED") {
		t.Errorf("feed status says %v:\n%s", err, status)
	}
}

// What is no backup, or not a whole one, is refused, and so is a folder that holds something.
func TestRestoreRefusals(t *testing.T) {
	root := t.TempDir()
	dir, saved := filepath.Join(root, "a"), filepath.Join(root, "backup")
	_, stop := serve(t, dir)
	_, _, err := run(t, "backup", saved, "--data", dir)
	_, _, twice := run(t, "backup", saved, "--data", dir)
	stop()
	if err != nil || twice == nil || !strings.Contains(twice.Error(), "is not empty") {
		t.Fatalf("backup says %v, twice %v", err, twice)
	}
	none := filepath.Join(root, "c")
	if _, _, err := run(t, "backup", none, "--data", dir); err == nil || !strings.Contains(err.Error(), "no coso runs") {
		t.Errorf("backup of a stopped coso says %v", err)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("backup of a stopped coso made the folder")
	}
	target := filepath.Join(root, "b")
	for _, c := range []struct {
		what, from, to, want string
	}{
		{"no backup", dir, target, "holds no backup.json"},
		{"a folder with data", saved, dir, "is not empty"},
		{"no such folder", filepath.Join(root, "none"), target, "none holds no backup.json"},
		{"a file", filepath.Join(saved, "planning.db"), target, "planning.db holds no backup.json"},
	} {
		if _, _, err := run(t, "restore", c.from, "--data", c.to); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("restore of %s says %v", c.what, err)
		}
	}
	file := filepath.Join(saved, "planning.db")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t, "restore", saved, "--data", target); err == nil || !strings.Contains(err.Error(), "checksum differs") {
		t.Errorf("restore of a damaged file says %v", err)
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("something was written")
	}
	if _, err := store.VerifyFile(t.Context(), dir, "planning", nil); err != nil {
		t.Error(err)
	}
}
