package server

import (
	"context"
	"slices"

	historypb "coso/proto/gen/coso/history/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	"coso/services/membership/internal/intake"
	"coso/services/membership/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/platform/operation"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
)

const intakes = "intakes/"

// CreateIntake reports an intake.
func (s *Server) CreateIntake(
	ctx context.Context, req *membershippb.CreateIntakeRequest,
) (*membershippb.Intake, error) {
	name := intakes + rpc.NewID(req.GetIntakeId())
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*membershippb.Intake, error) {
		return reportIntake(tx, req, name)
	})
}

// BatchCreateIntakes reports intakes, all or none, now or with an operation.
func (s *Server) BatchCreateIntakes(
	ctx context.Context, req *membershippb.BatchCreateIntakesRequest,
) (*membershippb.BatchCreateIntakesResponse, error) {
	names := rpc.NewNames(intakes, req.GetRequests(), (*membershippb.CreateIntakeRequest).GetIntakeId)
	return operation.Batch(ctx, s.store, req, func(tx *store.Tx) (*membershippb.BatchCreateIntakesResponse, error) {
		made, err := rpc.Each(req.GetRequests(), func(i int, r *membershippb.CreateIntakeRequest) (*membershippb.Intake, error) {
			return reportIntake(tx, r, names[i])
		})
		return &membershippb.BatchCreateIntakesResponse{Intakes: made}, err
	}, func(op *operationpb.Operation) *membershippb.BatchCreateIntakesResponse {
		return &membershippb.BatchCreateIntakesResponse{Operation: op}
	})
}

func reportIntake(tx *store.Tx, req *membershippb.CreateIntakeRequest, name string) (*membershippb.Intake, error) {
	if err := tx.Require(access.IntakesRecord, req.GetIntake().GetUnit()); err != nil {
		return nil, err
	}
	refs, err := records.IntakeRefs(tx)(req.GetIntake())
	if err != nil {
		return nil, err
	}
	next, event, err := intake.Report(req.GetIntake(), name, refs, tx.Today())
	if err != nil {
		return nil, fault.In("intake", err)
	}
	next, err = records.Intakes.Create(tx, next, event)
	return next, fault.In("intake", err)
}

// GetIntake answers one intake.
func (s *Server) GetIntake(
	ctx context.Context, req *membershippb.GetIntakeRequest,
) (*membershippb.Intake, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*membershippb.Intake, error) {
		return records.Intakes.GetFor(tx, access.IntakesRead, req.GetName())
	})
}

// ListIntakes answers a page of intakes.
func (s *Server) ListIntakes(
	ctx context.Context, req *membershippb.ListIntakesRequest,
) (*membershippb.ListIntakesResponse, error) {
	if err := dayOrNone("fromDate", req.GetFromDate()); err != nil {
		return nil, err
	}
	if err := dayOrNone("toDate", req.GetToDate()); err != nil {
		return nil, err
	}
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*membershippb.ListIntakesResponse, error) {
		scope, err := tx.Within(access.IntakesRead, req.GetUnit())
		if err != nil {
			return nil, err
		}
		if err := records.Book.KnownUnit(tx, "unit", req.GetUnit()); err != nil {
			return nil, err
		}
		found, next, err := records.Intakes.List(tx, req, intakeRange(req, scope), func(in *membershippb.Intake) bool {
			return scope.Has(in.GetUnit()) && intakeAsked(req, in)
		})
		return &membershippb.ListIntakesResponse{Intakes: found, NextPageToken: next}, err
	})
}

func dayOrNone(field, day string) error {
	if day == "" {
		return nil
	}
	_, err := civil.Field(field, day)
	return err
}

func intakeRange(req *membershippb.ListIntakesRequest, scope store.Scope) store.Range[*membershippb.Intake] {
	switch {
	case req.GetOrganisation() != "":
		return store.Having(records.IntakesByOrganisation, store.Text(req.GetOrganisation()))
	case req.GetUnit() != "":
		return store.Having(records.IntakesByUnit, store.Text(req.GetUnit()))
	}
	return store.Among(records.IntakesByUnit, scope)
}

func intakeAsked(req *membershippb.ListIntakesRequest, in *membershippb.Intake) bool {
	state := in.GetState() == req.GetState()
	if req.GetState() == membershippb.IntakeState_INTAKE_STATE_UNSPECIFIED {
		state = in.GetState() != membershippb.IntakeState_INTAKE_STATE_WITHDRAWN
	}
	return state &&
		(req.GetUnit() == "" || in.GetUnit() == req.GetUnit()) &&
		(len(req.GetKinds()) == 0 || slices.Contains(req.GetKinds(), in.GetKind())) &&
		req.GetFromDate() <= in.GetAdmittedOn() &&
		(req.GetToDate() == "" || in.GetAdmittedOn() <= req.GetToDate())
}

// UpdateIntake corrects an intake.
func (s *Server) UpdateIntake(
	ctx context.Context, req *membershippb.UpdateIntakeRequest,
) (*membershippb.Intake, error) {
	asked := req.GetIntake()
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*membershippb.Intake, error) {
		cur, err := records.Intakes.CurrentFor(tx, access.IntakesRecord, asked.GetName(), asked.GetEtag())
		if err != nil {
			return nil, fault.In("intake", err)
		}
		merged, err := rpc.Merge(cur, asked, req.GetUpdateMask())
		if err != nil {
			return nil, err
		}
		if err := tx.Require(access.IntakesRecord, merged.GetUnit()); err != nil {
			return nil, err
		}
		refs, err := records.IntakeRefs(tx)(merged)
		if err != nil {
			return nil, err
		}
		next, event, err := intake.Update(cur, merged, refs, tx.Today())
		if err != nil || event == nil {
			return next, fault.In("intake", err)
		}
		next, err = records.Intakes.Put(tx, next, event)
		return next, fault.In("intake", err)
	})
}

// WithdrawIntake takes back an intake that was entered in error.
func (s *Server) WithdrawIntake(
	ctx context.Context, req *membershippb.WithdrawIntakeRequest,
) (*membershippb.Intake, error) {
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*membershippb.Intake, error) {
		cur, err := records.Intakes.CurrentFor(tx, access.IntakesCorrect, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		next, event, err := intake.Withdraw(cur, req)
		if err != nil {
			return nil, err
		}
		return records.Intakes.Put(tx, next, event)
	})
}

// ListIntakeHistory answers who changed an intake, when and what.
func (s *Server) ListIntakeHistory(
	ctx context.Context, req *membershippb.ListIntakeHistoryRequest,
) (*historypb.History, error) {
	return store.View(ctx, s.store, func(tx *store.ReadTx) (*historypb.History, error) {
		return records.Intakes.HistoryFor(tx, access.IntakesRead, req)
	})
}
