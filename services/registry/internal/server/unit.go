package server

import (
	"cmp"
	"context"

	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/dated"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/registry/internal/records"
	"coso/services/registry/internal/unit"
)

const units = "units/"

// CreateUnit records a unit.
func (s *Server) CreateUnit(ctx context.Context, req *registrypb.CreateUnitRequest) (*registrypb.Unit, error) {
	name := units + rpc.NewID(req.GetUnitId())
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Unit, error) {
		if err := tx.Require(access.UnitsManage, unit.Superiors(req.GetUnit(), "", civil.Date{})...); err != nil {
			return nil, err
		}
		next, event, err := unit.Create(req.GetUnit(), name, unitsIn(tx))
		if err != nil {
			return nil, fault.In("unit", err)
		}
		next, err = records.Units.Create(tx, next, event)
		return next, fault.In("unit", err)
	})
}

// GetUnit answers one unit.
func (s *Server) GetUnit(ctx context.Context, req *registrypb.GetUnitRequest) (*registrypb.Unit, error) {
	day, err := asOf(req.GetAsOf(), civil.Date{})
	if err != nil {
		return nil, err
	}
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*registrypb.Unit, error) {
		u, err := records.Units.GetFor(tx, access.UnitsRead, req.GetName())
		if err == nil && !day.IsZero() && !dated.InForce(u, day.String()) {
			return nil, fault.NotFound(faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "asOf", "name", u.GetName(), "date", day.String())
		}
		return u, err
	})
}

// ListUnits answers a page of the units of a day.
func (s *Server) ListUnits(ctx context.Context, req *registrypb.ListUnitsRequest) (*registrypb.ListUnitsResponse, error) {
	tree, parent, named := cmp.Or(req.GetTree(), unit.DefaultTree), req.GetParent(), containing(req.GetQuery())
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*registrypb.ListUnitsResponse, error) {
		day, err := asOf(req.GetAsOf(), tx.Today())
		if err != nil {
			return nil, err
		}
		scope, err := tx.Within(access.UnitsRead, parent)
		if err != nil {
			return nil, err
		}
		if err := records.Book.KnownUnit(tx, "parent", parent); err != nil {
			return nil, err
		}
		in := store.Themselves[*registrypb.Unit](scope)
		if parent != "" { // what was once below it may be elsewhere today
			if scope, err = tx.Within(access.UnitsRead, ""); err != nil {
				return nil, err
			}
			in = store.Having(records.UnitsBelow, records.Below(parent).Text(tree))
		}
		found, next, err := records.Units.List(tx, req, in, func(u *registrypb.Unit) bool {
			there := req.GetAnyDay() || dated.InForce(u, day.String()) && (parent == "" || unit.Below(u, tree, parent, day))
			return there && scope.Has(u.GetName()) && named(u.GetDisplayName())
		})
		return &registrypb.ListUnitsResponse{Units: found, NextPageToken: next}, err
	})
}

// UpdateUnit changes what a unit is called and its level.
func (s *Server) UpdateUnit(ctx context.Context, req *registrypb.UpdateUnitRequest) (*registrypb.Unit, error) {
	asked := req.GetUnit()
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Unit, error) {
		cur, err := records.Units.CurrentFor(tx, access.UnitsManage, asked.GetName(), asked.GetEtag())
		if err != nil {
			return nil, fault.In("unit", err)
		}
		merged, err := rpc.Merge(cur, asked, req.GetUpdateMask())
		if err != nil {
			return nil, err
		}
		next, event, err := unit.Update(cur, merged)
		if err != nil || event == nil {
			return next, fault.In("unit", err)
		}
		next, err = records.Units.Put(tx, next, event)
		return next, fault.In("unit", err)
	})
}

