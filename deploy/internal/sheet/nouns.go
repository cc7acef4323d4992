package sheet

import (
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
	// create makes one; nil: rows are no resources, only what steps says is sent.
	create proto.Message
	// batch creates many at once; nil: one by one.
	batch    proto.Message
	resource proto.Message
	// list is a page of them; lists are the queries that together give all of them.
	list  proto.Message
	lists []map[string]string
	// stands are the fields of requests that a column of another name stands for.
	stands map[string]string
	// key is what must not be there twice in the sheets: nil: the id.
	key []string
	// unique are columns that together must differ between rows, though the id does too.
	unique [][]string
	// self is the column that refers to another row of the noun; that row comes first.
	self string
	// finish sets what columns say about more than one field.
	finish func(m protoreflect.Message, r Row)
	// steps are what follows the creation of a row.
	steps func(r Row) ([]*step, []*columnError)
	// ordered: steps rest on each other. They go one after the other, and again while that helps.
	ordered bool
	// before orders steps that are ordered.
	before func(a, b Row) int
	// room says of a row that its steps make room for another with the same unique columns: such rows go first.
	room func(r Row) bool
	// show writes a column that is not the field of its name.
	show func(m proto.Message, column string) string
	// rows makes the rows of a resource, where that is not one.
	rows func(m proto.Message) [][]string
}

// column is one column of a sheet.
type column struct {
	name string
	// required: the header must name it.
	required bool
	// empty: the cell may be empty.
	empty bool
	// to is the collection that the column refers to; empty: it is a plain value.
	to string
	// apart says that the column is no field of the create request: finish or steps take it.
	apart bool
	// told is what the server tells of a row's life and no row can bring: written where it is asked for, passed over when
	// it is read.
	told bool
}

func plain(name string) column   { return column{name: name, required: true} }
func free(name string) column    { return column{name: name, empty: true} }
func ref(name, to string) column { return column{name: name, required: true, to: to} }
func extra(name string) column   { return column{name: name, empty: true, apart: true} }
func told(name string) column    { return column{name: name, empty: true, apart: true, told: true} }
func maybe(name, to string) column {
	return column{name: name, empty: true, to: to}
}

var everything = []map[string]string{{}}

// nouns are all sheets, in an order in which they can be loaded.
var nouns = []*noun{units(), placements(), enterprises(), organisations(), intakes(), indicators(), periods(), targets()}

func units() *noun {
	return &noun{
		name: "units", field: "unit", create: &registrypb.CreateUnitRequest{}, resource: &registrypb.Unit{},
		list: &registrypb.ListUnitsResponse{}, lists: []map[string]string{{"anyDay": "true"}},
		columns: []column{
			plain("id"), plain("display_name"), plain("level"), extra("tree"),
			{name: "parent", to: "units", apart: true, required: true, empty: true},
			plain("valid_from"), extra("closed_on"), told("correction_reason"),
		},
		stands: map[string]string{"fromDate": "valid_from"},
		self:   "parent", finish: placeUnit, show: showUnit, steps: closeUnit, ordered: true, before: youngestFirst,
	}
}

func placements() *noun {
	return &noun{
		name: "placements", field: "placement", resource: &registrypb.Unit{},
		list: &registrypb.ListUnitsResponse{}, lists: []map[string]string{{"anyDay": "true"}},
		columns: []column{
			ref("unit", "units"), plain("tree"), {name: "parent", to: "units", required: true, empty: true}, plain("from_date"),
		},
		key:   []string{"unit", "tree", "from_date"},
		steps: moveUnit, ordered: true, before: earliestFirst, rows: laterPlacements,
	}
}

func enterprises() *noun {
	return &noun{
		name: "enterprises", field: "enterprise", create: &registrypb.CreateEnterpriseRequest{}, resource: &registrypb.Enterprise{},
		batch: &registrypb.BatchCreateEnterprisesRequest{}, list: &registrypb.ListEnterprisesResponse{}, lists: everything,
		columns: []column{plain("id"), plain("tax_code"), plain("display_name"), plain("legal_form"), ref("unit", "units")},
		unique:  [][]string{{"tax_code"}},
	}
}

