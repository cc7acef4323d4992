package fault

import faultpb "coso/proto/gen/coso/fault/v1"

// ofNouns holds the texts of the reasons that the nouns of a service give; see ofServices.
var ofNouns = map[faultpb.Reason]entry{ //nolint:exhaustive // a part; a test holds the whole
	// Registry.
	faultpb.Reason_REASON_TAX_CODE_FORMAT: {
		"Mã số thuế {value} không đúng dạng; hãy nhập 10 chữ số, 10 chữ số kèm gạch nối và 3 chữ số (0123456789-001), hoặc 12 chữ số.",
		"The tax code {value} has none of the known forms; give 10 digits, 10 digits with a hyphen and 3 more (0123456789-001), or 12 digits.",
	},
	faultpb.Reason_REASON_TAX_CODE_CHECK_DIGIT: {
		"Mã số thuế {value} sai chữ số kiểm tra; hãy kiểm tra lại 10 chữ số đầu.",
		"The check digit of tax code {value} is wrong; check its first 10 digits.",
	},
	faultpb.Reason_REASON_TAX_CODE_TAKEN: {
		"Mã số thuế {value} đã thuộc về {name}; hãy kiểm tra lại mã hoặc dùng doanh nghiệp đã có.",
		"The tax code {value} belongs to {name} already; check the code or use the enterprise that exists.",
	},
	faultpb.Reason_REASON_UNIT_CYCLE: {
		"Đặt {name} dưới {parent} từ ngày {date} sẽ làm đơn vị thành cấp trên của chính nó; hãy chọn cấp trên khác.",
		"Placing {name} under {parent} from {date} would make the unit its own superior; choose another superior.",
	},
	faultpb.Reason_REASON_PARENT_NOT_IN_FORCE: {
		"Đơn vị cấp trên {name} không tồn tại vào ngày {date}; hãy kiểm tra ngày hoặc chọn cấp trên khác.",
		"The superior unit {name} does not exist on {date}; check the date or choose another superior.",
	},
	faultpb.Reason_REASON_PLACEMENT_INVALID: {
		"Vị trí của {name} từ ngày {date} trùng ngày với một vị trí khác trong cùng cây, hoặc nằm ngoài thời gian tồn tại của đơn vị; hãy sửa ngày.",
		"The placement of {name} from {date} begins on the same day as another in its tree, or outside the unit's life; correct the date.",
	},
	faultpb.Reason_REASON_UNIT_HAS_CHILDREN: {
		"Đơn vị {name} còn đơn vị trực thuộc {by} vào ngày {date}; hãy chuyển giao hoặc kết thúc đơn vị đó trước.",
		"The unit {name} still has {by} below it on {date}; move or close that one first.",
	},
	faultpb.Reason_REASON_UNIT_CLOSED: {
		"Đơn vị {name} đã kết thúc từ ngày {date}; hãy kiểm tra lại tên đơn vị.",
		"The unit {name} is closed since {date}; check the unit's name.",
	},
	faultpb.Reason_REASON_ENTERPRISE_UNKNOWN: {
		"Không có doanh nghiệp {name}; hãy kiểm tra lại tên doanh nghiệp.",
		"The enterprise {name} does not exist; check the enterprise's name.",
	},
	faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE: {
		"Tổ chức {name} đã giải thể hoặc đã rút vì nhập nhầm nên không làm việc này được nữa; hãy kiểm tra lại tên tổ chức.",
		"The organisation {name} was dissolved, or withdrawn as entered in error, so this is not possible any more; check the organisation's name.",
	},
	faultpb.Reason_REASON_DISSOLVED_BEFORE_FOUNDED: {
		"Ngày giải thể {value} trước ngày thành lập {founded}; hãy sửa một trong hai ngày.",
		"The dissolution on {value} lies before the founding on {founded}; correct one of the two dates.",
	},
	faultpb.Reason_REASON_SUPERIOR_UNKNOWN: {
		"Tổ chức cấp trên {name} không tồn tại hoặc chính là tổ chức này; hãy chọn tổ chức khác.",
		"The superior organisation {name} does not exist or is the organisation itself; choose another.",
	},
	faultpb.Reason_REASON_UNIT_NOT_CLOSED: {
		"Đơn vị {name} chưa kết thúc nên không có ngày kết thúc để đính chính; hãy kiểm tra lại tên đơn vị.",
		"The unit {name} is not closed, so there is no closing to correct; check the unit's name.",
	},
	faultpb.Reason_REASON_UNIT_HAS_ORGANISATIONS: {
		"Tổ chức {by} được thành lập trong đơn vị {name} ngày {founded}, không sớm hơn ngày kết thúc {date}; hãy đính chính hoặc rút tổ chức đó, hoặc chọn ngày muộn hơn.",
		"The organisation {by} was founded in the unit {name} on {founded}, not before its end on {date}; correct or withdraw it, or choose a later day.",
	},
	faultpb.Reason_REASON_UNIT_HAS_PLACEMENTS: {
		"Đơn vị {name} còn được xếp vào cây {tree} từ ngày {from}, không sớm hơn ngày kết thúc {date}; hãy rút việc xếp đó trước hoặc chọn ngày muộn hơn.",
		"The unit {name} is still placed in the tree {tree} from {from} on, not before its end on {date}; take that placement back first or choose a later day.",
	},
	faultpb.Reason_REASON_PLACEMENT_UNKNOWN: {
		"Đơn vị {name} không được xếp vào cây {tree} từ ngày {date}; hãy kiểm tra lại cây và ngày.",
		"No placement of the unit {name} begins in the tree {tree} on {date}; check the tree and the day.",
	},
	faultpb.Reason_REASON_ORGANISATION_NOT_DISSOLVED: {
		"Tổ chức {name} không ở trạng thái đã giải thể nên không có việc giải thể để đính chính; hãy kiểm tra lại tên tổ chức.",
		"The organisation {name} is not dissolved, so there is no dissolution to correct; check the organisation's name.",
	},
	faultpb.Reason_REASON_ORGANISATION_CYCLE: {
		"Đặt {name} dưới {parent} sẽ làm tổ chức thành cấp trên của chính nó; hãy chọn cấp trên khác.",
		"Placing {name} under {parent} would make the organisation its own superior; choose another superior.",
	},
	faultpb.Reason_REASON_SUPERIOR_NOT_IN_FORCE: {
		"Tổ chức cấp trên {name} không tồn tại vào ngày {date}; hãy kiểm tra ngày hoặc chọn cấp trên khác.",
		"The superior organisation {name} does not exist on {date}; check the date or choose another superior.",
	},
	faultpb.Reason_REASON_CLOSED_BEFORE_VALID: {
		"Ngày kết thúc {value} phải sau ngày bắt đầu {from} của đơn vị; hãy sửa ngày.",
		"The closing day {value} must come after the unit's first day {from}; correct the date.",
	},

	// Membership.
	faultpb.Reason_REASON_ORGANISATION_UNKNOWN: {
		"Không có tổ chức {name}; hãy kiểm tra lại tên tổ chức.",
		"The organisation {name} is not known; check the organisation's name.",
	},
	faultpb.Reason_REASON_ORGANISATION_OF_OTHER_UNIT: {
		"Tổ chức {name} không thuộc đơn vị {unit}; hãy chọn lại tổ chức hoặc đơn vị.",
		"The organisation {name} does not belong to the unit {unit}; choose the right organisation or unit.",
	},
	faultpb.Reason_REASON_OWNERS_ABOVE_TOTAL: {
		"Số chủ doanh nghiệp {value} vượt mức được ghi là {limit}; hãy sửa số chủ doanh nghiệp hoặc số người được kết nạp.",
		"The number of owners {value} is above the {limit} that may be reported; correct the number of owners or of persons admitted.",
	},
	faultpb.Reason_REASON_ADMITTED_OUTSIDE_ORGANISATION: {
		"Ngày kết nạp {value} trước ngày thành lập hoặc sau ngày giải thể của tổ chức {name}; hãy sửa ngày hoặc chọn tổ chức khác.",
		"The admission on {value} lies before the founding or after the dissolution of the organisation {name}; correct the date or choose another organisation.",
	},
	faultpb.Reason_REASON_INTAKE_WITHDRAWN: {
		"Báo cáo kết nạp {name} đã rút nên không sửa được nữa; hãy nhập báo cáo mới.",
		"The intake {name} was withdrawn and cannot change any more; report a new one.",
	},
	faultpb.Reason_REASON_ORGANISATION_KIND_MISMATCH: {
		"Tổ chức {name} không kết nạp loại {value}; hãy chọn loại khác hoặc tổ chức khác.",
		"The organisation {name} does not admit members of the kind {value}; choose another kind or organisation.",
	},

	// Planning.
	faultpb.Reason_REASON_INDICATOR_UNKNOWN: {
		"Không có chỉ tiêu thống kê {name}; hãy kiểm tra lại tên.",
		"The indicator {name} does not exist; check its name.",
	},
	faultpb.Reason_REASON_PERIOD_UNKNOWN: {
		"Không có kỳ báo cáo {id}; hãy kiểm tra lại tên.",
		"The reporting period {id} does not exist; check its name.",
	},
	faultpb.Reason_REASON_TARGET_TAKEN: {
		"Đơn vị đã có chỉ tiêu này trong kỳ báo cáo ({name}); hãy sửa chỉ tiêu đã có.",
		"The unit has a target for this indicator and period already ({name}); change that one.",
	},
	faultpb.Reason_REASON_PERIOD_ORDER: {
		"Các ngày của kỳ báo cáo sai thứ tự; ngày bắt đầu, ngày chốt số liệu và ngày kết thúc phải nối tiếp nhau.",
		"The dates of the period are out of order; start, cut-off and end must follow one another.",
	},
	faultpb.Reason_REASON_INDICATOR_KIND_UNKNOWN: {
		"Loại {value} không thuộc phép đo của chỉ tiêu này; hãy viết {form}.",
		"The kind {value} is not one of the indicator's measure; write {form}.",
	},
	faultpb.Reason_REASON_TARGET_WITHDRAWN: {
		"Chỉ tiêu {name} đã rút vì nhập nhầm nên không thay đổi được nữa; hãy đăng ký chỉ tiêu mới.",
		"The target {name} was withdrawn as entered in error and cannot change any more; register another one.",
	},
	faultpb.Reason_REASON_INDICATOR_WITHDRAWN: {
		"Chỉ tiêu thống kê {name} đã rút vì nhập nhầm; hãy dùng chỉ tiêu thống kê khác.",
		"The indicator {name} was withdrawn as entered in error; use another indicator.",
	},
	faultpb.Reason_REASON_PERIOD_WITHDRAWN: {
		"Kỳ báo cáo {id} đã rút vì nhập nhầm; hãy dùng kỳ báo cáo khác.",
		"The reporting period {id} was withdrawn as entered in error; use another period.",
	},
	faultpb.Reason_REASON_INDICATOR_IN_USE: {
		"Chỉ tiêu {by} đang dựa vào chỉ tiêu thống kê {name}; hãy rút chỉ tiêu đó trước.",
		"The target {by} rests on the indicator {name}; withdraw that target first.",
	},
	faultpb.Reason_REASON_PERIOD_IN_USE: {
		"Chỉ tiêu {by} đang thuộc kỳ báo cáo {id}; hãy rút chỉ tiêu đó trước.",
		"The target {by} rests on the reporting period {id}; withdraw that target first.",
	},
	faultpb.Reason_REASON_PERIOD_NOT_BEGUN: {
		"Kỳ báo cáo {id} bắt đầu từ ngày {from}, nên ngày {value} chưa có số liệu; hãy chọn ngày từ {from} trở đi.",
		"The reporting period {id} begins on {from}, so nothing is counted in it as of {value}; choose {from} or a later day.",
	},
}
