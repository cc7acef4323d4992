package sheet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// noun is what a sheet may hold: its columns, and the messages that its rows become.
type noun struct {
	// name is the collection: `organisations`.
	name string
	// field is the resource's field in its create request; the id's field is field + "_id".
	field   string
	columns []column
	create  proto.Message
	// batch creates many at once; nil: one by one.
	batch, created proto.Message
	resource       proto.Message
	// finish sets what columns say about more than one field.
	finish func(m protoreflect.Message, r Row)
	// order puts the rows into an order in which they can be created; nil: as they are.
	order func(rows []Row) []Row
	// after is what follows the creation of a row; nil: nothing.
	after func(r Row) (*step, error)
}

// step is a request that follows the creation of a row.
type step struct {
	path string
	in   proto.Message
	// done says whether the resource, as it is now, needs the step no more; an error if it says otherwise already.
	done func(now proto.Message) (bool, error)
}

// column is one column of a sheet.
type column struct {
	name     string
	required bool
	// to is the collection that the column refers to; empty: it is a plain value.
	to string
	// apart says that the column is no field of the resource: finish or after take it.
	apart bool
}

func (n *noun) column(name string) *column {
	for i := range n.columns {
		if n.columns[i].name == name {
			return &n.columns[i]
		}
	}
	return nil
}

func (n *noun) names() []string {
	out := make([]string, len(n.columns))
	for i, c := range n.columns {
		out[i] = c.name
	}
	return out
}

func plain(name string) column     { return column{name: name, required: true} }
func free(name string) column      { return column{name: name} }
func ref(name, to string) column   { return column{name: name, required: true, to: to} }
func maybe(name, to string) column { return column{name: name, to: to} }
func extra(name string) column     { return column{name: name, apart: true} }

// nouns are all sheets, in an order in which they can be loaded.
var nouns = []*noun{
	{
		name: "units", field: "unit", create: &registrypb.CreateUnitRequest{}, resource: &registrypb.Unit{},
		columns: []column{
			plain("id"), plain("display_name"), plain("level"), extra("tree"), {name: "parent", to: "units", apart: true, required: true}, plain("valid_from"),
		},
		finish: placeUnit, order: parentsFirst,
	},
	{
		name: "enterprises", field: "enterprise", create: &registrypb.CreateEnterpriseRequest{}, resource: &registrypb.Enterprise{},
		batch: &registrypb.BatchCreateEnterprisesRequest{}, created: &registrypb.BatchCreateEnterprisesResponse{},
		columns: []column{plain("id"), plain("tax_code"), plain("display_name"), plain("legal_form"), ref("unit", "units")},
	},
	{
		name: "organisations", field: "organisation", create: &registrypb.CreateOrganisationRequest{}, resource: &registrypb.Organisation{},
		batch: &registrypb.BatchCreateOrganisationsRequest{}, created: &registrypb.BatchCreateOrganisationsResponse{},
		columns: []column{
			plain("id"), plain("kind"), plain("display_name"), ref("enterprise", "enterprises"), ref("unit", "units"),
			maybe("superior", "organisations"), plain("founded_on"), free("founding_decision"),
		},
	},
	{
		name: "intakes", field: "intake", create: &membershippb.CreateIntakeRequest{}, resource: &membershippb.Intake{},
		batch: &membershippb.BatchCreateIntakesRequest{}, created: &membershippb.BatchCreateIntakesResponse{},
		columns: []column{
			plain("id"), ref("unit", "units"), maybe("organisation", "organisations"), plain("kind"), plain("admitted_on"),
			plain("member_count"), free("owner_count"),
		},
	},
	{
		name: "indicators", field: "indicator", create: &planningpb.CreateIndicatorRequest{}, resource: &planningpb.Indicator{},
		columns: []column{
			plain("id"), plain("display_name"), plain("measure"), plain("kinds"), plain("comparator"), plain("result_verb"), plain("counted_noun"),
		},
	},
	{
		name: "periods", field: "period", create: &planningpb.CreatePeriodRequest{}, resource: &planningpb.Period{},
		columns: []column{
			plain("id"), plain("display_name"), plain("kind"), plain("start_date"), plain("end_date"), plain("cut_off_date"),
		},
	},
	{
		name: "targets", field: "target", create: &planningpb.CreateTargetRequest{}, resource: &planningpb.Target{},
		batch: &planningpb.BatchCreateTargetsRequest{}, created: &planningpb.BatchCreateTargetsResponse{},
		columns: []column{
			plain("id"), ref("unit", "units"), ref("indicator", "indicators"), ref("period", "periods"), free("registered_value"),
			extra("assigned_value"), extra("assigned_decision"),
		},
		after: assignTarget,
	},
}

// placeUnit hangs a unit under its parent from its first day on.
func placeUnit(m protoreflect.Message, r Row) {
	u, ok := m.Interface().(*registrypb.Unit)
	if !ok {
		return
	}
	tree := r.Cell("tree")
	if tree == "" {
		tree = "party"
	}
	u.Placements = []*registrypb.Placement{{Tree: tree, Parent: name("units", r.Cell("parent")), FromDate: r.Cell("valid_from")}}
}

