package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"coso/services/platform/logfile"

	"golang.org/x/mod/sumdb/note"
)

// Key signs an installation's checkpoints. It lies in a file of its own, open to its owner alone.
type Key struct {
	// Name is the installation's name in every note.
	Name string
	// Verifier is the public half, as C2SP signed-note writes it: `<name>+<hash>+<key>`.
	Verifier string

	signer note.Signer
}

var (
	errKeyForm = errors.New("this is no signer key; put the right file back")
	errKeyOpen = errors.New("others may read the key; set its mode to 0600")
	errKeyName = errors.New("a name is 1 to 63 small letters without marks, digits, dots and hyphens, as in thanh-uy-ha-noi")
	keyName    = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)
)

// fileError says what is wrong with a file.
type fileError struct {
	path string
	err  error
}

// Error names the whole path.
func (e *fileError) Error() string { return e.path + ": " + e.err.Error() }

// Unwrap is what is wrong.
func (e *fileError) Unwrap() error { return e.err }

// brief names the file alone: where a text has little room.
func brief(err error) string {
	e, ok := errors.AsType[*fileError](err)
	if !ok {
		return err.Error()
	}
	if why, ok := errors.AsType[*fs.PathError](e.err); ok {
		return filepath.Base(e.path) + ": " + why.Err.Error()
	}
	return filepath.Base(e.path) + ": " + e.err.Error()
}

// ReadKey reads a key. fs.ErrNotExist if there is no file; an error if others than its owner may read it.
func ReadKey(path string) (k Key, err error) {
	defer func() {
		if err != nil {
			k, err = Key{}, &fileError{path, err}
		}
	}()
	info, err := os.Stat(path)
	if err != nil {
		return k, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return k, fmt.Errorf("%w (mode %#o)", errKeyOpen, info.Mode().Perm())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return k, err
	}
	return keyOf(strings.TrimSpace(string(raw)))
}

// keyOf makes a key of its written form. The library has checked it when its parts are taken apart for the public half.
func keyOf(skey string) (k Key, err error) {
	if k.signer, err = note.NewSigner(skey); err != nil {
		return Key{}, errKeyForm // the library's error says no more
	}
	k.Name = k.signer.Name()
	if !keyName.MatchString(k.Name) {
		return Key{}, errKeyName
	}
	seed, err := base64.StdEncoding.DecodeString(skey[len("PRIVATE+KEY++00000000+")+len(k.Name):])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return Key{}, errKeyForm
	}
	public := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey) //nolint:forcetypeassert // by its documentation
	k.Verifier, err = note.NewEd25519VerifierKey(k.Name, public)
	return k, err
}

// OwnKey reads the key of an installation, or makes one, with a name by chance, where there is none. made says which.
// Several processes may ask at once: one makes it.
func OwnKey(path string) (k Key, made bool, err error) {
	k, err = ReadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, false, err
	}
	id := make([]byte, 4)
	if _, err := rand.Read(id); err != nil {
		return Key{}, false, err
	}
	made = true
	err = writeKey(path, "coso-"+hex.EncodeToString(id), os.Link) // unlike a renaming it never takes another's place
	if errors.Is(err, fs.ErrExist) {
		made, err = false, nil
	}
	if err == nil {
		k, err = ReadKey(path)
	}
	return k, made, err
}

// NewKey puts a new key with a name in the place of the one that is there, if any. Who signs reads the key for each note, so
// the next note is signed with the new one.
func NewKey(path, name string) (Key, error) {
	if !keyName.MatchString(name) {
		return Key{}, fmt.Errorf("%q: %w", name, errKeyName)
	}
	if err := writeKey(path, name, os.Rename); err != nil {
		return Key{}, err
	}
	return ReadKey(path)
}

// writeKey writes a new key beside its place and gives it its name there.
func writeKey(path, name string, place func(from, to string) error) error {
	skey, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return &fileError{path, err}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".checkpoint-key-*") // its mode is 0600
	if err != nil {
		return &fileError{path, err}
	}
	_, err = f.WriteString(skey + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = place(f.Name(), path)
	}
	if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if err != nil {
		return &fileError{path, err}
	}
	return logfile.SyncFolder(filepath.Dir(path))
}

// sign makes the note of a checkpoint.
func (k Key) sign(c Checkpoint) (string, error) {
	c.Installation = k.Name
	raw, err := note.Sign(&note.Note{Text: c.text()}, k.signer)
	return string(raw), err
}

// Keys are the public halves that somebody trusts.
type Keys struct {
	known note.Verifiers
	names map[string]bool
}

// NewKeys takes keys as Key.Verifier has them.
func NewKeys(verifiers ...string) (Keys, error) {
	k := Keys{names: map[string]bool{}}
	var list []note.Verifier
	seen := map[string]bool{}
	for _, v := range verifiers {
		v = strings.TrimSpace(v)
		one, err := note.NewVerifier(v)
		if err != nil {
			return Keys{}, fmt.Errorf("%q is no verifier key, or was not copied whole: it is <name>+<8 digits>+<letters and digits>, "+
				"as `coso checkpoint key` prints it", v)
		}
		if !seen[v] {
			list = append(list, one)
		}
		seen[v], k.names[one.Name()] = true, true
	}
	k.known = note.VerifierList(list...)
	return k, nil
}

// Signature is what the keys say of a note.
type Signature int

const (
	// SignedWell says that a key made the note, and the note names that key's owner.
	SignedWell Signature = iota + 1
	// SignedFalsely says that a key should have made the note and did not, or not this text.
	SignedFalsely
	// SignedByOther says that the note is another installation's.
	SignedByOther
	// SignedWithOther says that it is of an installation whose key is known, but another key signed it.
	SignedWithOther
)

// Check answers what the keys say of a note.
func (k Keys) Check(n Note) Signature {
	opened, err := note.Open([]byte(n.Text), k.known)
	var unknown *note.UnverifiedNoteError
	switch {
	case err == nil && len(opened.Sigs) == 1 && opened.Sigs[0].Name == n.Installation:
		return SignedWell
	case errors.As(err, &unknown) && !k.names[n.Installation]:
		return SignedByOther
	case errors.As(err, &unknown):
		return SignedWithOther
	default:
		return SignedFalsely
	}
}

// endsWhole says whether bytes end with an empty line, behind which a note may begin.
func endsWhole(tail []byte) bool { return bytes.HasSuffix(tail, []byte("\n\n")) }
