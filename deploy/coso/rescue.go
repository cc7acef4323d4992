package main

import (
	"context"
	"fmt"
	"strings"

	"coso/deploy/internal/sheet"
	"coso/gateway/identity"
	"coso/services/platform/fault"
	"coso/services/platform/run/settings"
	"coso/services/registry"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	operatorpb "coso/proto/gen/coso/operator/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// resetPasswordCommand lets somebody sign in again whose password nobody knows.
type resetPasswordCommand struct {
	User string          `arg:"" help:"User name, e.g. admin."`
	Data settings.Folder `help:"Data folder of the running coso; default: coso in the user's data folder." placeholder:"DIR" env:"COSO_DATA"`
	Lang sheet.Lang      `help:"Language of what is said: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run prints the one-time password.
func (c resetPasswordCommand) Run(ctx context.Context, s streams) error {
	in := &operatorpb.RenewPasswordRequest{Name: "accounts/" + strings.TrimPrefix(c.User, "accounts/")}
	got, err := onSocket(ctx, c.Data, identity.Name, func(ctx context.Context, conn *grpc.ClientConn) (*operatorpb.RenewPasswordResponse, error) {
		return operatorpb.NewWayInServiceClient(conn).RenewPassword(ctx, in)
	})
	if err != nil {
		return told(c.Lang, err)
	}
	_, err = fmt.Fprintf(s.out, tell(c.Lang,
		"Mật khẩu dùng một lần của %s: %s\nDùng được trong 7 ngày; khi đăng nhập phải đặt mật khẩu mới. Các phiên đang mở và mã truy cập API của tài khoản này đã hết hiệu lực.\n",
		"One-time password of %s: %s\nIt holds for 7 days, and is changed when signing in. The account's sessions have ended and its API tokens are revoked.\n"),
		strings.TrimPrefix(in.GetName(), "accounts/"), got.GetOneTimePassword())
	return err
}

// administratorCommand lets somebody administer an installation that nobody can administer.
type administratorCommand struct {
	Principal string          `arg:"" help:"Who: principals/ and an account's name, e.g. principals/lan."`
	Reason    string          `help:"Why; it stands in the grant." required:"" placeholder:"TEXT"`
	Data      settings.Folder `help:"Data folder of the running coso; default: coso in the user's data folder." placeholder:"DIR" env:"COSO_DATA"`
	Lang      sheet.Lang      `help:"Language of what is said: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run appoints.
func (c administratorCommand) Run(ctx context.Context, s streams) error {
	in := &operatorpb.AppointAdministratorRequest{Principal: "principals/" + strings.TrimPrefix(c.Principal, "principals/"), Reason: c.Reason}
	got, err := onSocket(ctx, c.Data, registry.Name, func(ctx context.Context, conn *grpc.ClientConn) (*registrypb.Grant, error) {
		return operatorpb.NewAdministratorServiceClient(conn).AppointAdministrator(ctx, in)
	})
	if err != nil {
		return told(c.Lang, err)
	}
	_, err = fmt.Fprintf(s.out, tell(c.Lang,
		"%s là quản trị viên của toàn hệ thống (%s). Chưa có tài khoản thì một quản trị viên khác mở; quên mật khẩu thì: coso reset-password %s\n",
		"%s administers the whole installation (%s). An account that is not there is opened by another administrator; for a forgotten password: coso reset-password %s\n"),
		got.GetPrincipal(), got.GetName(), strings.TrimPrefix(got.GetPrincipal(), "principals/"))
	return err
}

// onSocket asks a service of the coso that runs on a data folder, as its operator.
func onSocket[T any](ctx context.Context, data settings.Folder, service string, question func(context.Context, *grpc.ClientConn) (T, error)) (out T, err error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	conn, err := dialSocket(ctx, data, service)
	if err != nil {
		return out, err
	}
	if out, err = question(ctx, conn); err != nil {
		err = fault.FromStatus(status.Convert(err))
	}
	if closed := conn.Close(); err == nil {
		err = closed
	}
	return out, err
}