// ReparentUnit moves a unit under another superior.
func (s *Server) ReparentUnit(ctx context.Context, req *registrypb.ReparentUnitRequest) (*registrypb.Unit, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Unit, error) {
		cur, err := records.Units.CurrentFor(tx, access.UnitsManage, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		// A move that begins in the past takes the place of what has been since then.
		since, err := civil.Field("fromDate", req.GetFromDate())
		if err != nil {
			return nil, err
		}
		if tx.Today().Before(since) {
			since = tx.Today()
		}
		where := append(unit.Superiors(cur, cmp.Or(req.GetTree(), unit.DefaultTree), since), req.GetParent())
		if err := tx.Require(access.UnitsManage, where...); err != nil {
			return nil, err
		}
		next, event, err := unit.Reparent(cur, req, unitsIn(tx))
		if err != nil || event == nil {
			return next, err
		}
		return records.Units.Put(tx, next, event)
	})
}

// CloseUnit ends a unit.
func (s *Server) CloseUnit(ctx context.Context, req *registrypb.CloseUnitRequest) (*registrypb.Unit, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Unit, error) {
		cur, err := records.Units.CurrentFor(tx, access.UnitsManage, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		if err := requireOfEnd(tx, cur, req.GetClosedOn()); err != nil {
			return nil, err
		}
		next, event, err := unit.Close(cur, req, holdings(tx, req.GetName()))
		if err != nil {
			return nil, err
		}
		return records.Units.Put(tx, next, event)
	})
}

// requireOfEnd asks for a unit's end, which is to be another day, or none for "", those above it from its last day on, by what is
// recorded and by what is asked: today at the latest.
func requireOfEnd(tx *store.Tx, cur *registrypb.Unit, end string) error {
	since := tx.Today()
	for _, end := range []string{cur.GetClosedOn(), end} {
		if end == "" {
			continue
		}
		on, err := civil.Field("closedOn", end)
		if err != nil {
			return err
		}
		if last := on.AddDays(-1); last.Before(since) {
			since = last
		}
	}
	return tx.Require(access.UnitsManage, unit.Superiors(cur, "", since)...)
}

// CorrectUnitClosing gives a closed unit another end, or none.
func (s *Server) CorrectUnitClosing(ctx context.Context, req *registrypb.CorrectUnitClosingRequest) (*registrypb.Unit, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Unit, error) {
		cur, err := records.Units.CurrentFor(tx, access.UnitsManage, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		if err := requireOfEnd(tx, cur, req.GetClosedOn()); err != nil {
			return nil, err
		}
		next, event, err := unit.CorrectClosing(cur, req, holdings(tx, req.GetName()), unitsIn(tx))
		if err != nil || event == nil {
			return next, err
		}
		return records.Units.Put(tx, next, event)
	})
}

// RemoveUnitPlacement takes back a placement.
func (s *Server) RemoveUnitPlacement(ctx context.Context, req *registrypb.RemoveUnitPlacementRequest) (*registrypb.Unit, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Unit, error) {
		cur, err := records.Units.CurrentFor(tx, access.UnitsManage, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		where := unit.Superiors(cur, cmp.Or(req.GetTree(), unit.DefaultTree), civil.Date{})
		if err := tx.Require(access.UnitsManage, where...); err != nil {
			return nil, err
		}
		next, event, err := unit.RemovePlacement(cur, req, unitsIn(tx))
		if err != nil {
			return nil, err
		}
		return records.Units.Put(tx, next, event)
	})
}

// ListUnitHistory answers who changed a unit, when and what.
func (s *Server) ListUnitHistory(ctx context.Context, req *registrypb.ListUnitHistoryRequest) (*historypb.History, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*historypb.History, error) {
		return records.Units.HistoryFor(tx, access.UnitsRead, req)
	})
}

// holdings reads what may be in the way of a unit's end.
func holdings(tx *store.Tx, name string) unit.Holdings {
	return unit.Holdings{
		Below:         records.Units.By(tx, records.UnitsBelow, records.Below(name)),
		Organisations: records.Organisations.By(tx, records.OrganisationsByUnit, store.Text(name)),
	}
}

// unitsIn lets the rules look units up.
func unitsIn(tx *store.Tx) unit.Lookup {
	return func(name string) (*registrypb.Unit, bool, error) { return records.Units.Find(tx, name) }
}
