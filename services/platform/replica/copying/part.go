package copying

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/store"
)

// part is a copy as far as it has arrived: <service>.db.part in the data folder, and beside it, as .json, whose it is. The lock of
// the latter keeps other processes away.
type part struct {
	file, notes *os.File
	state       state
	// have is how many bytes have arrived; sum is over them.
	have uint64
	sum  hash.Hash
}

// state is what is noted of a part.
type state struct {
	// Copy is the copy that the bytes are of; empty: there are none.
	Copy string `json:"copy"`
	// Damaged is a copy that was no good.
	Damaged string `json:"damaged"`
}

// openPart opens what an earlier Fetch has left, or begins.
func openPart(o Options) (p *part, err error) {
	path := filepath.Join(o.Dir, o.Service+".db.part")
	p = &part{sum: sha256.New()}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.notes, err = os.OpenFile(path+".json", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return p, err
	}
	if err := store.Lock(p.notes); err != nil {
		return p, err
	}
	if p.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return p, err
	}
	raw, err := io.ReadAll(p.notes)
	if err != nil {
		return p, err
	}
	if json.Unmarshal(raw, &p.state) != nil || p.state.Copy == "" { // it was cut off in the middle, or holds nothing
		err = p.begin("", p.state.Damaged)
		return p, err
	}
	n, err := io.Copy(p.sum, p.file)
	p.have = uint64(n) //nolint:gosec // a length
	return p, err
}

// begin forgets what has arrived and notes of which copy the next bytes will be.
func (p *part) begin(id, damaged string) error {
	p.state, p.have = state{Copy: id, Damaged: damaged}, 0
	p.sum.Reset()
	raw, err := json.Marshal(p.state)
	if err != nil {
		return err
	}
	if err := errors.Join(p.file.Truncate(0), p.notes.Truncate(0)); err != nil {
		return err
	}
	_, err = p.notes.WriteAt(raw, 0)
	return err
}

// is refuses what is not of this copy, or not what comes next.
func (p *part) is(got *replicapb.CopyPart) error {
	if p.state.Copy == "" {
		if err := p.begin(got.GetCopyId(), p.state.Damaged); err != nil {
			return err
		}
	}
	if got.GetCopyId() != p.state.Copy || got.GetOffset() != p.have {
		return fmt.Errorf("what comes is byte %d of the copy %s, not byte %d of %s", got.GetOffset(), got.GetCopyId(), p.have, p.state.Copy)
	}
	return nil
}

var errChecksum = errors.New("bytes have changed on the way")

// take writes the next bytes.
func (p *part) take(got *replicapb.CopyPart) error {
	if err := p.is(got); err != nil {
		return err
	}
	if crc32.Checksum(got.GetData(), table) != got.GetChecksum() || len(got.GetData()) == 0 {
		return errChecksum
	}
	if _, err := p.file.WriteAt(got.GetData(), int64(p.have)); err != nil { //nolint:gosec // a length
		return err
	}
	p.have += uint64(len(got.GetData()))
	p.sum.Write(got.GetData())
	return nil
}

// whole holds what has arrived against what was sent.
func (p *part) whole(copied *replicapb.Copy) error {
	if p.have != copied.GetSize() || !bytes.Equal(p.sum.Sum(nil), copied.GetSha256()) {
		return damaged("%d bytes arrived of %d, or others than were sent", p.have, copied.GetSize())
	}
	return nil
}

// forget removes what is left of a part that is needed no more. The lock holds until close.
func (p *part) forget() error {
	err := os.Remove(p.notes.Name())
	if left := os.Remove(p.file.Name()); !errors.Is(left, os.ErrNotExist) {
		err = errors.Join(err, left)
	}
	return err
}

func (p *part) close() error {
	var err error
	for _, f := range []*os.File{p.file, p.notes} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}
