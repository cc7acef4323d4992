package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// activationLimit is how long the command of an activation may take whose caller has gone.
const activationLimit = time.Minute

// errNotFirst asks for another group: an activation reads its rows from the journal, where those of commands before it in
// the group are not yet.
var errNotFirst = errors.New("not the first command of its group")

// Activate brings in all rows of an operation, in the order in which they were put aside, with one small command: with it
// they are there, with their events, as if they had been created in it. The operation is given up if a row cannot be created
// any more: AlreadyExists if a name or unique key was taken meanwhile or is in the operation twice, else as the table's
// judgement refuses it (Judged); the refusal's field names the row, counted from 0 through the batches: `rows[17].unit`.
// FailedPrecondition if the operation has ended. Otherwise as Update.
//
// The rows are judged on a snapshot first, one operation after the other, so that whoever is refused has kept nobody waiting:
// one that holds all that was acknowledged before, here and elsewhere, since what is refused is given up. And what was refused
// once cannot be asked again, since its rows would have to be judged again (INV-OPERATION-JUDGED-ONCE). The command that follows
// takes effect even if its caller has gone: cut off in the middle, it could be asked for without end.
func Activate(ctx context.Context, s *Store, req proto.Message, name string) (*journalpb.Operation, error) {
	if err := s.outside(); err != nil {
		return nil, err
	}
	select {
	case s.activating <- struct{}{}:
		defer func() { <-s.activating }()
	case <-ctx.Done():
		return nil, fault.From(ctx.Err())
	}
	if err := s.barrier(ctx); err != nil {
		return nil, err
	}
	// refused is why the rows cannot come in; a request id that was used otherwise is none of their business.
	refused := s.rehearseActivation(ctx, name)
	if refused != nil && !ofRows(refused) {
		return nil, s.nearly(ctx, refused)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), activationLimit)
	defer cancel()
	var op *journalpb.Operation
	err := refused
	if refused == nil {
		op, err = Update(ctx, s, req, func(tx *Tx) (_ *journalpb.Operation, err error) {
			op, err := activateOperation(tx, name)
			refused = err
			return op, err
		})
	}
	if !ofRows(refused) {
		return op, err
	}
	_, ending := Update(ctx, s, nil, func(tx *Tx) (*journalpb.Operation, error) {
		op, err := openOperation(tx, name, "name")
		if fault.ReasonOf(err) == faultpb.Reason_REASON_OPERATION_ENDED {
			return op, nil
		}
		if err != nil {
			return nil, err
		}
		return op, endOperation(tx, op, fault.ReasonOf(refused))
	})
	if ending != nil {
		return nil, errors.Join(err, ending)
	}
	return nil, err
}

// barrier brings the store up to what others had been told was written when it was asked.
func (s *Store) barrier(ctx context.Context) error {
	if !s.log.Shared() {
		return nil
	}
	_, err := Update(ctx, s, nil, func(*Tx) (*journalpb.Operation, error) { return &journalpb.Operation{}, nil })
	return err
}

// rehearseActivation judges the rows of an operation as its activation would, on a snapshot. What else may be wrong, the
// command finds.
func (s *Store) rehearseActivation(ctx context.Context, name string) error {
	principal, ok := access.From(ctx)
	if !ok {
		return fault.Internal(errNoPrincipal)
	}
	building := s.building.Load()
	return s.db.read(func(v *version, base reading) error {
		in := v.over(base)
		gaps, err := s.gapsIn(in, building)
		if err != nil {
			return err
		}
		g := &group{head: v.head, at: s.present(v.head), over: newOverlay(in), gaps: gaps}
		tx := s.newTx(g, &call{ctx: ctx, principal: principal, declared: access.Declared(ctx)})
		op, there, err := operations.Find(tx, name)
		if err != nil || !there || op.GetPrincipal() != principal.Name || op.GetState() != journalpb.OperationState_OPERATION_STATE_STAGING {
			return err
		}
		_, err = tx.bringIn(op)
		return err
	})
}

// activateOperation is the command of an activation.
func activateOperation(tx *Tx, name string) (*journalpb.Operation, error) {
	op, err := openOperation(tx, name, "name")
	if err != nil {
		return nil, err
	}
	if tx.number > 0 {
		return nil, errNotFirst
	}
	if tx.command.Activation, err = tx.bringIn(op); err != nil {
		return nil, err
	}
	op.State = journalpb.OperationState_OPERATION_STATE_ACTIVE
	return op, keepOperation(tx, op)
}

// bringIn asks again for what the rows of an operation needed, judges them and lays them over what the command sees.
func (tx *Tx) bringIn(op *journalpb.Operation) (*journalpb.Activation, error) {
	for _, asked := range op.GetAsked() {
		if err := tx.permits(tx, asked); err != nil {
			return nil, err
		}
	}
	a := &journalpb.Activation{Operation: op.GetName(), Batches: op.GetBatches(), Rows: uint64(op.GetRows())} //nolint:gosec // a count
	f := tx.s.schema.finish(tx.over, a, timestamppb.New(tx.At()), tx.incarnation())
	number, judges := 0, judges{}
	for row, err := range f.rows(0) {
		if err == nil {
			err = tx.ctx.Err()
		}
		if err == nil {
			err = row.check(tx, judges)
		}
		if err != nil {
			return nil, tx.half(fault.In(fmt.Sprintf("rows[%d]", number), err))
		}
		number++
	}
	return a, nil
}

// check refuses a row that cannot come in and lays it over what the command sees.
func (r stagedRow) check(tx *Tx, judges judges) error {
	key := Key(r.change.GetKey())
	if tx.over.get(r.spec.bucket(), key) != nil {
		name, _ := key.Split().Text()
		return fault.AlreadyExists(faultpb.Reason_REASON_RESOURCE_EXISTS, "name", "name", name)
	}
	rec, err := r.spec.decode(r.change.GetValue())
	if err != nil {
		return err
	}
	if err := r.spec.check(tx, nil, rec); err != nil {
		return err
	}
	if err := judges.judge(tx, r.spec, rec); err != nil {
		return err
	}
	if err := r.spec.reduce(tx.over, tx.gaps, key, nil, rec); err != nil {
		return err
	}
	return tx.over.put(r.spec.bucket(), key, r.change.GetValue())
}
