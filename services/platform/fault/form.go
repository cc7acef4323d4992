package fault

import (
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"coso/services/platform/text"
)

// The params of a text that says how to write a value.
const (
	formParam    = "form"
	exampleParam = "example"
	knownParam   = "known"
)

// The forms that no field tells; package gateway names them where it refuses.
const (
	// FormLike is a value that is not written like param `example`.
	FormLike = "like"
	// FormOnce is a value that comes twice.
	FormOnce = "once"
	// FormKnown is a value that is none of param `known`.
	FormKnown = "known"
	// FormSome is one that is none of many words, of which param `known` has the first; FormWord one that is nearly param
	// `example`.
	FormSome = "some"
	FormWord = "meant-word"
	// FormNames is a name that is none of param `known`, FormMeant one that is nearly param `example`, FormNone one where there is none.
	FormNames = "names"
	FormMeant = "meant"
	FormNone  = "none"
	// FormList is a value that is no JSON list.
	FormList = "list"
	// FormObject is a value that is no JSON object.
	FormObject = "object"
	// FormUTF8 is a text that is not UTF-8.
	FormUTF8 = "utf8"
	// FormEscaped is a query that breaks the rules of addresses.
	FormEscaped = "escaped"
	// FormSame is a value that is not the one that path or header give, param `example`.
	FormSame = "same"
	// FormFewer is a number of things beyond param `example`.
	FormFewer = "fewer"
	// FormDocumented is one that takes more than a line to tell.
	FormDocumented = "documented"
)

// forms are what stands in a text for `{form}`, behind "write". The params of a form are `example` and `known`.
var forms = map[string]entry{
	"id": {
		"như {example}: chữ thường không dấu, chữ số và gạch nối, nhiều nhất 63 ký tự",
		"it like {example}: lower case letters without marks, digits and hyphens, 63 at most",
	},
	"name": {
		"như {example}: sau dấu gạch chéo là mã gồm chữ thường không dấu, chữ số và gạch nối, nhiều nhất 63 ký tự",
		"it like {example}: behind the slash an id of lower case letters without marks, digits and hyphens, 63 at most",
	},
	"date": {
		"như {example} (năm-tháng-ngày)",
		"it like {example} (year-month-day)",
	},
	"tree": {
		"như {example}: chữ thường không dấu, chữ số và gạch nối, bắt đầu bằng chữ, nhiều nhất 31 ký tự",
		"it like {example}: lower case letters without marks, digits and hyphens, a letter first, 31 at most",
	},
	"word": {
		"như {example}: chữ hoa không dấu, chữ số và gạch dưới, bắt đầu bằng chữ, nhiều nhất 63 ký tự",
		"it like {example}: capitals without marks, digits and underscores, a letter first, 63 at most",
	},
	"service": {
		"như {example}: chỉ chữ thường không dấu, nhiều nhất 32 chữ",
		"it like {example}: nothing but lower case letters without marks, 32 at most",
	},
	FormLike:       {"như {example}", "it like {example}"},
	"distinct":     {"mỗi giá trị một lần", "each value once only"},
	"text":         {"một đoạn chữ như {example}", "a text like {example}"},
	"whole":        {"số nguyên như {example}, nhiều nhất 18 chữ số", "a whole number like {example}, of 18 digits at most"},
	"small":        {"số nguyên như {example}, nhiều nhất 9 chữ số", "a whole number like {example}, of 9 digits at most"},
	"truth":        {"true hoặc false", "true or false"},
	"moment":       {"thời điểm như {example}", "a moment like {example}"},
	"fields":       {"tên các trường, cách nhau bằng dấu phẩy, như {example}", "names of fields with commas between them, like {example}"},
	FormKnown:      {"một trong các giá trị {known}", "one of the values {known}"},
	FormSome:       {"một trong các giá trị {known} … (tài liệu API liệt kê đủ)", "one of the values {known} … (the API documentation lists all)"},
	FormWord:       {"{example} nếu đúng ý", "{example} if that is meant"},
	FormNames:      {"một trong các tên {known}", "one of the names {known}"},
	FormMeant:      {"{example}, hoặc bỏ đi", "{example}, or leave it out"},
	FormNone:       {"địa chỉ không có tham số", "the address without parameters"},
	FormList:       {"một danh sách JSON trong ngoặc vuông", "a JSON list in square brackets"},
	FormOnce:       {"một lần duy nhất", "it once only"},
	FormObject:     {"một đối tượng JSON trong ngoặc nhọn", "a JSON object in braces"},
	FormUTF8:       {"lại bằng mã UTF-8", "it in UTF-8"},
	FormEscaped:    {"ký tự đặc biệt dưới dạng %20, %3B", "special characters in the form %20, %3B"},
	FormSame:       {"đúng {example}, hoặc bỏ trống", "{example}, or leave it out"},
	FormFewer:      {"nhiều nhất {example}", "{example} at most"},
	FormDocumented: {"như tài liệu API mô tả", "it as the API documentation says"},
}

// Form is how a value is written.
type Form struct {
	// Name is one of the forms of the catalogue.
	Name string
	// Example is a value that has the form; empty where the form needs none.
	Example string
	// Known are all values that there are, if they can be listed.
	Known []string
}

