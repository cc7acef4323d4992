package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"coso/deploy/internal/sheet"
	"coso/deploy/internal/single"
	"coso/services/platform/fault"
	shell "coso/services/platform/run"
	"coso/services/platform/run/settings"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
)

// doctorCommand says how services, their replicas and their logs do, and what to do next.
type doctorCommand struct {
	Service string          `arg:"" optional:"" help:"Only this service, e.g. registry; default: all on the data folder."`
	Data    settings.Folder `help:"Data folder of a running replica, or of coso up; default: coso in the user's data folder." placeholder:"DIR" env:"COSO_DATA"`
	Lang    sheet.Lang      `help:"Language: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// The exit codes of coso doctor, beside 0 (all is well) and 1 (it was asked wrongly, or could not be). The worst counts.
const (
	// needsCare: everything works, and something must be done all the same.
	needsCare = 2
	// takesNothing: the replica that was asked takes no commands.
	takesNothing = 3
	// noAnswer: its process does not answer.
	noAnswer = 4
)

// exitError ends the process with a code of its own.
type exitError struct {
	code int
	said string
}

// Error is the last line that a person reads.
func (e *exitError) Error() string { return e.said }

// finding is one thing that is wrong, and what to do about it.
type finding struct {
	code       int
	what, todo string
}

// patient is a service and what was found.
type patient struct {
	service  string
	report   *replicapb.ReplicaReport // nil: it is alone, or does not answer
	findings []finding
}

func (p *patient) code() (worst int) {
	for _, f := range p.findings {
		worst = max(worst, f.code)
	}
	return worst
}

// Run prints the services, the worst first, each with what is wrong, what to do, and its replicas.
func (d doctorCommand) Run(ctx context.Context, s streams) error {
	services := single.Services()
	if d.Service != "" {
		if err := knownService(d.Lang, d.Service); err != nil {
			return err
		}
		services = []string{d.Service}
	}
	dir, err := dataFolder(d.Data)
	if err != nil {
		return err
	}
	var all []*patient
	for _, service := range services {
		if d.Service == "" && !lives(dir, service) {
			continue // another process has it, on another folder
		}
		all = append(all, d.examine(ctx, service))
	}
	if len(all) == 0 {
		return fmt.Errorf(tell(d.Lang, "không có dữ liệu coso trong %s; hãy nêu thư mục dữ liệu bằng --data", "there is no coso data in %s; name the data folder with --data"), dir)
	}
	slices.SortStableFunc(all, func(a, b *patient) int { return cmp.Compare(b.code(), a.code()) })
	for i, p := range all {
		if i > 0 {
			_, _ = fmt.Fprintln(s.out) // what follows tells what failed
		}
		if err := d.show(s.out, p); err != nil {
			return err
		}
	}
	return d.verdict(all[0].code())
}

// lives says whether a folder is a service's.
func lives(dir, service string) bool {
	for _, path := range []string{filepath.Join(dir, service+".db"), shell.Socket(dir, service)} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

func (d doctorCommand) verdict(code int) error {
	switch code {
	case 0:
		return nil
	case needsCare:
		return &exitError{code, tell(d.Lang, "vẫn chạy, nhưng có việc phải làm (xem trên)", "works, but something must be done (see above)")}
	case takesNothing:
		return &exitError{code, tell(d.Lang, "có dịch vụ không ghi được (xem trên)", "a service takes no commands (see above)")}
	}
	return &exitError{code, tell(d.Lang, "có dịch vụ không trả lời (xem trên)", "a service does not answer (see above)")}
}

// examine asks a service.
func (d doctorCommand) examine(ctx context.Context, service string) *patient {
	p := &patient{service: service}
	report, err := onSocket(ctx, d.Data, service, func(ctx context.Context, conn *grpc.ClientConn) (*replicapb.ReplicaReport, error) {
		return replicapb.NewReplicaServiceClient(conn).GetReplicaReport(ctx, &replicapb.GetReplicaReportRequest{})
	})
	switch {
	case err == nil:
		p.report, p.findings = report, words{d.Lang}.of(report)
		return p
	case fault.ReasonOf(err) != faultpb.Reason_REASON_METHOD_UNKNOWN:
		p.findings = []finding{{noAnswer, sheet.TextOf(err, d.Lang), tell(d.Lang, "khởi động lại tiến trình và xem nhật ký lỗi của nó", "start its process again and look at what it logs")}}
		return p
	}
	// It is alone: a log of its own, no replicas.
	health, err := onSocket(ctx, d.Data, service, func(ctx context.Context, conn *grpc.ClientConn) (*healthpb.HealthCheckResponse, error) {
		return healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	})
	switch {
	case err != nil:
		p.findings = []finding{{noAnswer, sheet.TextOf(err, d.Lang), tell(d.Lang, "khởi động lại tiến trình và xem nhật ký lỗi của nó", "start its process again and look at what it logs")}}
	case health.GetStatus() != healthpb.HealthCheckResponse_SERVING:
		p.findings = []finding{{
			takesNothing, tell(d.Lang, "dịch vụ đã ngừng ghi", "the service has stopped writing"),
			tell(d.Lang, "/readyz của tiến trình nói vì sao; dừng lại rồi chạy coso verify", "/readyz of its process says why; stop it and run coso verify"),
		}}
	}
	return p
}

// show prints one service.
func (d doctorCommand) show(w io.Writer, p *patient) error {
	state := map[int]string{
		0: tell(d.Lang, "tốt", "well"), needsCare: tell(d.Lang, "CẦN XEM", "NEEDS CARE"),
		takesNothing: tell(d.Lang, "KHÔNG GHI ĐƯỢC", "TAKES NO COMMANDS"), noAnswer: tell(d.Lang, "KHÔNG TRẢ LỜI", "DOES NOT ANSWER"),
	}[p.code()]
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", p.service, state)
	switch {
	case p.report != nil:
		fmt.Fprintf(&b, tell(d.Lang, " (theo bản sao %s)\n", " (says replica %s)\n"), p.report.GetReplica())
	case p.code() < noAnswer:
		b.WriteString(tell(d.Lang, " (chạy một mình, không có bản sao)\n", " (alone, without replicas)\n"))
	default:
		b.WriteString("\n")
	}
	for _, f := range p.findings {
		fmt.Fprintf(&b, "  ! %s\n", f.what)
		if f.todo != "" {
			fmt.Fprintf(&b, "    → %s\n", f.todo)
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil || p.report == nil {
		return err
	}
	return d.table(w, p.report)
}

// table prints the replicas and the log.
func (d doctorCommand) table(w io.Writer, r *replicapb.ReplicaReport) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(cells ...any) { _, _ = fmt.Fprintf(t, "  %v\t%v\t%v\t%v\n", cells...) } // Flush tells what failed
	row(tell(d.Lang, "BẢN SAO", "REPLICA"), tell(d.Lang, "MỤC", "ENTRY"), tell(d.Lang, "CHẬM", "BEHIND"), tell(d.Lang, "TÌNH TRẠNG", "STATE"))
	last := furthest(r)
	for _, v := range r.GetReplicas() {
		if v.GetState() == nil {
			row(v.GetReplica(), "?", "?", words{d.Lang}.stateOf(r, v))
			continue
		}
		at := v.GetState().GetNow().GetPosition()
		if v.GetRelation() == replicapb.Relation_RELATION_FOREIGN {
			row(v.GetReplica(), at, "?", words{d.Lang}.stateOf(r, v))
			continue
		}
		row(v.GetReplica(), at, last-min(at, last), words{d.Lang}.stateOf(r, v))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	a, l := r.GetAgreement(), r.GetLog()
	_, err := fmt.Fprintf(w, tell(d.Lang, "  nhật ký %s: mục cuối %s%s; đồng thuận %d/%d, cần %d\n", "  log %s: last entry %s%s; agreement %d of %d, %d needed\n"),
		l.GetStream(), ends(l), led(d.Lang, l), a.GetHave(), len(r.GetReplicas()), a.GetNeed())
	return err
}

// ends is the last entry that the log shows.
func ends(l *replicapb.LogReport) string {
	if l.GetAway() != nil {
		return "?"
	}
	return strconv.FormatUint(l.GetLastPosition(), 10)
}

func led(lang sheet.Lang, l *replicapb.LogReport) string {
	if l.GetLeader() == "" {
		return ""
	}
	return fmt.Sprintf(tell(lang, ", máy chủ dẫn đầu %s", ", led by %s"), l.GetLeader())
}

// furthest is the last entry of this journal that the log or a replica shows.
func furthest(r *replicapb.ReplicaReport) uint64 {
	last := r.GetLog().GetLastPosition()
	for _, v := range r.GetReplicas() {
		if sameJournal(v) {
			last = max(last, v.GetState().GetNow().GetPosition())
		}
	}
	return last
}
