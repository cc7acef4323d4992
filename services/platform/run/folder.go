package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// storesFile says, in a data folder, which stores have been made there: a name a line.
const storesFile = "stores"

// Whole refuses a data folder in which stores of these services have been made and are gone: a store made anew beside old
// ones would miss what the others have counted.
func Whole(dir string, services ...string) error {
	made, err := storesMade(dir)
	if err != nil {
		return err
	}
	var missing []string
	for _, name := range services {
		if !slices.Contains(made, name) {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, name+".db"))
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0:
			missing = append(missing, name+".db")
		case err != nil:
			return fmt.Errorf("data folder: %w", err)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the data folder %s lacks %s, which was there before; put it back from a backup, "+
			"or start with an empty folder", dir, strings.Join(missing, ", "))
	}
	return nil
}

// Settled notes that the stores of these services have been made. Several processes may note theirs at once.
func Settled(dir string, services ...string) error {
	made, err := storesMade(dir)
	if err != nil {
		return err
	}
	news := slices.DeleteFunc(slices.Clone(services), func(name string) bool { return slices.Contains(made, name) })
	if len(news) == 0 {
		return nil
	}
	out, err := os.OpenFile(filepath.Join(dir, storesFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	_, err = out.WriteString(strings.Join(news, "\n") + "\n")
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

func storesMade(dir string) ([]string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, storesFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return strings.Fields(string(raw)), nil
}

// Usable answers nil if a data folder can be written, or made where it is not there yet; otherwise it says what stands in
// the way, and where. It leaves nothing behind.
func Usable(dir string) error {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && at != filepath.Dir(at) {
			continue
		}
		if err != nil {
			return fmt.Errorf("the data folder %s cannot be looked at: %w; choose another, or have it opened to the user who runs coso", dir, bare(err))
		}
		if !info.IsDir() {
			return fmt.Errorf("the data folder %s cannot be: %s is a file; name a folder, there already or to be made", dir, at)
		}
		f, err := os.CreateTemp(at, ".coso-*")
		if err != nil {
			return fmt.Errorf("the data folder %s cannot be used: nothing can be written into %s (%w); choose another, "+
				"or have it opened to the user who runs coso", dir, at, bare(err))
		}
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
}

// bare is an error of the system without the path, which the message around it names.
func bare(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	return err
}

// DataFolder is the user's data folder of coso: $XDG_DATA_HOME/coso, or .local/share/coso in the home folder.
func DataFolder() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "coso"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no data folder: %w; name one with --data", err)
	}
	return filepath.Join(home, ".local", "share", "coso"), nil
}
