package rpc

import (
	"context"
	"fmt"
	"runtime/debug"

	"coso/services/platform/fault"
)

// panicError is a panic as an error; the stack is for the log.
type panicError struct {
	value any
	stack []byte
}

// Error says what was thrown.
func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// recoverPanic makes an Internal error of a panic, so that it ends its call and not the process.
func recoverPanic(ctx context.Context, _ *call, next func(context.Context) error) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			err = fault.Internal(&panicError{value: thrown, stack: debug.Stack()})
		}
	}()
	return next(ctx)
}
