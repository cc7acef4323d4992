package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"coso/deploy/internal/single"
	"coso/services/platform/fault"
	shell "coso/services/platform/run"
	"coso/services/platform/run/settings"
	"coso/services/platform/store"

	"google.golang.org/protobuf/encoding/protojson"

	backuppb "coso/proto/gen/coso/backup/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
)

// restoreCommand puts a backup back.
type restoreCommand struct {
	Folder settings.Folder `arg:"" help:"Folder of the backup."`
	Data   settings.Folder `help:"Data folder to restore into; it must be empty or not there." required:"" placeholder:"DIR" env:"COSO_DATA"`
}

// Run checks every file against the manifest, and every journal, before anything is written.
func (r restoreCommand) Run(ctx context.Context, s streams) error {
	if err := r.empty(); err != nil {
		return err
	}
	from, to := string(r.Folder), string(r.Data)
	taken, err := readManifest(from)
	if err != nil {
		return err
	}
	for _, b := range taken {
		if err := sameFile(filepath.Join(from, b.GetService()+".db"), b); err != nil {
			return err
		}
	}
	restored, err := store.Restore(ctx, from, to, single.Services(), time.Now())
	if reason := fault.ReasonOf(err); reason == faultpb.Reason_REASON_RESOURCE_EXISTS {
		return fmt.Errorf("the data folder %s holds data; name an empty one, and keep the other until you have looked: %w", r.Data, err)
	}
	if err != nil {
		return err
	}
	if err := shell.Settled(to, single.Services()...); err != nil {
		return err
	}
	for _, one := range restored {
		if _, err := fmt.Fprintf(s.out, "%-10s  %8d events  was %s, is %s\n", one.Service, one.Events, one.From, one.To); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(s.out, "Restored into %s. Clients read anew: positions and etags from after the backup are refused. With the first start all sessions\n"+
		"end and all API tokens are revoked; passwords, accounts and grants are those of the backup: look through them first.\n", r.Data)
	return err
}

// empty refuses a folder with anything in it.
func (r restoreCommand) empty() error {
	there, err := os.ReadDir(string(r.Data))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(there) > 0 {
		return fmt.Errorf("the data folder %s is not empty; name an empty one, and keep the other until you have looked", r.Data)
	}
	return err
}

// readManifest reads what a backup says it holds: every service, once.
func readManifest(folder string) ([]*backuppb.Backup, error) {
	raw, err := os.ReadFile(filepath.Join(folder, manifestFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("%s holds no %s: it is no backup, or one that was cut off; name the folder that `coso backup` filled", folder, manifestFile)
	}
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	var out []*backuppb.Backup
	var names []string
	for _, line := range m.Services {
		b := &backuppb.Backup{}
		if err := protojson.Unmarshal(line, b); err != nil {
			return nil, fmt.Errorf("%s: %w", manifestFile, err)
		}
		out, names = append(out, b), append(names, b.GetService())
	}
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(single.Services())); !slices.Equal(names, want) {
		return nil, fmt.Errorf("%s names the services %v, not %v", manifestFile, names, want)
	}
	return out, nil
}

// sameFile holds a file against its checksum.
func sameFile(path string, b *backuppb.Backup) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if uint64(n) != b.GetSize() || !bytes.Equal(sum.Sum(nil), b.GetSha256()) { //nolint:gosec // a length
		return fmt.Errorf("%s is not the file that was backed up: its checksum differs; take another backup", path)
	}
	return nil
}
