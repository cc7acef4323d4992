package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// Limits of an operation; beyond is ResourceExhausted. Its activation is one small command, but applying it is one
// transaction of the file.
const (
	maxBatches = 4096
	maxStaged  = 200_000
	// operationKept is how long an operation may rest before it is given up.
	operationKept = 24 * time.Hour
	// operationKind is the kind of the timer that gives it up.
	operationKind = "operation"
)

// operations holds the loads that are too large for one command; every schema has it.
var operations = NewCopy("operations", (*journalpb.Operation).GetName)

// withOperations adds the store's own timers to a service's.
func withOperations(handlers map[string]TimerHandler) map[string]TimerHandler {
	out := map[string]TimerHandler{operationKind: expireOperation}
	maps.Copy(out, handlers)
	return out
}

// BeginOperation opens an operation of the caller's, `services/<service>/operations/<id>`. AlreadyExists if there was one
// of that name. To everybody else it does not exist: what follows answers them NotFound.
//
// An operation creates many records at once: Stage puts them aside, command by command; ActivateOperation brings them all
// in with one small command. Until then they lie in the journal only: no table, index or counter holds them and no event
// tells them, so nobody sees a part of the load, and nothing of it must be undone when it is given up, which happens by
// itself after a day without a batch.
func BeginOperation(tx *Tx, name string) (*journalpb.Operation, error) {
	_, taken, err := operations.Find(tx, name)
	switch {
	case err != nil:
		return nil, err
	case taken:
		return nil, fault.AlreadyExists(faultpb.Reason_REASON_RESOURCE_EXISTS, "name", "name", name)
	}
	op := &journalpb.Operation{
		Name: name, State: journalpb.OperationState_OPERATION_STATE_STAGING,
		Principal: tx.Principal().Name, CreateTime: timestamppb.New(tx.At()),
	}
	return op, keepOperation(tx, op)
}

// GetOperation reads an operation of the caller's; NotFound if there is none.
func GetOperation(r Reader, name string) (*journalpb.Operation, error) {
	return ownOperation(r, name, "name")
}

// ownOperation reads an operation that the caller began; field is where the request names it.
func ownOperation(r Reader, name, field string) (*journalpb.Operation, error) {
	op, there, err := operations.Find(r, name)
	if err != nil {
		return nil, err
	}
	if caller, _ := r.identity(); !there || op.GetPrincipal() != caller {
		return nil, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, field, "name", name)
	}
	return op, nil
}

// keepOperation writes an operation's row and sets or cancels the timer that gives it up.
func keepOperation(tx *Tx, op *journalpb.Operation) error {
	op.UpdateTime = timestamppb.New(tx.At())
	op.ExpireTime = nil
	timer := operationKind + "/" + op.GetName()
	if op.GetState() != journalpb.OperationState_OPERATION_STATE_STAGING {
		op.Batches = nil
		if err := CancelTimer(tx, timer); err != nil {
			return err
		}
		return operations.Put(tx, op)
	}
	expires := tx.At().Add(operationKept)
	op.ExpireTime = timestamppb.New(expires)
	if err := SetTimer(tx, timer, expires, nil); err != nil {
		return err
	}
	return operations.Put(tx, op)
}

// openOperation reads an operation of the caller's that still takes rows.
func openOperation(tx *Tx, name, field string) (*journalpb.Operation, error) {
	op, err := ownOperation(tx, name, field)
	if err != nil {
		return nil, err
	}
	if op.GetState() != journalpb.OperationState_OPERATION_STATE_STAGING {
		state := strings.TrimPrefix(op.GetState().String(), "OPERATION_STATE_")
		return nil, fault.FailedPrecondition(faultpb.Reason_REASON_OPERATION_ENDED, field, "name", name, "current", state)
	}
	return op, nil
}

// Stage runs a command whose records are put aside for an operation, and answers the operation. In fn Table.Create puts
// a record aside with its event, after the checks that it makes always: names and unique keys must be free in what is
// visible and in this command. Rows of other batches are not seen; ActivateOperation finds what is taken twice. Nothing
// else can be written in fn: Put, copies and Emit are Internal. A refusal that is about the operation names the field
// `operation`. Otherwise as Update.
func Stage(ctx context.Context, s *Store, req proto.Message, name string, fn func(*Tx) error) (*journalpb.Operation, error) {
	return Update(ctx, s, req, func(tx *Tx) (*journalpb.Operation, error) { return tx.putAside(name, fn) })
}

func (tx *Tx) putAside(name string, fn func(*Tx) error) (*journalpb.Operation, error) {
	op, err := openOperation(tx, name, "operation")
	if err != nil {
		return nil, err
	}
	// The rows see each other, until all is taken back: the commands behind this one see nothing of them.
	done := tx.over.done()
	tx.staged = &journalpb.Staged{Operation: name}
	if err := fn(tx); err != nil {
		return nil, err
	}
	tx.over.takeBack(done)
	tx.command.Staged, tx.staged = tx.staged, nil
	op.Asked = tx.notedIn(op.GetAsked())
	rows := len(tx.command.GetStaged().GetChanges())
	if op.Rows += int64(rows); op.GetRows() > maxStaged || len(op.GetBatches()) == maxBatches {
		return nil, fault.ResourceExhausted(faultpb.Reason_REASON_OPERATION_TOO_LARGE, "operation",
			"name", name, "limit", strconv.Itoa(maxStaged), "batches", strconv.Itoa(maxBatches))
	}
	op.Batches = append(op.Batches, &journalpb.Batch{
		Position: tx.position, Command: uint32(tx.number), Rows: uint32(rows), //nolint:gosec // bounded by a command
	})
	return op, keepOperation(tx, op)
}

