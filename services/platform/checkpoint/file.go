package checkpoint

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coso/services/platform/logfile"

	"golang.org/x/mod/sumdb/note"
)

// Note is a checkpoint as it lies in a file.
type Note struct {
	Checkpoint

	// Text is the whole note, signatures too. Whether they are good is for Keys.Check to say.
	Text string
	// Line is the number of its first line, counted from 1.
	Line int
}

// Fragment is what is no whole note.
type Fragment struct {
	// First and Last are its lines.
	First, Last int
	// Why says what is wrong.
	Why error
	// Cut: it ends the file and may be the beginning of a note that was being written when the power failed.
	Cut bool
}

// File is what a file of checkpoints holds.
type File struct {
	// Notes are in the order of the file.
	Notes []Note
	// Fragments are what lies between them.
	Fragments []Fragment
	// Keys are the verifier keys that comments in the file show. They prove nothing by themselves: whoever writes the file
	// writes them.
	Keys []string
}

// beginsSignature is how signature lines begin; beginsKey how a comment shows a key.
const (
	beginsSignature = "— "
	beginsComment   = "#"
	beginsKey       = "# key: "
)

var (
	errUnsigned  = errors.New("no signature follows")
	errNoText    = errors.New("a signature without text before it")
	errSignature = errors.New("a signature line is not whole")
	errNoFile    = errors.New("this is no file to append to")
	errForm      = errors.New("it holds bytes that no note holds")
)

// Parse reads a file of checkpoints, however damaged it is: what is no whole note is a fragment. It takes the line ends that
// mail programs make.
func Parse(raw []byte) *File {
	s := strings.TrimPrefix(string(raw), "\ufeff")
	r := &reader{file: &File{}}
	r.lines = strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i, line := range r.lines {
		r.lines[i] = strings.TrimSuffix(line, "\r")
	}
	for r.at < len(r.lines) {
		r.block()
	}
	if r.text != nil {
		r.fragment(r.begin, r.last, errUnsigned)
	}
	if n := len(r.file.Fragments); n > 0 {
		f := &r.file.Fragments[n-1]
		f.Cut = f.Last >= r.last && (errors.Is(f.Why, errUnsigned) || errors.Is(f.Why, errSignature))
	}
	return r.file
}

// reader goes through a file block by block: runs of lines of one sort.
type reader struct {
	file  *File
	lines []string
	at    int
	// last is behind the last line that belongs to a note or fragment.
	last int
	// text waits for its signatures; it begins at line begin, counted from 0.
	text  []string
	begin int
}

// block takes the next empty line or block.
func (r *reader) block() {
	first := r.at
	switch line := r.lines[r.at]; {
	case line == "":
		r.at++
	case strings.HasPrefix(line, beginsComment):
		r.at++
		if key, ok := strings.CutPrefix(line, beginsKey); ok {
			if _, err := note.NewVerifier(key); err == nil {
				r.file.Keys = append(r.file.Keys, key)
			}
		}
	case r.text != nil && strings.HasPrefix(beginsSignature, line): // the power failed within its first bytes
		r.at++
		r.last = r.at
		r.fragment(r.begin, r.at, errSignature)
	case strings.HasPrefix(line, beginsSignature):
		lines := r.run(func(line string) bool { return strings.HasPrefix(line, beginsSignature) })
		r.signed(first, lines)
	default:
		if r.text != nil {
			r.fragment(r.begin, first, errUnsigned)
		}
		r.begin = first
		r.text = r.run(func(line string) bool { return line != "" && !strings.HasPrefix(line, beginsSignature) })
	}
}

// run takes lines as long as they are of a sort.
func (r *reader) run(of func(string) bool) []string {
	first := r.at
	for r.at < len(r.lines) && of(r.lines[r.at]) {
		r.at++
	}
	r.last = r.at
	return r.lines[first:r.at]
}

// signed makes a note of the text that waits and its signatures.
func (r *reader) signed(first int, signatures []string) {
	text := r.text
	r.text = nil
	if text == nil {
		r.fragment(first, r.at, errNoText)
		return
	}
	n := Note{Line: r.begin + 1}
	n.Text = strings.Join(text, "\n") + "\n\n" + strings.Join(signatures, "\n") + "\n"
	var err error
	if n.Checkpoint, err = parse(text); err == nil {
		err = wellFormed(n.Text, signatures)
	}
	if err != nil {
		r.fragment(r.begin, r.at, err)
		return
	}
	r.file.Notes = append(r.file.Notes, n)
}

// fragment notes lines that are no note; to is behind the last.
func (r *reader) fragment(from, to int, why error) {
	for to > from+1 && (r.lines[to-1] == "" || strings.HasPrefix(r.lines[to-1], beginsComment)) {
		to--
	}
	r.text = nil
	r.file.Fragments = append(r.file.Fragments, Fragment{First: from + 1, Last: to, Why: why})
}

// wellFormed says whether signature lines are whole: a hash of the key and at least an Ed25519 signature. Whether they are good is
// another question.
func wellFormed(text string, signatures []string) error {
	for _, line := range signatures {
		_, sig, _ := strings.Cut(strings.TrimPrefix(line, beginsSignature), " ")
		if raw, err := base64.StdEncoding.DecodeString(sig); err != nil || len(raw) < 4+ed25519.SignatureSize {
			return errSignature
		}
	}
	var unknown *note.UnverifiedNoteError
	if _, err := note.Open([]byte(text), note.VerifierList()); !errors.As(err, &unknown) {
		return errForm
	}
	return nil
}

// appendNote writes a note behind what a file holds, in one write, and syncs it. A new file gets the header.
func appendNote(path, header, text string) (err error) {
	defer func() {
		if err != nil {
			err = &fileError{path, err}
		}
	}()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNoFile
	}
	tail := make([]byte, min(info.Size(), 2))
	if _, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	lead := header
	if info.Size() > 0 && !endsWhole(tail) {
		lead = "\n\n" + header // what a power cut has left stays apart
	}
	if _, err := f.WriteString(lead + text + "\n"); err != nil {
		return err
	}
	if err := f.Sync(); err != nil || info.Size() > 0 {
		return err
	}
	return logfile.SyncFolder(filepath.Dir(path))
}

// readFile reads a file of checkpoints; one that is not there holds nothing.
func readFile(path string) (*File, error) {
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &fileError{path, err}
	}
	return Parse(raw), nil
}

// headerOf is what a file begins with, and what announces a new key in it.
func headerOf(verifier string) string {
	name, _, _ := strings.Cut(verifier, "+")
	return fmt.Sprintf(`# Các điểm chốt nhật ký của %[1]s. Hãy giữ tệp này ở một cơ quan khác, và giữ riêng khóa công khai dưới đây.
# Checkpoints of the journals of %[1]s. Keep this file with another organisation, and the public key below apart from it.
%[3]s%[2]s
# coso verify --data THU-MUC --checkpoint TEP --key '%[2]s'

`, name, verifier, beginsKey)
}

// Append appends a note to a file of somebody's own, unless it is there. fresh: it was not.
func Append(path string, s Signed) (fresh bool, err error) {
	f, err := readFile(path)
	if err != nil {
		return false, err
	}
	for _, n := range f.Notes {
		if n.Text == s.Note {
			return false, nil
		}
	}
	header := ""
	if !slices.Contains(f.Keys, s.Verifier) {
		header = headerOf(s.Verifier)
	}
	return true, appendNote(path, header, s.Note)
}