// parentsFirst orders units so that each comes after the unit above it. Rows in a circle keep their places: the service
// says what is wrong with them.
func parentsFirst(rows []Row) []Row {
	at := make(map[string]int, len(rows))
	for i, r := range rows {
		at[r.Cell("id")] = i
	}
	out := make([]Row, 0, len(rows))
	state := make([]int8, len(rows)) // 1: above it is being placed, 2: placed
	var place func(i int)
	place = func(i int) {
		if state[i] != 0 {
			return
		}
		state[i] = 1
		if p, ok := at[rows[i].Cell("parent")]; ok {
			place(p)
		}
		state[i] = 2
		out = append(out, rows[i])
	}
	for i := range rows {
		place(i)
	}
	return out
}

// assignTarget assigns the value of a row that has one.
func assignTarget(r Row) (*step, error) {
	value := r.Cell("assigned_value")
	if value == "" {
		return nil, nil
	}
	n, err := integer(value)
	if err != nil {
		return nil, &columnError{column: "assigned_value", value: value, err: err}
	}
	in := &planningpb.AssignTargetRequest{
		Name: name("targets", r.Cell("id")), AssignedValue: &n, AssignedDecision: r.Cell("assigned_decision"),
	}
	return &step{path: "/v1/" + in.GetName() + ":assign", in: in, done: func(now proto.Message) (bool, error) {
		t, ok := now.(*planningpb.Target)
		if !ok || t.AssignedValue == nil {
			return false, nil
		}
		if t.GetAssignedValue() != n || t.GetAssignedDecision() != in.GetAssignedDecision() {
			// A later decision must not be undone by an old sheet.
			return false, &columnError{column: "assigned_value", value: value, err: fmt.Errorf(
				"%s was assigned %d by %s already; assign another value by a request of its own, not by a sheet",
				in.GetName(), t.GetAssignedValue(), t.GetAssignedDecision())}
		}
		return true, nil
	}}, nil
}

func name(collection, id string) string {
	if id == "" {
		return ""
	}
	return collection + "/" + id
}

// columnError is an error in one cell.
type columnError struct {
	column, value string
	err           error
}

func (e *columnError) Error() string { return e.err.Error() }
func (e *columnError) Unwrap() error { return e.err }

// request makes the create request of a row.
func (n *noun) request(r Row) (proto.Message, error) {
	res := n.resource.ProtoReflect().New()
	for _, c := range n.columns {
		value := r.Cell(c.name)
		if value == "" && c.required && c.name != "parent" {
			return nil, &columnError{column: c.name, err: errors.New("must not be empty")}
		}
		if value == "" || c.apart || c.name == "id" {
			continue
		}
		if err := set(res, c, value); err != nil {
			return nil, &columnError{column: c.name, value: value, err: err}
		}
	}
	if n.finish != nil {
		n.finish(res, r)
	}
	req := n.create.ProtoReflect().New()
	fields := req.Descriptor().Fields()
	req.Set(fields.ByName(protoreflect.Name(n.field)), protoreflect.ValueOfMessage(res))
	req.Set(fields.ByName(protoreflect.Name(n.field+"_id")), protoreflect.ValueOfString(r.Cell("id")))
	return req.Interface(), nil
}

// set puts a cell into the resource's field of the column's name.
func set(m protoreflect.Message, c column, value string) error {
	f := m.Descriptor().Fields().ByName(protoreflect.Name(c.name))
	switch {
	case f.IsList():
		list := m.Mutable(f).List()
		for word := range strings.FieldsSeq(value) {
			list.Append(protoreflect.ValueOfString(word))
		}
	case f.Kind() == protoreflect.EnumKind:
		v, err := enum(f.Enum(), value)
		if err != nil {
			return err
		}
		m.Set(f, protoreflect.ValueOfEnum(v))
	case f.Kind() == protoreflect.Int64Kind:
		n, err := integer(value)
		if err != nil {
			return err
		}
		m.Set(f, protoreflect.ValueOfInt64(n))
	case c.to != "":
		m.Set(f, protoreflect.ValueOfString(name(c.to, value)))
	default:
		m.Set(f, protoreflect.ValueOfString(value))
	}
	return nil
}

// enum finds the value that a bare word names.
func enum(d protoreflect.EnumDescriptor, word string) (protoreflect.EnumNumber, error) {
	zero := string(d.Values().ByNumber(0).Name())
	prefix := strings.TrimSuffix(zero, "UNSPECIFIED")
	v := d.Values().ByName(protoreflect.Name(prefix + word))
	if v != nil && v.Number() != 0 {
		return v.Number(), nil
	}
	var words []string
	for i := range d.Values().Len() {
		if e := d.Values().Get(i); e.Number() != 0 {
			words = append(words, strings.TrimPrefix(string(e.Name()), prefix))
		}
	}
	return 0, fmt.Errorf("not a known word; use one of %s", strings.Join(words, ", "))
}

// integer reads digits only: `29.793` could be twenty-nine thousand or twenty-nine.
func integer(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, errors.New("not a whole number written in digits only, without thousands separators")
	}
	return n, nil
}