// Params are the params that a text needs to tell the form.
func (f Form) Params() []string {
	return []string{formParam, f.Name, exampleParam, f.Example, knownParam, List(f.Known)}
}

// FormOfName returns what there is instead of a name that does not exist: the nearest of the known ones, else all of them.
func FormOfName(name string, known []string) Form {
	if near := text.Nearest(name, known); near != "" {
		return Form{Name: FormMeant, Example: near}
	}
	if len(known) == 0 {
		return Form{Name: FormNone}
	}
	return Form{Name: FormNames, Known: known}
}

// List writes names or words as the params of a text do.
func List(names []string) string { return strings.Join(names, " / ") }

// FormOf returns how one value of a field is written: by the example or the pattern that its rules in the proto file give,
// else by its type.
func FormOf(fd protoreflect.FieldDescriptor) Form {
	if rules := textRules(fd); rules != nil {
		return formOfRules(rules)
	}
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return Form{Name: "truth"}
	case protoreflect.EnumKind:
		return FormOfEnum("", fd.Enum())
	case protoreflect.Int32Kind, protoreflect.Uint32Kind:
		return Form{Name: "small", Example: "25"}
	case protoreflect.Int64Kind, protoreflect.Uint64Kind:
		return Form{Name: "whole", Example: "25"}
	case protoreflect.StringKind:
		return Form{Name: "text", Example: `"Tây Hồ"`}
	case protoreflect.MessageKind:
		switch fd.Message().FullName() {
		case "google.protobuf.Timestamp":
			return Form{Name: "moment", Example: "2020-11-30T08:00:00Z"}
		case "google.protobuf.FieldMask":
			return Form{Name: "fields", Example: "displayName"}
		}
		return Form{Name: FormObject}
	default:
		return Form{Name: FormDocumented}
	}
}

// textRules are the rules of a text, or of the items of a list of texts, that say which form it has; nil if there are none.
func textRules(fd protoreflect.FieldDescriptor) *validate.StringRules {
	rules, ok := proto.GetExtension(fd.Options(), validate.E_Field).(*validate.FieldRules)
	if !ok {
		return nil
	}
	ofText := rules.GetString()
	if fd.IsList() {
		ofText = rules.GetRepeated().GetItems().GetString()
	}
	if !ofText.HasPattern() && !ofText.GetUuid() {
		return nil
	}
	return ofText
}

// anID is the pattern of an id, without its ends.
const anID = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"

// patterns are the forms of the patterns in the proto files; names have them by their collection.
var patterns = map[string]Form{
	datePattern:              {Name: "date", Example: "2020-11-30"},
	"^" + anID + "$":         {Name: "id", Example: "tay-ho"},
	"^[a-z][a-z0-9-]{0,30}$": {Name: "tree", Example: "party"},
	"^[A-Z][A-Z0-9_]{0,62}$": {Name: "word"}, // what the words are, the fields tell
	"^services/[a-z]{1,32}/operations/" + anID + "$": {Name: "like", Example: "services/registry/operations/2020-11-30"},
	"^[a-z]{1,32}$": {Name: "service", Example: "registry"},
}

// ids are an id of each collection, as one may look.
var ids = map[string]string{
	"units": "tay-ho", "enterprises": "minh-hoa-001", "organisations": "chi-bo-minh-hoa-001", "intakes": "tay-ho-01",
	"indicators": "party-members", "periods": "2020", "targets": "2020-tay-ho-party-members", "nominations": "2020-tay-ho-party-members",
	"grants": "van-phong-tay-ho", "principals": "van-phong-tay-ho",
	"accounts": "lan", "sessions": "0198f0c2-0000-7000-8000-00000000000a", "apiTokens": "0198f0c2-0000-7000-8000-00000000000a",
}

// formOfRules returns the form that a text's rules ask for; the general one for a pattern that has none, which a test finds.
func formOfRules(rules *validate.StringRules) Form {
	form, ok := patterns[rules.GetPattern()]
	collection, isName := strings.CutPrefix(rules.GetPattern(), "^")
	collection, isID := strings.CutSuffix(collection, "/"+anID+"$")
	switch {
	case rules.GetUuid():
		form = Form{Name: FormLike, Example: "0198f0c2-0000-7000-8000-00000000000a"}
	case isName && isID && ids[collection] != "":
		form = Form{Name: "name", Example: collection + "/" + ids[collection]}
	case !ok:
		form = Form{Name: FormDocumented}
	}
	if own := rules.GetExample(); len(own) > 0 {
		form.Example = own[0]
	}
	return form
}

// form is what the broken rule asks for.
func (b breach) form() Form {
	if b.Proto.GetRuleId() == "repeated.unique" {
		return Form{Name: "distinct"}
	}
	if b.field != nil {
		if rules := textRules(b.field); rules != nil {
			return formOfRules(rules)
		}
		if b.field.Enum() != nil {
			return FormOfEnum(b.scalar(), b.field.Enum())
		}
	}
	return Form{Name: FormDocumented}
}
