package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	accesspb "coso/proto/gen/coso/access/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/certs"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/token"
	"coso/services/registry/internal/records"
	"coso/services/registry/internal/server"
)

const (
	// levels and fan are the shape of the tree: below the city are five levels, ten units below each.
	levels, fan = 5, 10
	// batch is how many records are loaded with one command.
	batch = 1000
	// caller has a grant in one of the units right below the city, as a district's clerk has.
	caller = "clerk"
	issuer = "https://bench.example"
)

// clients are a way to a registry.
type clients struct {
	registrypb.UnitServiceClient
	registrypb.OrganisationServiceClient
}

// office is a registry, called by the network or in its own process. ctx is that of a caller.
type office struct {
	clients // the way that is measured

	network, memory clients

	server *rpc.Server
	conn   *grpc.ClientConn
	served chan error
	store  *store.Store
	ctx    context.Context //nolint:containedctx // a caller's, for as long as the measurement lasts
	units  int
	// deepest is a unit on the lowest level of the caller's.
	deepest string
}

// newOffice opens and fills a registry. Guarded, a clerk asks by the gateway and shows a token; else another service asks, by
// its certificate or within the process, and nobody asks what it may do.
func newOffice(ctx context.Context, dir string, guarded bool, grants int) (*office, error) {
	logger := slog.New(slog.DiscardHandler)
	o := &office{ctx: ctx}
	options := store.Options{Dir: dir, Service: "registry", Schema: records.Schema, Logger: logger}
	// Counted as everybody, and never refused: a caller who waits for nothing asks more than any office.
	serving := rpc.Options{Service: "registry", Logger: logger, Limits: rpc.Limits{Rate: 1 << 30, Burst: 1 << 30}}
	from, neighbour := mtls.Gateway, access.Principal{}
	if guarded {
		options.Authority = records.Book
		signer, verifier, err := keys()
		if err != nil {
			return nil, err
		}
		compact, _, err := signer.Sign(caller, 15*time.Minute, "")
		if err != nil {
			return nil, err
		}
		serving.Tokens = verifier
		o.ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+compact)
	} else {
		from, neighbour = "membership", access.Service("membership")
	}
	as, err := processes(dir)
	if err != nil {
		return nil, err
	}
	if serving.TLS, err = as("registry"); err != nil {
		return nil, err
	}
	if o.store, err = store.Open(options); err != nil {
		return nil, err
	}
	serving.Store = o.store
	o.server = rpc.New(serving)
	server.Register(o.server, o.store, nil) // nobody follows it
	o.memory = clientsOf(o.server.ConnOf(neighbour))
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, o.store.Close())
	}
	o.served = make(chan error, 1)
	go func() { o.served <- o.server.Serve(ctx, lis) }()
	self, err := as(from)
	if err != nil {
		return nil, err
	}
	if o.conn, err = rpc.DialService(lis.Addr().String(), "registry", self); err != nil {
		return nil, err
	}
	o.network = clientsOf(o.conn)
	if err := o.fill(ctx, grants); err != nil {
		return nil, errors.Join(err, o.close(ctx))
	}
	return o, nil
}

// processes makes certificates beside the data, and answers who a process is by them.
func processes(dir string) (as func(name string) (*mtls.Identity, error), err error) {
	at := certs.Folder(dir)
	if _, err := certs.Make(certs.Options{Dir: at, Days: 1, Now: time.Now()}); err != nil {
		return nil, err
	}
	return func(name string) (*mtls.Identity, error) {
		return mtls.Open(mtls.Options{Name: name, Files: certs.FilesOf(at, name)})
	}, nil
}

func clientsOf(conn grpc.ClientConnInterface) clients {
	return clients{registrypb.NewUnitServiceClient(conn), registrypb.NewOrganisationServiceClient(conn)}
}

func (o *office) close(ctx context.Context) error {
	err := o.conn.Close()
	o.server.Stop(ctx)
	return errors.Join(err, <-o.served, o.store.Close())
}

func keys() (*token.Signer, *token.Verifier, error) {
	ring, _, err := token.Rotate(nil, time.Now())
	if err != nil {
		return nil, nil, err
	}
	signer, err := token.NewSigner(token.SignerOptions{Issuer: issuer, Audience: "coso", Now: time.Now}, ring)
	if err != nil {
		return nil, nil, err
	}
	verifier, err := token.NewVerifier(token.Options{Issuers: []token.Issuer{
		{URL: issuer, Audience: "coso", Algorithms: []token.Algorithm{token.EdDSA}, Keys: signer},
	}, Now: time.Now})
	return signer, verifier, err
}

