package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coso/gateway/identity"
	"coso/services/award"
	"coso/services/membership"
	"coso/services/planning"
	"coso/services/platform/feed/feedtest"
	"coso/services/platform/replica"
	"coso/services/platform/replica/copying"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/registry"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	awardpb "coso/proto/gen/coso/award/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, feedtest.Leaks()...) }

const patience = 30 * time.Second

// house is the four services and that of the accounts as they run, over a real nats-server, with callers who sign in.
type house struct {
	t        testing.TB
	issuer   *issuer
	services map[string]*run.Service
	// stop stops a service before the end.
	stop map[string]func()
	// cut: the services cannot ask each other anything. aged is how much older than by the clock their copies are.
	cut  atomic.Bool
	aged atomic.Int64
	// position is where the last command stands: whoever asks with it sees what was done before.
	position string
	// nominations are the nominations of the places, by unit.
	nominations map[string]string
}

// newHouse starts the services on 30 November 2020.
func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, services: map[string]*run.Service{}, stop: map[string]func(){}, nominations: map[string]string{}}
	js := feedtest.NATS(t).JetStream()
	began, ahead := time.Now(), time.Until(time.Date(2020, 11, 30, 8, 0, 0, 0, time.UTC))
	options := run.Options{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), AskEvery: 5 * time.Millisecond,
		Clock:     func() time.Time { return began.Add(ahead + time.Since(began)) },
		CopyClock: func() time.Time { return time.Now().Add(time.Duration(h.aged.Load())) },
	}
	accounts, err := identity.New(t.Context(), identity.Options{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.EnsureFirst(t.Context(), password); err != nil {
		t.Fatal(err)
	}
	h.issuer = issuerOf(t, accounts, options.Clock)
	options.Tokens = accounts.Tokens()
	order := []*run.Service{accounts.Service}
	h.services[accounts.Name()] = accounts.Service
	for _, open := range []func(run.Options) (*run.Service, error){registry.New, membership.New, planning.New, award.New} {
		s, err := open(options)
		if err != nil {
			t.Fatal(err)
		}
		order, h.services[s.Name()] = append(order, s), s
	}
	h.likeReplicas(h.services[registry.Name], options.Dir)
	for _, s := range order {
		conns := map[string]grpc.ClientConnInterface{}
		for _, followed := range order {
			conns[followed.Name()] = &line{ClientConnInterface: followed.ConnOf(s.Name()), cut: &h.cut}
		}
		h.run(s.Part(js, conns))
	}
	return h
}

// likeReplicas lets a service have the methods of one that has replicas. Nobody in the table gets as far as what is behind them.
func (h *house) likeReplicas(s *run.Service, dir string) {
	h.t.Helper()
	copies, err := copying.New(copying.ServerOptions{Store: s.Store(), Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		h.t.Fatal(err)
	}
	replicapb.RegisterCopyServiceServer(s.Server(), copies)
	replicapb.RegisterReplicaServiceServer(s.Server(), replica.NewWatch(replica.WatchOptions{Service: s.Name(), Replica: "r1"}))
}

// run starts a part and waits until it is ready. It stops when the house does, or before.
func (h *house) run(p run.Part) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- p.Run(ctx, func() { close(ready) }) }()
	h.stop[p.Name] = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Error(p.Name, err)
		}
	})
	h.t.Cleanup(h.stop[p.Name])
	select {
	case <-ready:
	case <-time.After(patience):
		h.t.Fatal(p.Name, "did not start")
	}
}

// line is the way from one service to another; a test cuts it.
type line struct {
	grpc.ClientConnInterface

	cut *atomic.Bool
}

var errCut = errors.New("the line is cut")

func (l *line) Invoke(ctx context.Context, method string, req, answer any, options ...grpc.CallOption) error {
	if l.cut.Load() {
		return errCut
	}
	return l.ClientConnInterface.Invoke(ctx, method, req, answer, options...)
}

// method finds an RPC by its short name, `registry.UnitService/GetUnit`.
func method(short string) protoreflect.MethodDescriptor {
	pkg, rest, _ := strings.Cut(short, ".")
	service, name, _ := strings.Cut(rest, "/")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("coso." + pkg + ".v1." + service))
	if err != nil {
		return nil
	}
	return d.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name)) //nolint:forcetypeassert // it is one by its name
}