func organisations() *noun {
	return &noun{
		name: "organisations", field: "organisation", create: &registrypb.CreateOrganisationRequest{}, resource: &registrypb.Organisation{},
		batch: &registrypb.BatchCreateOrganisationsRequest{}, list: &registrypb.ListOrganisationsResponse{},
		lists: []map[string]string{{}, {"state": "ORGANISATION_STATE_WITHDRAWN"}},
		columns: []column{
			plain("id"), plain("kind"), plain("display_name"), ref("enterprise", "enterprises"), ref("unit", "units"),
			maybe("superior", "organisations"), plain("founded_on"), free("founding_decision"),
			extra("dissolved_on"), extra("dissolution_decision"), extra("withdrawal_reason"), told("correction_reason"),
		},
		stands: map[string]string{"reason": "withdrawal_reason"},
		self:   "superior", steps: endOrganisation,
	}
}

func intakes() *noun {
	return &noun{
		name: "intakes", field: "intake", create: &membershippb.CreateIntakeRequest{}, resource: &membershippb.Intake{},
		batch: &membershippb.BatchCreateIntakesRequest{}, list: &membershippb.ListIntakesResponse{},
		lists: []map[string]string{{}, {"state": "INTAKE_STATE_WITHDRAWN"}},
		columns: []column{
			plain("id"), ref("unit", "units"), maybe("organisation", "organisations"), plain("kind"), plain("admitted_on"),
			plain("member_count"), free("owner_count"), extra("withdrawal_reason"),
		},
		stands: map[string]string{"reason": "withdrawal_reason"},
		steps:  withdrawIntake,
	}
}

func indicators() *noun {
	return &noun{
		name: "indicators", field: "indicator", create: &planningpb.CreateIndicatorRequest{}, resource: &planningpb.Indicator{},
		list: &planningpb.ListIndicatorsResponse{}, lists: []map[string]string{{}, {"state": "INDICATOR_STATE_WITHDRAWN"}},
		columns: []column{
			plain("id"), plain("display_name"), plain("measure"), plain("kinds"), plain("comparator"), plain("result_verb"), plain("counted_noun"),
			extra("withdrawal_reason"),
		},
		stands: map[string]string{"reason": "withdrawal_reason"},
		steps:  withdrawIndicator,
	}
}

func periods() *noun {
	return &noun{
		name: "periods", field: "period", create: &planningpb.CreatePeriodRequest{}, resource: &planningpb.Period{},
		list: &planningpb.ListPeriodsResponse{}, lists: []map[string]string{{}, {"state": "PERIOD_STATE_WITHDRAWN"}},
		columns: []column{
			plain("id"), plain("display_name"), plain("kind"), plain("start_date"), plain("end_date"), plain("cut_off_date"),
			extra("withdrawal_reason"),
		},
		stands: map[string]string{"reason": "withdrawal_reason"},
		steps:  withdrawPeriod,
	}
}

func targets() *noun {
	return &noun{
		name: "targets", field: "target", create: &planningpb.CreateTargetRequest{}, resource: &planningpb.Target{},
		batch: &planningpb.BatchCreateTargetsRequest{}, list: &planningpb.ListTargetsResponse{},
		lists: []map[string]string{{}, {"state": "TARGET_STATE_WITHDRAWN"}},
		columns: []column{
			plain("id"), ref("unit", "units"), ref("indicator", "indicators"), ref("period", "periods"), free("registered_value"),
			extra("assigned_value"), extra("assigned_decision"), extra("proposed_value"), extra("proposed_decision"), extra("withdrawal_reason"),
		},
		stands: map[string]string{"reason": "withdrawal_reason"},
		unique: [][]string{{"unit", "indicator", "period"}},
		steps:  liveTarget, room: withdrawnTarget, show: showTarget,
	}
}

func (n *noun) column(name string) *column {
	for i := range n.columns {
		if n.columns[i].name == name {
			return &n.columns[i]
		}
	}
	return nil
}

// names are the columns that rows bring; with told, those too that only the server says.
func (n *noun) names(told bool) []string {
	var out []string
	for _, c := range n.columns {
		if told || !c.told {
			out = append(out, c.name)
		}
	}
	return out
}

// keyColumns are the columns that tell a row from all others.
func (n *noun) keyColumns() []string {
	if n.key != nil {
		return n.key
	}
	return []string{"id"}
}

func name(collection, id string) string {
	if id == "" {
		return ""
	}
	return collection + "/" + id
}
