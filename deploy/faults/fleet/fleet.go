package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"coso/deploy/faults/cage"
	"coso/services/platform/certs"
	"coso/services/platform/streamlog"
	"coso/services/registry"
)

// Size is how many servers and how many replicas there are.
const Size = 3

// The binaries of two versions of the replica.
const (
	One = "replica-one"
	Two = "replica-two"
)

// Options say how a fleet is made.
type Options struct {
	// Bin is the folder of the binaries: coso, nats-server, One, Two. Dir is an empty folder for the fleet's own. Logs is where the
	// processes' logs go.
	Bin, Dir, Logs string
	// Break is how the log breaks its word to the replicas, once Break was called: append, early; empty: it keeps it.
	Break string
	// Lazy: the servers sync when they like, and the replicas accept it.
	Lazy bool
	// Harmed says which folders are disks of their own: ext4 images that can lose their power, or small ones in memory.
	Harmed Harm
	// Logger takes what happens.
	Logger *slog.Logger
}

// Harm is what can be done to the disks of a fleet.
type Harm int

// What can be done to disks.
const (
	// None: files lie in the folder of the run.
	None Harm = iota
	// Power: each machine's disk, that of a server and a replica, can lose its power.
	Power
	// Room: each folder is a small disk that can be filled.
	Room
)

// Machine is a server and a replica, which share a disk.
type Machine struct {
	// Server and Replica run on hosts of their own, by these names.
	Server, Replica *cage.Process
	// Disk is theirs; nil: it cannot be harmed. Log, Data and Temp are the small disks of the server's store, the replica's data
	// and its temporary files; nil likewise.
	Disk, Log, Data, Temp *cage.Disk

	dir    string
	offset string
}

// Fleet is all of it.
type Fleet struct {
	Net      *cage.Network
	Machines [Size]*Machine

	o       Options
	certs   string
	door    *Door
	closers []func() error
}

// names of hosts.
func server(i int) string  { return fmt.Sprintf("n%d", i+1) }
func replica(i int) string { return fmt.Sprintf("r%d", i+1) }

// New starts a fleet and waits until all replicas serve. The caller calls Close in any case.
func New(ctx context.Context, o Options) (*Fleet, error) {
	f := &Fleet{o: o, certs: filepath.Join(o.Dir, "certs")}
	var hosts []string
	for i := range Size {
		hosts = append(hosts, server(i), replica(i))
	}
	var err error
	if f.Net, err = cage.NewNetwork(ctx, hosts...); err != nil {
		return f, err
	}
	for _, step := range []func(context.Context) error{f.certify, f.build, f.open, f.begin, f.replicate, f.startAll} {
		if err := step(ctx); err != nil {
			return f, err
		}
	}
	return f, nil
}

// certify makes certificates and configurations as operators do.
func (f *Fleet) certify(ctx context.Context) error {
	var servers, hosts []string
	for i := range Size {
		servers = append(servers, server(i)+"="+f.Net.At(server(i)))
		hosts = append(hosts, f.Net.At(replica(i)))
	}
	hosts = append(hosts, cage.Hub)
	if err := f.coso(ctx, "certs", f.certs, "--nats", strings.Join(servers, ","), "--host", strings.Join(hosts, ",")); err != nil {
		return err
	}
	const always, lazy = "sync_interval: always", "sync_interval: 2m"
	read := strconv.Quote("$JS.API.STREAM.MSG.GET." + streamlog.StreamName(registry.Name))
	for i := range Size {
		err := f.configure(i, read, read+"\n            "+strconv.Quote(stepDown)) // this process looks at every server's copy
		if err == nil && f.o.Lazy {
			err = f.configure(i, always, lazy)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// configure changes a line of a server's configuration, which must be there.
func (f *Fleet) configure(i int, is, becomes string) error {
	conf := f.conf(i)
	text, err := os.ReadFile(conf)
	if err == nil && !strings.Contains(string(text), is) {
		err = fmt.Errorf("%s does not say %q", conf, is)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(conf, []byte(strings.Replace(string(text), is, becomes, 1)), 0o600)
}

func (f *Fleet) conf(i int) string { return filepath.Join(f.certs, "nats-"+server(i)+".conf") }

// coso runs one of the operator's commands.
func (f *Fleet) coso(ctx context.Context, args ...string) error {
	said, err := exec.CommandContext(ctx, filepath.Join(f.o.Bin, "coso"), args...).CombinedOutput()
	f.o.Logger.InfoContext(ctx, "coso", "args", args, "said", string(said))
	if err != nil {
		return fmt.Errorf("coso %s: %w: %s", args[0], err, said)
	}
	return nil
}

// proof are the flags by which a process of a name proves who it is.
func (f *Fleet) proof(name string) []string {
	files := certs.FilesOf(f.certs, name)
	return []string{"--tls-cert", files.Cert, "--tls-key", files.Key, "--tls-ca", files.CA}
}

// open opens the door by which this process asks, and serves the keys of its tokens.
func (f *Fleet) open(ctx context.Context) error {
	var err error
	f.door, err = openDoor(ctx, f)
	if err == nil {
		f.closers = append(f.closers, f.door.close)
	}
	return err
}

// Door is how this process asks.
func (f *Fleet) Door() *Door { return f.door }

// Version lets a replica be the one of a binary, One or Two, from its next start on.
func (f *Fleet) Version(i int, binary string) {
	f.Machines[i].Replica.Args[0] = filepath.Join(f.o.Bin, binary)
}

// Offset moves the clock of a replica.
func (f *Fleet) Offset(i int, by time.Duration) error {
	file := f.Machines[i].offset
	if err := os.WriteFile(file+".new", []byte(by.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// Break lets the log break its word from now on, as the options say.
func (f *Fleet) Break() error { return os.WriteFile(f.broken(), nil, 0o600) }

func (f *Fleet) broken() string { return filepath.Join(f.o.Dir, "broken") }

// Forget empties the data folder of a replica, which must not run. Its next start fetches a copy.
func (f *Fleet) Forget(i int) error {
	all, err := os.ReadDir(f.Machines[i].data())
	for _, file := range all {
		err = errors.Join(err, os.RemoveAll(filepath.Join(f.Machines[i].data(), file.Name())))
	}
	return err
}

// Close ends all processes of the fleet.
func (f *Fleet) Close() error {
	var failed error
	for _, m := range f.Machines {
		if m != nil {
			failed = errors.Join(failed, m.Replica.Kill(), m.Server.Kill())
		}
	}
	for _, end := range f.closers {
		failed = errors.Join(failed, end())
	}
	return failed
}

func (m *Machine) data() string { return filepath.Join(m.dir, "data") }
func (m *Machine) log() string  { return filepath.Join(m.dir, "log") }
func (m *Machine) temp() string { return filepath.Join(m.dir, "temp") }

// File is the replica's data file.
func (m *Machine) File() string { return filepath.Join(m.data(), registry.Name+".db") }

// Blocks are the files of the server's copy of the log.
func (m *Machine) Blocks() ([]string, error) {
	return filepath.Glob(filepath.Join(m.log(), "jetstream", "*", "streams", "COSO_LOG_REGISTRY", "msgs", "*.blk"))
}