func message(d protoreflect.MessageDescriptor) proto.Message {
	m, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		panic(err) // the contract is linked in
	}
	return m.New().Interface()
}

// call calls an RPC with a request as JSON, with a token unless that is empty, and gives its answer.
func (h *house) call(short, compact, request string) (proto.Message, error) {
	md := method(short)
	if md == nil {
		h.t.Fatalf("there is no %s", short)
	}
	req, answer := message(md.Input()), message(md.Output())
	if err := protojson.Unmarshal([]byte(request), req); err != nil {
		h.t.Fatalf("%s: %v in %s", short, err, request)
	}
	conn := h.conn(short)
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	if compact != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+compact)
	}
	if h.position != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, rpc.PositionHeader, h.position)
	}
	full := "/" + string(md.Parent().FullName()) + "/" + string(md.Name())
	if md.IsStreamingServer() {
		return answer, firstOf(ctx, conn, full, req, answer)
	}
	var header metadata.MD
	err := conn.Invoke(ctx, full, req, answer, grpc.Header(&header))
	if at := header.Get(rpc.PositionHeader); err == nil && len(at) > 0 && strings.HasPrefix(string(md.Name()), "Create") {
		h.position = at[0]
	}
	return answer, err
}

// conn is the way to the service of an RPC; what every service has is asked of the registry.
func (h *house) conn(short string) grpc.ClientConnInterface {
	pkg, _, _ := strings.Cut(short, ".")
	if strings.HasPrefix(short, "operator.WayInService") {
		pkg = identity.Name
	}
	if s, ok := h.services[pkg]; ok {
		return s.Conn()
	}
	return h.services[registry.Name].Conn()
}

// firstOf opens a stream and reads its first message.
func firstOf(ctx context.Context, conn grpc.ClientConnInterface, full string, req, answer proto.Message) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, full)
	if err != nil {
		return err
	}
	return errors.Join(stream.SendMsg(req), stream.CloseSend(), stream.RecvMsg(answer))
}

// do calls as the first administrator, or as another, and must not be refused.
func (h *house) do(short, account, request string) proto.Message {
	h.t.Helper()
	answer, err := h.call(short, h.issuer.Token(account), request)
	if err != nil {
		h.t.Fatalf("%s %s: %v", short, request, err)
	}
	return answer
}

const first = "admin"

// grant gives a role; its id is the account's.
func (h *house) grant(account, role, unit string) {
	h.t.Helper()
	h.do("registry.GrantService/CreateGrant", first, fmt.Sprintf(
		`{"grantId":%q,"grant":{"principal":"principals/%s","role":"ROLE_%s","unit":%q,"reason":"phân công"}}`, account, account, role, unit))
}

// settle records the units and, in each of them, one of every resource there is.
func (h *house) settle() {
	h.t.Helper()
	unit := func(id, parent string) {
		h.do("registry.UnitService/CreateUnit", first, fmt.Sprintf(
			`{"unitId":%q,"unit":{"displayName":%q,"level":"COMMITTEE","validFrom":"2000-01-01","placements":[{"tree":"party","parent":%q,"fromDate":"2000-01-01"}]}}`, id, id, parent))
	}
	unit("root", "")
	unit("parent", "units/root")
	unit("own", "units/parent")
	unit("child", "units/own")
	unit("sibling", "units/parent")
	unit("moved", "units/own")
	h.do("registry.UnitService/ReparentUnit", first, `{"name":"units/moved","tree":"party","parent":"units/sibling","fromDate":"2020-02-01"}`)
	h.do("planning.PeriodService/CreatePeriod", first, `{"periodId":"2020","period":{"displayName":"2020","kind":"PERIOD_KIND_CALENDAR_YEAR","startDate":"2020-01-01","endDate":"2020-12-31","cutOffDate":"2020-12-31"}}`)
	h.do("planning.IndicatorService/CreateIndicator", first, `{"indicatorId":"cells","indicator":{"displayName":"Thành lập tổ chức đảng","measure":"MEASURE_ORGANISATIONS_FOUNDED","kinds":["BASE_CELL"],"comparator":"COMPARATOR_AT_LEAST","resultVerb":"thành lập được","countedNoun":"tổ chức đảng"}}`)
	h.grant("second", "ADMINISTRATOR", "")
	h.do("identity.AccountService/CreateAccount", first, `{"accountId":"spare","account":{"displayName":"Nguyễn Văn Thừa"}}`)
	for i, p := range places() {
		h.furnish(p, []string{"9900000009", "9900000016", "9900000023", "9900000030", "9900000048", "9900000055"}[i])
	}
	h.nominated()
}

