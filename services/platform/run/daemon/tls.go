package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/platform/run/ops"
	"coso/services/platform/run/settings"
)

// TLS are the settings by which processes prove to each other who they are: all three, or none.
type TLS struct {
	Cert settings.File `name:"tls-cert" help:"Certificate of this process, PEM, as coso certs makes it. With it this process speaks TLS with the others and with NATS, and its addresses may be on any machine. Taken again when it changes." placeholder:"FILE"`
	Key  settings.File `name:"tls-key" help:"Its key, PEM." placeholder:"FILE"`
	CA   settings.File `name:"tls-ca" help:"Certificates of the CAs whose certificates the others may show, PEM." placeholder:"FILE"`
}

// On reports whether processes are to prove who they are.
func (t TLS) On() bool { return t != TLS{} }

func (t TLS) files() mtls.Files {
	return mtls.Files{Cert: string(t.Cert), Key: string(t.Key), CA: string(t.CA)}
}

// CheckAs answers what is wrong with the settings of the process of a name.
func (t TLS) CheckAs(name string) error {
	if !t.On() {
		return nil
	}
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
	return t.files().Check(name, time.Now())
}

// Address answers what is wrong with a setting that is an address between processes.
func (t TLS) Address(setting, addr string) error {
	err := rpc.Address(addr, t.On())
	if errors.Is(err, rpc.ErrNotLoopback) {
		err = fmt.Errorf("%w; other machines are reached with --tls-cert, --tls-key and --tls-ca", err)
	}
	return named(setting, err)
}

// OpenAs is who the process of a name is to the others; nil if nobody has to prove it.
func (t TLS) OpenAs(name string, logger *slog.Logger) (*mtls.Identity, error) {
	if !t.On() {
		return nil, nil //nolint:nilnil // nobody has to prove it
	}
	return mtls.Open(mtls.Options{Name: name, Files: t.files(), Logger: logger})
}

// Certificates lets readiness say how the certificate does, and answers the part that takes new ones; without an identity
// that part does nothing.
func Certificates(id *mtls.Identity, ready *ops.Readiness) run.Part {
	if id != nil {
		ready.Also, ready.Note = id.Healthy, id.Warning
	}
	return run.Part{Name: "certificates", Run: func(ctx context.Context, started func()) error {
		started()
		if id != nil {
			id.Watch(ctx)
		}
		<-ctx.Done()
		return nil
	}}
}
