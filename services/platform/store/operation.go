package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// Limits of an operation; beyond is ResourceExhausted. Its activation is one small command, but applying it is one
// transaction of the file.
const (
	maxBatches = 4096
	maxStaged  = 200_000
	// maxOperations is how many operations a principal may have under way.
	maxOperations = 3
	// operationKept is how long an operation may rest before it is given up.
	operationKept = 24 * time.Hour
	// operationRemembered is how long one is remembered that has ended: longer than the request ids of its batches, since one
	// begun anew under its name would take no second effect by them.
	operationRemembered = onceKept + 24*time.Hour
	// operationKind is the kind of the timer that gives it up, and forgets it.
	operationKind = "operation"
)

// operations holds the loads that are too large for one command; every schema has it.
var operations = NewCopy("operations", (*journalpb.Operation).GetName, operationsUnderWay)

// operationsUnderWay finds the operations that a principal has under way.
var operationsUnderWay = NewIndex("open", func(op *journalpb.Operation) []Key {
	if op.GetState() != journalpb.OperationState_OPERATION_STATE_STAGING {
		return nil
	}
	return []Key{Text(op.GetPrincipal())}
})

// withOperations adds the store's own timers to a service's.
func withOperations(handlers map[string]TimerHandler) map[string]TimerHandler {
	out := map[string]TimerHandler{operationKind: expireOperation}
	maps.Copy(out, handlers)
	return out
}

// BeginOperation opens an operation of the caller's, `services/<service>/operations/<id>`. AlreadyExists if there was one
// of that name; PermissionDenied for who holds none of the recording permissions anywhere; ResourceExhausted for who has too
// many under way. To everybody else it does not exist: what follows answers them NotFound.
//
// An operation creates many records at once: Stage puts them aside, command by command; Activate brings them all
// in with one small command. Until then they lie in the journal only: no table, index or counter holds them and no event
// tells them, so nobody sees a part of the load, and nothing of it must be undone when it is given up, which happens by
// itself after a day without a batch.
//
// INV-OPERATION-BOUNDED: only who may record something fills a journal with operations, and no row of one stays for ever.
func BeginOperation(tx *Tx, name string, recording ...accesspb.Permission) (*journalpb.Operation, error) {
	if err := mayRecord(tx, recording); err != nil {
		return nil, err
	}
	_, taken, err := operations.Find(tx, name)
	switch {
	case err != nil:
		return nil, err
	case taken:
		return nil, fault.AlreadyExists(faultpb.Reason_REASON_RESOURCE_EXISTS, "name", "name", name)
	}
	if err := roomForAnother(tx); err != nil {
		return nil, err
	}
	op := &journalpb.Operation{
		Name: name, State: journalpb.OperationState_OPERATION_STATE_STAGING,
		Principal: tx.Principal().Name, CreateTime: timestamppb.New(tx.At()),
	}
	return op, keepOperation(tx, op)
}

// mayRecord refuses who holds none of some permissions in any unit.
func mayRecord(tx *Tx, recording []accesspb.Permission) error {
	if tx.authority == nil {
		return nil
	}
	power, err := tx.Power()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(recording, power.Anywhere) {
		return nil
	}
	return nowhereHeld(append(recording, accesspb.Permission_PERMISSION_UNSPECIFIED)[0])
}

// roomForAnother refuses who has as many operations under way as one may have.
func roomForAnother(tx *Tx) error {
	var open []string
	for op, err := range operations.By(tx, operationsUnderWay, Text(tx.Principal().Name)) {
		if err != nil {
			return err
		}
		open = append(open, op.GetName())
	}
	if len(open) < maxOperations {
		return nil
	}
	return fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_OPERATIONS, "", "limit", strconv.Itoa(maxOperations), "name", strings.Join(open, ", "))
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

// keepOperation writes an operation's row and sets the timer that gives it up, or forgets it.
func keepOperation(tx *Tx, op *journalpb.Operation) error {
	op.UpdateTime = timestamppb.New(tx.At())
	op.ExpireTime = nil
	timer := operationKind + "/" + op.GetName()
	if op.GetState() != journalpb.OperationState_OPERATION_STATE_STAGING {
		op.Batches, op.Asked = nil, nil
		if err := SetTimer(tx, timer, tx.At().Add(operationRemembered), nil); err != nil {
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
// visible and in this command. Rows of other batches are not seen; Activate judges all of them anew. Nothing
// else can be written in fn: Put, copies and Emit are Internal, as is a record of a table that is not Judged. A refusal that is about the operation names the field
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

// expireOperation is the timer of an operation that rested too long, or ended long ago.
func expireOperation(tx *Tx, t Timer) error {
	op, there, err := operations.Find(tx, strings.TrimPrefix(t.Name, operationKind+"/"))
	if err != nil || !there {
		return err
	}
	if op.GetState() != journalpb.OperationState_OPERATION_STATE_STAGING {
		return operations.Delete(tx, op.GetName())
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
	if spec.judging == nil {
		return 0, fault.Internal(fmt.Errorf("%s: %w", spec.name, errUnjudged))
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