// furnish records one of every resource in a place.
func (h *house) furnish(p, taxCode string) {
	h.t.Helper()
	etag := ""
	for _, c := range [][3]string{
		{"planning.TargetService/CreateTarget", first, `{"targetId":"PLACE","target":{"unit":"units/PLACE","indicator":"indicators/cells","period":"periods/2020","registeredValue":"1"}}`},
		{"planning.TargetService/AssignTarget", first, `{"name":"targets/PLACE","assignedValue":"1","assignedDecision":"1-QĐ/TU"}`},
		{"planning.TargetService/ApproveTarget", "second", `{"name":"targets/PLACE","etag":"ETAG"}`},
		{"registry.EnterpriseService/CreateEnterprise", first, `{"enterpriseId":"PLACE","enterprise":{"displayName":"Công ty","taxCode":"TAXCODE","legalForm":"LEGAL_FORM_LLC","unit":"units/PLACE"}}`},
		{"registry.OrganisationService/CreateOrganisation", first, `{"organisationId":"PLACE","organisation":{"displayName":"Chi bộ","kind":"ORGANISATION_KIND_BASE_CELL","unit":"units/PLACE","enterprise":"enterprises/PLACE","foundedOn":"2020-03-26","foundingDecision":"2-QĐ/HU"}}`},
		{"registry.OrganisationService/CreateOrganisation", first, `{"organisationId":"PLACE-2","organisation":{"displayName":"Chi bộ","kind":"ORGANISATION_KIND_BASE_CELL","unit":"units/PLACE","enterprise":"enterprises/PLACE","foundedOn":"2020-03-27","foundingDecision":"3-QĐ/HU"}}`},
		{"membership.IntakeService/CreateIntake", first, `{"intakeId":"PLACE","intake":{"unit":"units/PLACE","kind":"INTAKE_KIND_PARTY_MEMBER","admittedOn":"2020-04-30","memberCount":"4"}}`},
		{"registry.GrantService/CreateGrant", first, `{"grantId":"in-PLACE","grant":{"principal":"principals/somebody","role":"ROLE_VIEWER","unit":"units/PLACE","reason":"phân công"}}`},
	} {
		answer := h.do(c[0], c[1], strings.NewReplacer("PLACE", p, "TAXCODE", taxCode, "ETAG", etag).Replace(c[2]))
		if rec, ok := answer.(interface{ GetEtag() string }); ok {
			etag = rec.GetEtag()
		}
	}
}

// nominated waits until award has nominated every place.
func (h *house) nominated() {
	h.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(h.nominations) < len(places()) {
		select {
		case <-tick.C:
		case <-deadline.C:
			h.t.Fatalf("nominated are only %v", h.nominations)
		}
		answer, _ := h.do("award.NominationService/ListNominations", first, `{}`).(*awardpb.ListNominationsResponse)
		for _, n := range answer.GetNominations() {
			h.nominations[strings.TrimPrefix(n.GetUnit(), "units/")] = n.GetName()
		}
	}
}

// people gives every role to somebody in the unit that is its own, to somebody everywhere, and to somebody whose grant has
// ended.
func (h *house) people() {
	h.t.Helper()
	for _, role := range roles() {
		account := strings.ReplaceAll(strings.ToLower(role), "_", "-")
		h.grant(account, role, "units/own")
		h.grant(account+"-all", role, "")
		h.grant(account+"-ended", role, "")
		h.do("registry.GrantService/EndGrant", first, fmt.Sprintf(`{"name":"grants/%s-ended","reason":"thôi việc"}`, account))
	}
	// The last command's place is that of a creation: who asks with it sees the end of the last grant too.
	h.grant("last", "VIEWER", "units/child")
	if g, ok := h.do("registry.GrantService/GetGrant", first, `{"name":"grants/last"}`).(*registrypb.Grant); !ok || g.GetRevision() != 1 {
		h.t.Fatalf("the last grant is %v", g)
	}
}
