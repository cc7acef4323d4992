package store_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// pages walks a list to its end, with pages of a size.
func pages(size int32, list func(*registrypb.ListEnterprisesRequest) ([]string, string, error)) (out []string, err error) {
	req := &registrypb.ListEnterprisesRequest{PageSize: size}
	for first := true; first || req.GetPageToken() != ""; first = false {
		page, next, err := list(req)
		if err != nil || len(page) > int(size) {
			return nil, fmt.Errorf("a page of %d: %w", len(page), err)
		}
		out, req.PageToken = append(out, page...), next
	}
	return out, nil
}

// named are the names of a page.
func named[T interface{ GetName() string }](page []T, next string, err error) ([]string, string, error) {
	var out []string
	for _, rec := range page {
		out = append(out, rec.GetName())
	}
	return out, next, err
}

// A list among some units is the list of all, filtered, in order of units and names, however it is cut into pages; among no
// unit it is empty, never everything. So it is with the units themselves.
func TestAListAmongUnitsIsTheListOfAllFiltered(t *testing.T) {
	g := guard(t)
	units := []string{"units/a", "units/a1", "units/a-1", "units/b", "units/ba", "units/c"}
	where := map[string]string{}
	for n := range 150 {
		unit := units[n*n%len(units)]
		g.itself(func(tx *store.Tx) error { _, err := g.add(tx, n, unit); return err })
		where[company(n, "").GetName()] = unit
	}
	rapid.Check(t, func(rt *rapid.T) {
		scope := slices.Compact(slices.Sorted(slices.Values(rapid.SliceOf(rapid.SampledFrom(append(units, "units/ha-noi", "units/none"))).Draw(rt, "scope"))))
		size := rapid.Int32Range(1, 20).Draw(rt, "page")
		odd := rapid.Bool().Draw(rt, "every other")
		keep := func(name string) bool { return !odd || name[len(name)-1]%2 == 1 }
		var want []string
		for name, unit := range where {
			if slices.Contains(scope, unit) && keep(name) {
				want = append(want, name)
			}
		}
		slices.SortFunc(want, func(a, b string) int { return cmp.Or(cmp.Compare(where[a], where[b]), cmp.Compare(a, b)) })
		_, err := store.View(t.Context(), g.store, func(tx *store.ReadTx) (int, error) {
			got, err := pages(size, func(req *registrypb.ListEnterprisesRequest) ([]string, string, error) {
				return named(g.enterprises.List(tx, req, store.Among(g.byUnit, store.ScopeOf(scope)), func(e *registrypb.Enterprise) bool { return keep(e.GetName()) }))
			})
			if err != nil || !slices.Equal(got, want) {
				rt.Fatalf("among %v: %v (%v), want %v", scope, got, err, want)
			}
			got, err = pages(size, func(req *registrypb.ListEnterprisesRequest) ([]string, string, error) {
				return named(g.units.List(tx, req, store.Themselves[*registrypb.Unit](store.ScopeOf(scope)), nil))
			})
			known := slices.DeleteFunc(slices.Clone(scope), func(name string) bool { return name != "units/ha-noi" })
			if err != nil || !slices.Equal(got, known) {
				rt.Fatalf("the units of %v: %v (%v), want %v", scope, got, err, known)
			}
			got, err = pages(5, func(req *registrypb.ListEnterprisesRequest) ([]string, string, error) {
				return named(g.enterprises.List(tx, req, store.Among(g.byUnit, store.Scope{Everywhere: true}), nil))
			})
			if err != nil || len(got) != len(where) || !slices.IsSorted(got) {
				rt.Fatalf("everywhere: %v (%v)", got, err)
			}
			return 0, nil
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// list is a method that lists enterprises as it should be.
func (g *guarded) list(principal string, req *registrypb.ListEnterprisesRequest) ([]string, string, error) {
	type page struct {
		names []string
		next  string
	}
	p, err := store.View(as(principal, access.EnterprisesRead), g.store, func(tx *store.ReadTx) (page, error) {
		scope, err := tx.Within(access.EnterprisesRead, req.GetUnit())
		if err != nil {
			return page{}, err
		}
		names, next, err := named(g.enterprises.List(tx, req, store.Among(g.byUnit, scope), nil))
		return page{names, next}, err
	})
	return p.names, p.next, err
}

// A page token is of use to the caller who was given it and to nobody else; with each page it is asked anew what he may see.
func TestAPageBelongsToItsCaller(t *testing.T) {
	g := guard(t)
	for n, unit := range []string{"units/ba-dinh", "units/ba-dinh", "units/tay-ho", "units/tay-ho"} {
		g.itself(func(tx *store.Tx) error { _, err := g.add(tx, n, unit); return err })
	}
	endBaDinh := g.give(lan, accesspb.Role_ROLE_VIEWER, "units/ba-dinh", "")
	endTayHo := g.give(lan, accesspb.Role_ROLE_VIEWER, "units/tay-ho", "")
	g.give(minh, accesspb.Role_ROLE_VIEWER, "units/ha-noi", "")
	first, next, err := g.list(lan, &registrypb.ListEnterprisesRequest{PageSize: 1})
	if err != nil || !slices.Equal(first, []string{"enterprises/e0"}) || next == "" {
		t.Fatalf("the first page: %v, %q (%v)", first, next, err)
	}
	req := &registrypb.ListEnterprisesRequest{PageSize: 9, PageToken: next}
	_, _, err = g.list(minh, req)
	wantFault(t, err, fault.KindInvalidArgument, faultpb.Reason_REASON_PAGE_TOKEN_INVALID)
	endBaDinh()
	rest, _, err := g.list(lan, req)
	if err != nil || !slices.Equal(rest, []string{"enterprises/e2", "enterprises/e3"}) {
		t.Errorf("after a grant has ended the rest is %v (%v)", rest, err)
	}
	endTayHo()
	_, _, err = g.list(lan, req)
	wantFault(t, err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED)
}