// fill records the tree, an organisation in every hundredth unit and in the deepest, and the grants.
func (o *office) fill(ctx context.Context, grants int) error {
	all := []*registrypb.Unit{place("u", "")}
	for i := 0; len(all) < cells(); i++ {
		for n := range fan {
			all = append(all, place(fmt.Sprintf("%s-%d", all[i].GetName()[len("units/"):], n), all[i].GetName()))
		}
	}
	o.units, o.deepest = len(all), "units/u-3-1-4-1-5"
	err := each(ctx, o.store, len(all), func(tx *store.Tx, i int) error {
		_, err := records.Units.Create(tx, all[i], &registrypb.UnitCreated{})
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, o.store, 1, func(tx *store.Tx, _ int) error {
		_, err := records.Enterprises.Create(tx, &registrypb.Enterprise{
			Name: "enterprises/e", DisplayName: "Công ty", TaxCode: "9900000009", LegalForm: registrypb.LegalForm_LEGAL_FORM_LLC, Unit: o.deepest,
		}, &registrypb.EnterpriseCreated{})
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, o.store, len(all)/100, func(tx *store.Tx, i int) error {
		in := all[i*100].GetName()
		if i == 0 {
			in = o.deepest
		}
		_, err := records.Organisations.Create(tx, &registrypb.Organisation{
			Name: fmt.Sprintf("organisations/o-%d", i), DisplayName: fmt.Sprintf("Chi bộ %d", i), Unit: in, FoundedOn: "2020-03-26",
			Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL, FoundingDecision: "1-QĐ/QU", Enterprise: "enterprises/e",
			State: registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE,
		}, &registrypb.OrganisationFounded{})
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, o.store, grants, func(tx *store.Tx, i int) error {
		g := &registrypb.Grant{
			Name: fmt.Sprintf("grants/g-%d", i), Principal: fmt.Sprintf("principals/p-%d", i), Role: accesspb.Role_ROLE_CLERK,
			Unit: all[(i*7919)%len(all)].GetName(), Reason: "phân công", StartTime: timestamppb.New(tx.At()),
		}
		if i == 0 {
			g.Principal, g.Unit = "principals/"+caller, "units/u-3"
		}
		_, err := records.Grants.Create(tx, g, &registrypb.GrantGiven{})
		return err
	})
}

// cells is how many units the tree has.
func cells() int {
	sum, level := 1, 1
	for range levels {
		level *= fan
		sum += level
	}
	return sum
}

func place(id, parent string) *registrypb.Unit {
	return &registrypb.Unit{
		Name: "units/" + id, DisplayName: "Đảng ủy " + id, Level: "COMMITTEE", ValidFrom: "2000-01-01",
		Placements: []*registrypb.Placement{{Tree: "party", Parent: parent, FromDate: "2000-01-01"}},
	}
}

// each records things, some with each command of the registry's own.
func each(ctx context.Context, s *store.Store, n int, do func(*store.Tx, int) error) error {
	ctx = access.With(ctx, access.Service("registry"))
	for from := 0; from < n; from += batch {
		_, err := store.Update(ctx, s, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
			for i := from; i < min(from+batch, n); i++ {
				if err := do(tx, i); err != nil {
					return nil, err
				}
			}
			return &registrypb.Unit{}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// call is a call that is measured, the n-th time.
type call struct {
	title string
	do    func(o *office, n int) error
}

func calls() []call {
	return []call{
		{"GetUnit, four levels below the grant", func(o *office, _ int) error {
			_, err := o.GetUnit(o.ctx, &registrypb.GetUnitRequest{Name: o.deepest})
			return err
		}},
		{"GetOrganisation, four levels below the grant", func(o *office, _ int) error {
			_, err := o.GetOrganisation(o.ctx, &registrypb.GetOrganisationRequest{Name: "organisations/o-0"})
			return err
		}},
		{"ListOrganisations of a unit, one found", func(o *office, _ int) error {
			_, err := o.ListOrganisations(o.ctx, &registrypb.ListOrganisationsRequest{Unit: o.deepest})
			return err
		}},
		{"ListUnits, a page of a hundred", func(o *office, _ int) error {
			_, err := o.ListUnits(o.ctx, &registrypb.ListUnitsRequest{PageSize: 100})
			return err
		}},
		{"UpdateOrganisation, only checked", func(o *office, n int) error {
			_, err := o.UpdateOrganisation(o.ctx, &registrypb.UpdateOrganisationRequest{
				Organisation: &registrypb.Organisation{Name: "organisations/o-0", DisplayName: fmt.Sprint("Chi bộ ", n)}, ValidateOnly: true,
			})
			return err
		}},
	}
}
