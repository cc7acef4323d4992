package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"coso/services/platform/certs"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/platform/run/ops"
	"coso/services/platform/run/settings"
)

// TLS are the settings by which a process proves to the others and to NATS who it is: all three, or none for the files of its
// name in the folder certs of the data folder.
type TLS struct {
	Cert settings.File `name:"tls-cert" help:"Certificate of this process, PEM, as coso certs makes it: with it processes prove to each other and to NATS who they are. Taken again when it changes. Default, of all three: the files of this process in the folder certs of the data folder." placeholder:"FILE"`
	Key  settings.File `name:"tls-key" help:"Its key, PEM." placeholder:"FILE"`
	CA   settings.File `name:"tls-ca" help:"Certificates of the CAs whose certificates the others may show, PEM." placeholder:"FILE"`
}

// Completed are the settings, or, if none is set, the files of the process of a name where coso certs puts them: in the data
// folder.
func (t TLS) Completed(data, name string) TLS {
	if (t != TLS{}) {
		return t
	}
	f := certs.FilesOf(certs.Folder(data), name)
	return TLS{settings.File(f.Cert), settings.File(f.Key), settings.File(f.CA)}
}

func (t TLS) files() mtls.Files {
	return mtls.Files{Cert: string(t.Cert), Key: string(t.Key), CA: string(t.CA)}
}

// CheckAs answers what is wrong with the settings of the process of a name, completed.
func (t TLS) CheckAs(name string) error {
	var missing []error
	for _, s := range []struct {
		name string
		file settings.File
	}{{"tls-cert", t.Cert}, {"tls-key", t.Key}, {"tls-ca", t.CA}} {
		if s.file == "" {
			missing = append(missing, fmt.Errorf("--%s is missing: give --tls-cert, --tls-key and --tls-ca, or none of them", s.name))
		}
	}
	if err := errors.Join(missing...); err != nil {
		return err
	}
	dir := filepath.Dir(string(t.Cert))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && t.files() == certs.FilesOf(dir, name) {
		return fmt.Errorf("--tls-cert: there are no certificates in %s; make them with `coso certs %s`, or say with --tls-cert, --tls-key and --tls-ca where those of this process are", dir, dir)
	}
	return t.files().Check(name, time.Now())
}

// OpenAs is who the process of a name is to the others.
func (t TLS) OpenAs(name string, logger *slog.Logger) (*mtls.Identity, error) {
	return mtls.Open(mtls.Options{Name: name, Files: t.files(), Logger: logger})
}

// Address answers what is wrong with a setting that is an address between processes.
func Address(setting, addr string) error { return named(setting, rpc.Address(addr)) }

// ServiceAt answers the addresses in a setting that says where a service answers (rpc.Replicas), and what is wrong with them.
func ServiceAt(setting, given string) (places []rpc.Place, err error) {
	all, err := rpc.Replicas(given)
	for _, addr := range all {
		places = append(places, rpc.Place{Setting: setting, Addr: addr})
	}
	return places, named(setting, err)
}

// Certificates lets readiness say how the certificate does, and answers the part that takes new ones.
func Certificates(id *mtls.Identity, ready *ops.Readiness) run.Part {
	ready.Also, ready.Note = id.Healthy, id.Warning
	return run.Part{Name: "certificates", Run: func(ctx context.Context, started func()) error {
		started()
		id.Watch(ctx)
		<-ctx.Done()
		return nil
	}}
}
