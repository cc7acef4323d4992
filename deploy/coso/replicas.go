package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"coso/deploy/internal/sheet"
	"coso/deploy/internal/single"
	"coso/services/platform/rpc"
	"coso/services/platform/run/settings"

	"google.golang.org/grpc"

	replicapb "coso/proto/gen/coso/replica/v1"
)

// replicasCommand is about the replicas of a running service.
type replicasCommand struct {
	Accept replicasAcceptCommand `cmd:"" help:"Let a replica write without the agreement of a majority, until one agrees again; kept in the journal."`
}

// replicasAcceptCommand is an operator's decision.
type replicasAcceptCommand struct {
	Service string          `arg:"" help:"Service, e.g. registry."`
	Reason  string          `help:"Why; kept in the journal." required:"" placeholder:"TEXT"`
	Data    settings.Folder `help:"Data folder of the replica that may write; default: coso in the user's data folder." placeholder:"DIR" env:"COSO_DATA"`
	Lang    sheet.Lang      `help:"Language: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run accepts.
func (c replicasAcceptCommand) Run(ctx context.Context, s streams) error {
	if err := knownService(c.Lang, c.Service); err != nil {
		return err
	}
	in := &replicapb.AcceptReplicasRequest{Reason: c.Reason, RequestId: rpc.NewID("")}
	got, err := onSocket(ctx, c.Data, c.Service, func(ctx context.Context, conn *grpc.ClientConn) (*replicapb.ReplicaReport, error) {
		return replicapb.NewReplicaServiceClient(conn).AcceptReplicas(ctx, in)
	})
	if err != nil {
		return told(c.Lang, err)
	}
	_, err = fmt.Fprintf(s.out, tell(c.Lang,
		"Bản sao %s của %s được ghi không cần đa số (thiếu: %s), cho đến khi đa số đồng thuận trở lại hoặc tiến trình dừng; nhật ký có ghi việc này.\n",
		"The replica %s of %s may write without a majority (missing: %s), until a majority agrees again or its process ends; the journal says so.\n"),
		got.GetReplica(), c.Service, strings.Join(got.GetAgreement().GetAcceptance().GetMissing(), ", "))
	return err
}

// knownService refuses what is no service.
func knownService(lang sheet.Lang, service string) error {
	if slices.Contains(single.Services(), service) {
		return nil
	}
	return fmt.Errorf(tell(lang, "không có dịch vụ nào tên là %q; có: %s", "no service is called %q; there are %s"), service, strings.Join(single.Services(), ", "))
}
