// Package operation is the gRPC face of a store's operations: loads of many new records that take effect together. It
// begins, shows, activates and gives up an operation, and lets batch methods put their rows aside in one.
//
// It leaves to others what an operation does (package store), and which records are created (a service's batch methods).
//
// INV-OPERATION-OWN: an operation exists for the principal who began it and for nobody else.
package operation

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
)

// Server implements coso.operation.v1.OperationService over one store. It is safe for concurrent use.
type Server struct {
	operationpb.UnimplementedOperationServiceServer

	parent string
	store  *store.Store
	// recording are the permissions that the methods declare which put rows aside.
	recording []accesspb.Permission
}

// New serves the operations of the service whose store this is.
func New(service string, s *store.Store) *Server {
	return &Server{parent: "services/" + service, store: s, recording: recording(service)}
}

// recording reads from the contract what the methods of a service declare whose requests name an operation.
func recording(service string) []accesspb.Permission {
	var out []accesspb.Permission
	protoregistry.GlobalFiles.RangeFilesByPackage(protoreflect.FullName("coso."+service+".v1"), func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				what, _ := proto.GetExtension(m.Options(), accesspb.E_Permission).(accesspb.Permission)
				if m.Input().Fields().ByName("operation") != nil && access.Granted(what) && !slices.Contains(out, what) {
					out = append(out, what)
				}
			}
		}
		return true
	})
	slices.Sort(out)
	return out
}

// BeginOperation begins an operation, for who may record somewhere what operations bring in. NotFound for another service's;
// Unimplemented for a service that nothing is brought into.
func (s *Server) BeginOperation(ctx context.Context, req *operationpb.BeginOperationRequest) (*operationpb.Operation, error) {
	if req.GetParent() != s.parent {
		return nil, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "parent", "name", req.GetParent())
	}
	if len(s.recording) == 0 {
		return nil, fault.Unimplemented(faultpb.Reason_REASON_METHOD_UNKNOWN, "", "value", operationpb.OperationService_BeginOperation_FullMethodName)
	}
	name := s.parent + "/operations/" + rpc.NewID(req.GetOperationId())
	return shown(store.Update(ctx, s.store, req, func(tx *store.Tx) (*journalpb.Operation, error) {
		return store.BeginOperation(tx, name, s.recording...)
	}))
}

// GetOperation answers one operation.
func (s *Server) GetOperation(ctx context.Context, req *operationpb.GetOperationRequest) (*operationpb.Operation, error) {
	return shown(store.View(ctx, s.store, func(tx *store.ReadTx) (*journalpb.Operation, error) {
		return store.GetOperation(tx, req.GetName())
	}))
}

// ActivateOperation brings in all rows of an operation.
func (s *Server) ActivateOperation(ctx context.Context, req *operationpb.ActivateOperationRequest) (*operationpb.Operation, error) {
	return shown(store.Activate(ctx, s.store, req, req.GetName()))
}

// AbandonOperation gives an operation up.
func (s *Server) AbandonOperation(ctx context.Context, req *operationpb.AbandonOperationRequest) (*operationpb.Operation, error) {
	return shown(store.Update(ctx, s.store, req, func(tx *store.Tx) (*journalpb.Operation, error) {
		return store.AbandonOperation(tx, req.GetName(), faultpb.Reason_REASON_CANCELLED)
	}))
}

// Request is a batch request that may name an operation.
type Request interface {
	proto.Message
	GetOperation() string
}

// Batch runs a batch of creations: at once (store.Update), or, if the request names an operation, put aside in it
// (store.Stage). What create answers for rows put aside is dropped; aside makes the answer of the operation then.
func Batch[T proto.Message](
	ctx context.Context, s *store.Store, req Request, create func(*store.Tx) (T, error), aside func(*operationpb.Operation) T,
) (T, error) {
	if req.GetOperation() == "" {
		return store.Update(ctx, s, req, create)
	}
	op, err := shown(store.Stage(ctx, s, req, req.GetOperation(), func(tx *store.Tx) error {
		_, err := create(tx)
		return err
	}))
	if err != nil {
		var none T
		return none, err
	}
	return aside(op), nil
}

// shown is an operation as callers see it: without the places of its rows in the journal.
func shown(op *journalpb.Operation, err error) (*operationpb.Operation, error) {
	if err != nil {
		return nil, err
	}
	return &operationpb.Operation{
		Name: op.GetName(), State: operationpb.OperationState(op.GetState()), RowCount: op.GetRows(), Principal: op.GetPrincipal(),
		CreateTime: op.GetCreateTime(), UpdateTime: op.GetUpdateTime(), ExpireTime: op.GetExpireTime(), Reason: op.GetReason(),
	}, nil
}
