package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"time"

	"coso/deploy/demo"
	"coso/deploy/internal/client"
	"coso/deploy/internal/session"
	"coso/deploy/internal/single"
	"coso/deploy/internal/staff"
	"coso/deploy/internal/trial"
	"coso/gateway"
	"coso/gateway/front"

	gatewayruntime "github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	accesspb "coso/proto/gen/coso/access/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// office is a coso with the demo loaded.
type office struct {
	base string
	stop func() error
	// c is the first administrator's, approver who approves what he proposes.
	c, approver *client.Client
	session     *session.Session
}

const (
	// password is the people's.
	password = "trăng lên đầu ngõ nhỏ"
	// unlimited is a rate that no measurement reaches.
	unlimited = 1 << 30
)

func openOffice(ctx context.Context) (*office, error) {
	dir, err := os.MkdirTemp("", "coso-bench-")
	if err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(ctx)
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- single.Run(run, single.Options{
			Dir: dir, Ops: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
			Front: front.Settings{HTTP: "127.0.0.1:0", AdminPassword: password, Rates: gateway.Limits{Rate: unlimited, Burst: unlimited}},
		}, func(base string) { ready <- base })
	}()
	o := &office{stop: func() error {
		cancel()
		return errors.Join(<-done, os.RemoveAll(dir))
	}}
	select {
	case o.base = <-ready:
	case err := <-done:
		cancel()
		return nil, err
	}
	if err := o.signIn(ctx); err != nil {
		return nil, errors.Join(err, o.stop())
	}
	files, err := demo.Set("hanoi-2020")
	if err != nil {
		return nil, errors.Join(err, o.stop())
	}
	set, err := trial.Read(files)
	if err == nil {
		err = set.Load(ctx, o.c, o.approver, func(string, int, int) {})
	}
	if err != nil {
		return nil, errors.Join(err, o.stop())
	}
	return o, nil
}

// signIn lets the first administrator, and one who approves what he proposes, sign in.
func (o *office) signIn(ctx context.Context) error {
	admin, err := staff.SignIn(ctx, o.base, staff.First, password, "")
	if err != nil {
		return err
	}
	approver, err := admin.Hire(ctx, "lan", "Lan", password, accesspb.Role_ROLE_APPROVER)
	if err != nil {
		return err
	}
	o.c, o.approver, o.session = admin.Client, approver.Client, admin.Session
	return nil
}

// constant answers the same message for every request: what grpc-gateway costs with nothing behind it.
type constant struct {
	registrypb.UnimplementedOrganisationServiceServer
	one  *registrypb.Organisation
	list *registrypb.ListOrganisationsResponse
}

func (c constant) GetOrganisation(context.Context, *registrypb.GetOrganisationRequest) (*registrypb.Organisation, error) {
	return c.one, nil
}

func (c constant) ListOrganisations(context.Context, *registrypb.ListOrganisationsRequest) (*registrypb.ListOrganisationsResponse, error) {
	return c.list, nil
}

const (
	onePath  = "/v1/organisations/minh-hoa-010-cau-giay-chi-bo-co-so"
	listPath = "/v1/organisations?pageSize=30"
)

// reads holds reads over HTTP through the whole chain against grpc-gateway answering a constant of the same content.
func reads(ctx context.Context, w io.Writer, s settings) (err error) {
	o, err := openOffice(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	c := constant{one: &registrypb.Organisation{}, list: &registrypb.ListOrganisationsResponse{}}
	if err := errors.Join(o.c.Get(ctx, onePath, nil, c.one), o.c.Get(ctx, listPath, nil, c.list)); err != nil {
		return err
	}
	base, stop, err := serveConstant(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var rows [][]string
	for _, path := range []string{onePath, listPath} {
		for _, clients := range []int{1, 8} {
			fs, err := compare(s.rounds, s.length,
				contender{"coso", func(l time.Duration) (figure, error) {
					return parallel(clients, l, getter(o.base+path, o.session.Proof))
				}},
				contender{"constant", func(l time.Duration) (figure, error) { return parallel(clients, l, getter(base+path, nil)) }},
			)
			if err != nil {
				return err
			}
			rows = append(rows, slices.Concat([]string{path, fmt.Sprint(clients)}, fs[0].cells(), fs[1].cells(), []string{ratio(fs[0], fs[1])}))
		}
	}
	err = table(w, "HTTP reads through the whole chain against grpc-gateway with a constant behind it",
		[]string{"path", "clients", "coso", "p50", "p99", "constant", "p50", "p99", "coso / constant"}, rows)
	if err != nil {
		return err
	}
	return allocations(w, o, base)
}

// allocations prints what a read allocates in this process, its client's part included, which is the same for both.
func allocations(w io.Writer, o *office, constant string) error {
	var rows [][]string
	for _, path := range []string{onePath, listPath} {
		row := []string{path}
		for _, work := range []func() error{getter(o.base+path, o.session.Proof), getter(constant+path, nil)} {
			bytes, objects, err := allocated(work)
			if err != nil {
				return err
			}
			row = append(row, fmt.Sprint(bytes), fmt.Sprint(objects))
		}
		rows = append(rows, row)
	}
	return table(w, "What one read allocates, its client's part included",
		[]string{"path", "coso bytes", "objects", "constant bytes", "objects"}, rows)
}

// allocated is the mean of what a piece of work allocates; what runs beside it is small.
func allocated(work func() error) (bytes, objects uint64, err error) {
	const times = 2000
	var before, after runtime.MemStats
	for range times / 10 { // connections, pools
		if err := work(); err != nil {
			return 0, 0, err
		}
	}
	runtime.ReadMemStats(&before)
	for range times {
		if err := work(); err != nil {
			return 0, 0, err
		}
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / times, (after.Mallocs - before.Mallocs) / times, nil
}

func serveConstant(ctx context.Context, c constant) (base string, stop func() error, err error) {
	mux := gatewayruntime.NewServeMux()
	if err := registrypb.RegisterOrganisationServiceHandlerServer(ctx, mux, c); err != nil {
		return "", nil, err
	}
	var config net.ListenConfig
	lis, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(lis) }()
	return "http://" + lis.Addr().String(), func() error {
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// getter asks for one address again and again over kept connections, without compression, which only one side has, and with a proof if
// there is one.
func getter(address string, proof client.Proof) func() error {
	h := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	return func() error {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, http.NoBody)
		if err != nil {
			return err
		}
		if proof != nil {
			token, err := proof(req.Context())
			if err != nil {
				return err
			}
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := h.Do(req)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK || n == 0 {
			return fmt.Errorf("%s answered %d", address, resp.StatusCode)
		}
		return nil
	}
}
