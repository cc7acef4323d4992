package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"coso/deploy/internal/sheet"
	"coso/services/platform/access"
	"coso/services/platform/store"

	"google.golang.org/protobuf/proto"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// importRows is how many rows are imported in all, and importParts in how many parts that are interleaved with the store's.
const (
	importRows  = 100_000
	importParts = 5
)

// imports holds the import of sheets over HTTP (enterprises and organisations in equal numbers) against store.Update of the
// same batches on a store of the same tables. Parts stand for rounds: both stores grow as they go.
func imports(ctx context.Context, w io.Writer, _ settings) (err error) {
	o, err := openOffice(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	raw, err := openRegistry()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	var rows [][]string
	for _, noun := range []string{"enterprises", "organisations"} {
		var taken [2][]figure
		for part := range importParts {
			one, err := sheet.Parse(noun+".csv", importSheet(noun, part))
			if err != nil {
				return err
			}
			overHTTP, err := importRate(ctx, o, one)
			if err != nil {
				return err
			}
			direct, err := raw.rate(one)
			if err != nil {
				return err
			}
			taken[0], taken[1] = append(taken[0], overHTTP), append(taken[1], direct)
		}
		rate := func(f figure) float64 { return f.rate }
		ours, theirs := figure{rate: median(taken[0], rate)}, figure{rate: median(taken[1], rate)}
		rows = append(rows, []string{noun, fmt.Sprint(importRows / 2), perSecond(ours), perSecond(theirs), ratio(ours, theirs)})
	}
	return table(w, "Import of CSV over HTTP against store.Update of the same batches (rows/s, medians of "+fmt.Sprint(importParts)+" parts)",
		[]string{"sheet", "rows", "import", "store", "import / store"}, rows)
}

// importSheet is one part of a noun's rows.
func importSheet(noun string, part int) []byte {
	var b bytes.Buffer
	if noun == "enterprises" {
		b.WriteString("id,tax_code,display_name,legal_form,unit\n")
	} else {
		b.WriteString("id,kind,display_name,enterprise,unit,founded_on,founding_decision\n")
	}
	per := importRows / 2 / importParts
	for n := part * per; n < (part+1)*per; n++ {
		if noun == "enterprises" {
			fmt.Fprintf(&b, "bench-%06d,099%09d,Công ty TNHH Thương mại và Dịch vụ Minh Họa Số %06d,LLC,ba-dinh\n", n, n, n)
		} else {
			fmt.Fprintf(&b, "bench-%06d,BASE_CELL,Chi bộ Công ty TNHH Thương mại và Dịch vụ Minh Họa Số %06d,bench-%06d,ba-dinh,2020-%02d-%02d,%d-QĐ/QU\n",
				n, n, n, 1+n%11, 1+n%28, n)
		}
	}
	return b.Bytes()
}

func importRate(ctx context.Context, o *office, one *sheet.Sheet) (figure, error) {
	start := time.Now()
	if err := sheet.Load(ctx, o.c, []*sheet.Sheet{one}, nil); err != nil {
		return figure{}, err
	}
	return figure{rate: float64(len(one.Rows)) / time.Since(start).Seconds()}, nil
}

// rawRegistry is a store with the registry's tables and nothing around it.
type rawRegistry struct {
	store         *store.Store
	dir           string
	enterprises   *store.Table[*registrypb.Enterprise]
	organisations *store.Table[*registrypb.Organisation]
}

func openRegistry() (*rawRegistry, error) {
	dir, err := os.MkdirTemp("", "coso-bench-")
	if err != nil {
		return nil, err
	}
	r := &rawRegistry{dir: dir}
	r.enterprises = store.NewTable("enterprises", (*registrypb.Enterprise).GetName,
		store.NewIndex("tax-code", func(e *registrypb.Enterprise) []store.Key { return []store.Key{store.Text(e.GetTaxCode())} }),
		store.NewIndex("unit", func(e *registrypb.Enterprise) []store.Key { return []store.Key{store.Text(e.GetUnit())} }))
	r.organisations = store.NewTable("organisations", (*registrypb.Organisation).GetName,
		store.NewIndex("unit", func(o *registrypb.Organisation) []store.Key { return []store.Key{store.Text(o.GetUnit())} }),
		store.NewIndex("enterprise", func(o *registrypb.Organisation) []store.Key { return []store.Key{store.Text(o.GetEnterprise())} }))
	err = r.open()
	return r, err
}

func (r *rawRegistry) open() (err error) {
	r.store, err = store.Open(store.Options{
		Dir: r.dir, Service: "bench", Schema: store.NewSchema(r.enterprises, r.organisations), Logger: slog.New(slog.DiscardHandler),
	})
	return err
}

func (r *rawRegistry) close() error { return errors.Join(r.store.Close(), os.RemoveAll(r.dir)) }

// rate creates the rows of a sheet, a command for each of its batches, and takes no other time than the store's.
func (r *rawRegistry) rate(one *sheet.Sheet) (figure, error) {
	ctx := access.WithMethod(access.With(context.Background(), access.Service("bench")), "/bench")
	var took time.Duration
	number := 0
	for batch := range one.Batches() {
		number++
		req := &registrypb.CreateEnterpriseRequest{RequestId: fmt.Sprintf("%s-%d-%s", one.Noun, number, one.Rows[0].Cell("id"))}
		start := time.Now()
		_, err := store.Update(ctx, r.store, req, func(tx *store.Tx) (*registrypb.BatchCreateEnterprisesResponse, error) {
			for _, m := range batch {
				if err := r.create(tx, m); err != nil {
					return nil, err
				}
			}
			return &registrypb.BatchCreateEnterprisesResponse{}, nil
		})
		if took += time.Since(start); err != nil {
			return figure{}, err
		}
	}
	return figure{rate: float64(len(one.Rows)) / took.Seconds()}, nil
}

func (r *rawRegistry) create(tx *store.Tx, m proto.Message) error {
	switch req := m.(type) {
	case *registrypb.CreateEnterpriseRequest:
		rec := proto.CloneOf(req.GetEnterprise())
		rec.Name = "enterprises/" + req.GetEnterpriseId()
		_, err := r.enterprises.Create(tx, rec, &registrypb.EnterpriseCreated{})
		return err
	case *registrypb.CreateOrganisationRequest:
		rec := proto.CloneOf(req.GetOrganisation())
		rec.Name = "organisations/" + req.GetOrganisationId()
		rec.State = registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE
		_, err := r.organisations.Create(tx, rec, &registrypb.OrganisationFounded{})
		return err
	}
	return fmt.Errorf("a request of type %T", m)
}