// errNotFirst asks for another group: an activation reads its rows from the journal, where those of commands before it in
// the group are not yet.
var errNotFirst = errors.New("not the first command of its group")

// ActivateOperation brings in all rows of an operation, in the order in which they were put aside: with this command
// they are there, with their events, as if they had been created in it. AlreadyExists, and nothing changes, if a name or
// unique key was taken meanwhile or is in the operation twice; FailedPrecondition if the operation has ended.
func ActivateOperation(tx *Tx, name string) (*journalpb.Operation, error) {
	op, err := openOperation(tx, name, "name")
	if err != nil {
		return nil, err
	}
	if tx.number > 0 {
		return nil, errNotFirst
	}
	for _, asked := range op.GetAsked() {
		if err := tx.permits(tx, asked); err != nil {
			return nil, err
		}
	}
	a := &journalpb.Activation{Operation: name, Batches: op.GetBatches(), Rows: uint64(op.GetRows())} //nolint:gosec // a count
	f := tx.s.schema.finish(tx.over, a, timestamppb.New(tx.At()), tx.incarnation())
	for row, err := range f.rows(0) {
		if err == nil {
			err = tx.ctx.Err()
		}
		if err == nil {
			err = row.check(tx)
		}
		if err != nil {
			return nil, tx.half(err)
		}
	}
	tx.command.Activation = a
	op.State = journalpb.OperationState_OPERATION_STATE_ACTIVE
	return op, keepOperation(tx, op)
}

// check refuses a row that cannot come in and lays it over what the command sees.
func (r stagedRow) check(tx *Tx) error {
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
	if err := r.spec.reduce(tx.over, tx.gaps, key, nil, rec); err != nil {
		return err
	}
	return tx.over.put(r.spec.bucket(), key, r.change.GetValue())
}

// AbandonOperation gives an operation up: its rows never take effect. FailedPrecondition if it has ended.
func AbandonOperation(tx *Tx, name string, reason faultpb.Reason) (*journalpb.Operation, error) {
	op, err := openOperation(tx, name, "name")
	if err != nil {
		return nil, err
	}
	return op, endOperation(tx, op, reason)
}

func endOperation(tx *Tx, op *journalpb.Operation, reason faultpb.Reason) error {
	op.State, op.Reason = journalpb.OperationState_OPERATION_STATE_ABANDONED, reason
	return keepOperation(tx, op)
}

// expireOperation is the timer of an operation that rested too long.
func expireOperation(tx *Tx, t Timer) error {
	op, there, err := operations.Find(tx, strings.TrimPrefix(t.Name, operationKind+"/"))
	if err != nil || !there || op.GetState() != journalpb.OperationState_OPERATION_STATE_STAGING {
		return err
	}
	return endOperation(tx, op, faultpb.Reason_REASON_DEADLINE_EXCEEDED)
}

var errStagedOnlyCreates = errors.New("a command that puts rows aside only creates records")

// encode is a record as the command writes it.
func (tx *Tx) encode(spec *spec, rec proto.Message) ([]byte, error) {
	if tx.staged != nil && spec.class == classRecord {
		rec = spec.meta.withoutTail(rec)
	}
	return encodeRecord(rec)
}

// stage puts one new record aside; it answers its index in the batch.
func (tx *Tx) stage(spec *spec, key Key, value []byte) (int, error) {
	if spec.class != classRecord || value == nil || tx.over.get(spec.bucket(), key) != nil {
		return 0, fault.Internal(fmt.Errorf("%s: %w", spec.name, errStagedOnlyCreates))
	}
	at := len(tx.staged.GetChanges())
	tx.staged.Changes = append(tx.staged.Changes, &journalpb.Change{Table: spec.name, Key: key, Value: value})
	if err := tx.grow(len(key) + len(value)); err != nil {
		return 0, err
	}
	return at, tx.over.put(spec.bucket(), key, value)
}

// stageEvent puts the event of a new record aside: it points to the record and keeps what else it says.
func (tx *Tx) stageEvent(event protoreflect.Message, field protoreflect.FieldDescriptor, ch int) error {
	rec := event.Get(field)
	event.Clear(field)
	data, err := deterministic.Marshal(event.Interface())
	event.Set(field, rec)
	if err != nil {
		return fault.Internal(fmt.Errorf("encode event: %w", err))
	}
	name := string(event.Descriptor().FullName())
	tx.staged.Events = append(tx.staged.Events, &journalpb.Event{
		Type: name, Data: data, Change: uint32(ch) + 1, Field: int32(field.Number()), //nolint:gosec // an index
	})
	return tx.grow(len(name) + len(data))
}
