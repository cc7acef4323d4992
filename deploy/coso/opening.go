package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"coso/deploy/demo"
	"coso/deploy/internal/approval"
	"coso/deploy/internal/client"
	"coso/deploy/internal/staff"
	"coso/deploy/internal/trial"
	"coso/gateway/identity"
	"coso/services/platform/fault"
	shell "coso/services/platform/run"
	"coso/services/platform/run/settings"

	"google.golang.org/grpc"

	accesspb "coso/proto/gen/coso/access/v1"
	operatorpb "coso/proto/gen/coso/operator/v1"
)

// approverName is the user name of the second of the two people with whom a demo is tried, for whoever proposes does not approve.
const approverName = "lan"

// newStaff signs in the first administrator of a coso that is new, whose one-time password it changes, and takes on who approves.
// Nobody knows their passwords then.
func newStaff(ctx context.Context, base, password string) (admin, approver *staff.Person, err error) {
	if admin, err = staff.SignIn(ctx, base, staff.First, password, rand.Text()); err != nil {
		return nil, nil, err
	}
	approver, err = admin.Hire(ctx, approverName, "Lan (phê duyệt)", rand.Text(), accesspb.Role_ROLE_APPROVER)
	return admin, approver, err
}

// opening is a coso that starts with a demo.
type opening struct {
	name, base, dir string
	// password is the first administrator's, if it is known; oneTime: nobody has used it yet.
	password string
	oneTime  bool
}

// show loads the demo as the first administrator, lets a second person approve what it proposes, prints its report, and answers
// what to tell of how to sign in. Where the administrator's password is not known any more, the data stays as it is.
func (o opening) show(ctx context.Context, s streams) (greeting string, err error) {
	files, err := demo.Set(o.name)
	if err != nil {
		return "", err
	}
	set, err := trial.Read(files)
	if err != nil {
		return "", err
	}
	if o.password == "" {
		return o.later(), nil
	}
	if shell.TooLong(o.dir, identity.Name) { // how people get their one-time passwords back below
		return identity.First{OneTimePassword: o.password}.Greeting(),
			errors.New("the path of the data folder " + o.dir + " is too long; move it to a shorter one")
	}
	admin, approver, err := newStaff(ctx, o.base, o.password)
	again := admin != nil && fault.KindOf(err) == fault.KindAlreadyExists
	if err != nil && !again {
		return o.later(), err
	}
	loaded := load(ctx, s.err, admin.Client, set)
	if loaded == nil && !again {
		_, loaded = approval.All(ctx, approver.Client)
	}
	if loaded == nil {
		loaded = o.report(ctx, s, set, admin.Client)
	}
	greeting, err = o.hand(ctx, again)
	return greeting, errors.Join(loaded, err)
}

// report prints the report, and what still waits for approval.
func (o opening) report(ctx context.Context, s streams, set *trial.Set, c *client.Client) error {
	if err := set.Show(ctx, c, s.out); err != nil {
		return err
	}
	waiting, err := approval.List(ctx, c, nil, approval.Undecided)
	if err == nil && len(waiting) > 0 {
		_, err = fmt.Fprintf(s.out, "\n%d chỉ tiêu chờ %s phê duyệt / targets wait for the approval of %s: coso approve\n", len(waiting), approverName, approverName)
	}
	return err
}

// hand gives the people of a coso their one-time passwords: those that signed them in until now are known to nobody.
func (o opening) hand(ctx context.Context, again bool) (string, error) {
	var vi, en strings.Builder
	for _, one := range []struct {
		user, vi, en string
		renewed      bool
	}{
		{staff.First, "nhập liệu, đề xuất, quản trị", "records, proposes, administers", o.oneTime},
		{approverName, "phê duyệt", "approves", !again},
	} {
		if !one.renewed {
			continue
		}
		got, err := onSocket(ctx, settings.Folder(o.dir), identity.Name, func(ctx context.Context, conn *grpc.ClientConn) (*operatorpb.RenewPasswordResponse, error) {
			return operatorpb.NewWayInServiceClient(conn).RenewPassword(ctx, &operatorpb.RenewPasswordRequest{Name: "accounts/" + one.user})
		})
		if err != nil {
			return o.later(), err
		}
		fmt.Fprintf(&vi, "Đăng nhập lần đầu: tên đăng nhập %s, mật khẩu dùng một lần %s (%s)\n", one.user, got.GetOneTimePassword(), one.vi)
		fmt.Fprintf(&en, "First sign-in: user name %s, one-time password %s (%s)\n", one.user, got.GetOneTimePassword(), one.en)
	}
	return vi.String() + en.String(), nil
}

// later says how to come in where there is data already.
func (o opening) later() string {
	return "Dữ liệu đã có từ trước; đăng nhập như lần trước. Quên mật khẩu: coso reset-password " + staff.First + "\n" +
		"There is data already; sign in as before. A forgotten password: coso reset-password " + staff.First + "\n"
}
