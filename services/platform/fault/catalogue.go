package fault

import (
	"maps"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// catalogue holds the texts of every reason.
var catalogue = joined(ofServices, ofNouns, ofTokens, ofAccess, ofGateway, ofIdentity, ofReplicas)

func joined(parts ...map[faultpb.Reason]entry) map[faultpb.Reason]entry {
	all := make(map[faultpb.Reason]entry, len(faultpb.Reason_name))
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

// ofServices holds the texts of the reasons that every service gives, Vietnamese first. It is read only. A text says what was wrong, which
// value, and what to do; it ends in a full stop, and both languages have the same placeholders. Days are YYYY-MM-DD in English and
// dd/mm/yyyy in Vietnamese. A placeholder other than {field}, the JSON path of the field at fault, and {id}, the last part of name,
// is a param that the constructor must be given; more may be given, and travel in ErrorInfo only. The params:
//
//	value    the offending value as sent         name  the resource name the refusal is about
//	limit    the limit (TOO_LARGE: in bytes)     date  the legal date (YYYY-MM-DD) at which it was judged
//	current  what the server has instead         by    the resource that is in the way
//	form     how to write it, one of forms       known what there is instead, by List
//	near     what may be meant, by List: every text asks for it behind its end; line, column: the place in the body, from 1
//	unit, parent, tree, founded, from, today, batches: as they say
var ofServices = map[faultpb.Reason]entry{ //nolint:exhaustive // a part; a test holds the whole
	faultpb.Reason_REASON_UNSPECIFIED: {
		"Yêu cầu không thực hiện được; hãy kiểm tra lại yêu cầu hoặc hỏi người quản trị.",
		"The request could not be carried out; check it or ask the administrator.",
	},

	// Every service.
	faultpb.Reason_REASON_INTERNAL: {
		"Hệ thống gặp lỗi ngoài dự kiến; hãy báo mã yêu cầu {requestId} cho người quản trị.",
		"Something unexpected went wrong inside the system; give the request id {requestId} to the administrator.",
	},
	faultpb.Reason_REASON_FIELD_REQUIRED: {
		"Thiếu {field}; hãy điền giá trị.",
		"{field} is missing; fill it in.",
	},
	faultpb.Reason_REASON_FIELD_FORMAT: {
		"Giá trị {value} của {field} không đúng dạng; hãy viết {form}.",
		"The value {value} of {field} does not have the right shape; write {form}.",
	},
	faultpb.Reason_REASON_FIELD_LENGTH: {
		"Độ dài của {field} là {value}, giới hạn là {limit}; hãy sửa cho vừa giới hạn.",
		"The length of {field} is {value}, the limit is {limit}; make it fit.",
	},
	faultpb.Reason_REASON_FIELD_RANGE: {
		"Số {value} của {field} nằm ngoài giới hạn {limit}; hãy nhập số trong giới hạn.",
		"The number {value} of {field} is outside its limit {limit}; give a number within it.",
	},
	faultpb.Reason_REASON_ENUM_UNKNOWN: {
		"Giá trị {value} của {field} không có trong danh mục; hãy viết {form}.",
		"The value {value} of {field} is not one of the known values; write {form}.",
	},
	faultpb.Reason_REASON_DATE_INVALID: {
		"{field} ghi {value}, không phải một ngày có thật dạng YYYY-MM-DD trong các năm 1900–2999; hãy nhập như 2020-11-30.",
		"{field} says {value}, which is no day of the calendar written YYYY-MM-DD in the years 1900–2999; write it like 2020-11-30.",
	},
	faultpb.Reason_REASON_DATE_IN_FUTURE: {
		"Ngày {value} của {field} ở tương lai (hôm nay là {today}); hãy nhập một ngày không muộn hơn hôm nay.",
		"The date {value} of {field} lies in the future (today is {today}); give a day that is not later than today.",
	},
	faultpb.Reason_REASON_TEXT_INVALID: {
		"{field} có ký tự điều khiển hoặc mã chữ hỏng; hãy gõ lại phần chữ này.",
		"{field} holds control characters or broken text; type it again.",
	},
	faultpb.Reason_REASON_BODY_INVALID: {
		"Không đọc được giá trị {value} của {field}; hãy viết {form}.",
		"The value {value} of {field} cannot be read; write {form}.",
	},
	faultpb.Reason_REASON_QUERY_PARAMETER_INVALID: {
		"Trên địa chỉ, không đọc được giá trị {value} của {field}; hãy viết {form}.",
		"In the query, the value {value} of {field} cannot be read; write {form}.",
	},
	faultpb.Reason_REASON_MASK_UNKNOWN_FIELD: {
		"{field} nêu trường {value} không tồn tại; hãy sửa hoặc bỏ tên này.",
		"{field} names the field {value}, which does not exist; correct or remove the name.",
	},
	faultpb.Reason_REASON_MASK_FIXED_FIELD: {
		"{field} nêu trường {value}, trường này do hệ thống giữ hoặc không đổi được; hãy bỏ tên này.",
		"{field} names the field {value}, which the server owns or which cannot change; remove the name.",
	},
	faultpb.Reason_REASON_PAGE_TOKEN_INVALID: {
		"Mã trang trong {field} thuộc truy vấn khác hoặc đã hỏng; hãy đọc lại từ trang đầu.",
		"The page token in {field} belongs to another query or is damaged; start again from the first page.",
	},
	faultpb.Reason_REASON_RESOURCE_NOT_FOUND: {
		"Không tìm thấy {name}; hãy kiểm tra lại tên.",
		"{name} does not exist; check the name.",
	},
	faultpb.Reason_REASON_RESOURCE_EXISTS: {
		"Tên {name} đã có hoặc đã từng được dùng; hãy chọn mã khác.",
		"The name {name} exists or was used before; choose another id.",
	},
	faultpb.Reason_REASON_ETAG_STALE: {
		"{name} đã thay đổi: etag gửi lên là {value}, etag hiện nay là {current}; hãy đọc lại rồi sửa trên bản mới.",
		"{name} has changed: the etag sent is {value}, the present one is {current}; read it again and repeat the change on what it is now.",
	},
	faultpb.Reason_REASON_REQUEST_ID_REUSED: {
		"Mã yêu cầu trong {field} đã dùng cho một yêu cầu khác; hãy dùng mã mới.",
		"The request id in {field} was used for another request; use a new one.",
	},
	faultpb.Reason_REASON_POSITION_INVALID: {
		"Vị trí {value} trong coso-position sai dạng; hãy gửi lại đúng như đã nhận.",
		"The position {value} in coso-position is malformed; send back what was received.",
	},
	faultpb.Reason_REASON_INCARNATION_FOREIGN: {
		"Vị trí hoặc dữ liệu thuộc nhật ký {value}, còn nhật ký đang dùng là {current} (dữ liệu đã được khôi phục hoặc chuyển chỗ); hãy bỏ vị trí cũ và đọc lại từ đầu.",
		"The position or data belong to the journal {value}, and the one in use is {current} (data was restored or moved); drop the position and read anew.",
	},
	faultpb.Reason_REASON_POSITION_NOT_REACHED: {
		"Dữ liệu mới cập nhật tới vị trí {current}, chưa tới {value}; hãy thử lại sau vài giây.",
		"The data have reached position {current}, not {value} yet; try again in a few seconds.",
	},
	faultpb.Reason_REASON_DEADLINE_EXCEEDED: {
		"Hết thời gian chờ trước khi biết kết quả; hãy gửi lại với cùng mã yêu cầu.",
		"Time ran out before the outcome was known; send the request again with the same request id.",
	},
	faultpb.Reason_REASON_CANCELLED: {
		"Bên gọi đã ngừng trước khi có kết quả; nếu còn cần, hãy gửi lại với cùng mã yêu cầu.",
		"The caller went away before the outcome was known; if it is still wanted, send it again with the same request id.",
	},
	faultpb.Reason_REASON_TOO_LARGE: {
		"Dữ liệu vượt giới hạn {limit} byte; hãy chia thành nhiều phần nhỏ hơn.",
		"The data exceed the limit of {limit} bytes; split them into smaller parts.",
	},
	faultpb.Reason_REASON_SERVICE_UNAVAILABLE: {
		"Dịch vụ đang dừng hoặc chưa sẵn sàng; hãy thử lại sau ít phút.",
		"The service is stopping or not ready; try again in a few minutes.",
	},
	faultpb.Reason_REASON_JOURNAL_UNAVAILABLE: {
		"Không ghi được nhật ký dữ liệu nên chưa chắc thay đổi đã có hiệu lực; hãy gửi lại với cùng mã yêu cầu, nếu vẫn lỗi thì báo người quản trị.",
		"The journal cannot be written, so whether the change took effect is not known; send it again with the same request id, and tell the administrator if this goes on.",
	},
	faultpb.Reason_REASON_DISK_FULL: {
		"Đĩa của máy chủ đã đầy nên không ghi được và chưa chắc thay đổi đã có hiệu lực; hãy báo người quản trị dọn đĩa, rồi gửi lại với cùng mã yêu cầu.",
		"The server's disk is full, so nothing can be written and whether the change took effect is not known; tell the administrator to make room, then send it again with the same request id.",
	},
	faultpb.Reason_REASON_FORMAT_UNKNOWN: {
		"Dữ liệu có phiên bản định dạng {value}, mới hơn chương trình này; hãy nâng cấp chương trình.",
		"The data have format version {value}, newer than this program; upgrade the program.",
	},
	faultpb.Reason_REASON_DATA_DAMAGED: {
		"Dữ liệu lưu trữ bị hỏng: không khớp mã kiểm tra, chuỗi nhật ký hoặc cấu trúc; hãy báo người quản trị khôi phục từ bản sao.",
		"Stored data are damaged: they do not fit their checksum, chain or form; have the administrator restore a backup.",
	},
	faultpb.Reason_REASON_DATA_LOCKED: {
		"Thư mục dữ liệu {name} đang do một tiến trình khác dùng, có lẽ là một coso đang chạy; hãy dừng tiến trình đó hoặc chọn thư mục khác.",
		"The data folder {name} is used by another process, perhaps a coso that runs; stop that process or choose another folder.",
	},
	faultpb.Reason_REASON_JOURNAL_SHARED: {
		"Dữ liệu của {name} thuộc nhật ký dùng chung trên NATS, nhưng dịch vụ được khởi động với nhật ký riêng; hãy khởi động với --log nats, hoặc đưa về nhật ký riêng bằng coso replicate {name} --back.",
		"The data of {name} belong to a journal that its replicas share on NATS, and the service was started with a log of its own; start it with --log nats, or bring it back with coso replicate {name} --back.",
	},
	faultpb.Reason_REASON_JOURNAL_NOT_SHARED: {
		"Dữ liệu của {name} có nhật ký riêng, chưa được đưa lên NATS; hãy dừng dịch vụ và chạy coso replicate {name}, hoặc khởi động không có --log nats.",
		"The journal of {name} has a log of its own and was never put on NATS; stop the service and run coso replicate {name}, or start it without --log nats.",
	},
	faultpb.Reason_REASON_METHOD_UNKNOWN: {
		"Phương thức {value} không tồn tại; hãy xem tài liệu API tại /docs.",
		"The method {value} does not exist; see the API documentation at /docs.",
	},
	faultpb.Reason_REASON_CLOCK_AHEAD: {
		"Đồng hồ máy chủ chỉ {current}, nhật ký đã ghi tới {value}, lệch nhau quá 5 phút; người quản trị hãy kiểm tra đồng hồ.",
		"The server's clock says {current} and the journal reaches {value}, more than 5 minutes apart; the administrator must check the clock.",
	},
	faultpb.Reason_REASON_STREAM_FOREIGN: {
		"Luồng sự kiện {name} không thuộc nhật ký này; người quản trị hãy kiểm tra máy chủ NATS đang nối tới.",
		"The event stream {name} does not belong to this journal; the administrator must check which NATS server is connected.",
	},
	faultpb.Reason_REASON_FEED_STOPPED: {
		"Việc nhận sự kiện từ {name} đã dừng ở sự kiện {value}; người quản trị hãy xem nhật ký lỗi.",
		"Following {name} stopped at event {value}; the administrator must look at the log.",
	},
	faultpb.Reason_REASON_DUPLICATE_IN_BATCH: {
		"{value} ở {field} xuất hiện hai lần trong cùng một lô; hãy bỏ một lần.",
		"{value} in {field} appears twice in one batch; remove one of the two.",
	},
	faultpb.Reason_REASON_REQUEST_ID_IN_BATCH: {
		"{field} đặt mã yêu cầu cho một dòng trong lô; hãy chỉ đặt mã yêu cầu cho cả lô.",
		"{field} sets a request id for one request of a batch; set one for the batch only.",
	},
	faultpb.Reason_REASON_UNIT_UNKNOWN: {
		"Không có đơn vị {name}; hãy kiểm tra lại tên đơn vị.",
		"The unit {name} does not exist; check the unit's name.",
	},
	faultpb.Reason_REASON_UNIT_NOT_IN_FORCE: {
		"Đơn vị {name} không tồn tại vào ngày {date}; hãy kiểm tra ngày hoặc chọn đơn vị khác.",
		"The unit {name} does not exist on {date}; check the date or choose another unit.",
	},
	faultpb.Reason_REASON_INDEX_REBUILDING: {
		"Bảng tra cứu {name} đang được dựng lại sau khi nâng cấp; hãy thử lại sau ít phút.",
		"The table {name} is being built anew after an upgrade; try again in a few minutes.",
	},
	faultpb.Reason_REASON_OPERATION_ENDED: {
		"Tác vụ {name} đã kết thúc (trạng thái {current}); hãy mở tác vụ mới.",
		"The operation {name} has ended (state {current}); begin a new one.",
	},
	faultpb.Reason_REASON_OPERATION_TOO_LARGE: {
		"Tác vụ {name} vượt giới hạn {limit} dòng hoặc {batches} lô; hãy chia thành nhiều tác vụ.",
		"The operation {name} exceeds the limit of {limit} rows or {batches} batches; split it into several.",
	},
	faultpb.Reason_REASON_TOO_MANY_OPERATIONS: {
		"Tài khoản này đang mở {limit} tác vụ nạp dữ liệu chưa xong ({name}), chưa mở thêm được; hãy hoàn tất hoặc hủy bớt, hoặc chờ chúng tự hủy sau một ngày không dùng.",
		"This account has {limit} operations under way already ({name}) and cannot begin another; activate or abandon one, or wait until they are given up after a day without use.",
	},
	faultpb.Reason_REASON_COPY_TOO_OLD: {
		"Số liệu nhận từ dịch vụ {name} đã cũ {current}, quá giới hạn {limit}, nên chưa ghi được thay đổi; hãy thử lại sau, nếu vẫn lỗi thì báo người quản trị.",
		"What is known of the service {name} is {current} old, beyond the limit of {limit}, so the change cannot be made yet; try again later, and tell the administrator if it goes on.",
	},
	faultpb.Reason_REASON_EVENT_NOT_STOPPED: {
		"Luồng nhận từ dịch vụ {name} không dừng ở sự kiện {value}; hãy xem trạng thái và chỉ bỏ qua sự kiện làm luồng dừng.",
		"The follower of {name} did not stop at event {value}; look at the status and skip only the event at which it stopped.",
	},
	faultpb.Reason_REASON_SOURCE_WENT_BACK: {
		"Nhật ký của dịch vụ {name} không còn giữ sự kiện {value} mà nơi nhận đã ghi (dữ liệu cũ đã được đặt lại); người quản trị hãy khôi phục các dịch vụ về cùng một bản sao lưu.",
		"The journal of the service {name} no longer holds event {value} as its follower took it (an older state was put back); the administrator must restore the services from one backup.",
	},
	faultpb.Reason_REASON_OPERATOR_ONLY: {
		"Chỉ người vận hành trên chính máy chủ mới được yêu cầu việc này, qua socket trong thư mục dữ liệu; hãy dùng lệnh coso trên máy đó.",
		"Only an operator on the server itself may ask for this, by the socket in the data folder; use the coso command there.",
	},
	faultpb.Reason_REASON_CHECKPOINT_UNWRITTEN: {
		"Chưa ký và ghi được điểm chốt của dịch vụ {name}: {value}; hãy khắc phục tệp được nêu, hệ thống sẽ tự thử lại.",
		"No checkpoint of the service {name} could be signed and written: {value}; mend the file that is named, it is tried again by itself.",
	},
	faultpb.Reason_REASON_READINGS_UNWRITTEN: {
		"Dịch vụ {name} chưa ghi được nhật ký xem dữ liệu cá nhân nên tạm thời không cho xem dữ liệu cá nhân; hãy thử lại sau ít phút, nếu vẫn lỗi thì báo người quản trị.",
		"The service {name} cannot record who reads personal data, so it shows none for now; try again in a few minutes, and tell the administrator if this goes on.",
	},
	faultpb.Reason_REASON_EVENT_NOT_SKIPPABLE: {
		"Không được bỏ qua sự kiện {value} của dịch vụ {name}, vì số liệu về đơn vị và phân quyền phải đầy đủ; hãy sửa nguyên nhân rồi khởi động lại.",
		"Event {value} of the service {name} must not be skipped: units and grants have to be complete; mend the cause and start the service again.",
	},
	faultpb.Reason_REASON_TEXT_BLANK: {
		"{field} chỉ có khoảng trắng; hãy điền chữ hoặc để trống hẳn.",
		"{field} holds nothing but spaces; write something or leave it empty.",
	},
	faultpb.Reason_REASON_TEXT_INVISIBLE: {
		"{field} có ký tự không nhìn thấy được ({value}, thường do sao chép từ trang mạng); hãy gõ lại phần chữ này.",
		"{field} holds a character that nobody sees ({value}, often copied along from a web page); type it again.",
	},
	faultpb.Reason_REASON_TEXT_LINES: {
		"{field} có dấu xuống dòng hoặc dấu tab; hãy viết trên một dòng.",
		"{field} holds a line break or a tab; write it on one line.",
	},
	faultpb.Reason_REASON_VALIDATE_ONLY_IN_BATCH: {
		"{field} đòi chỉ kiểm tra một dòng trong lô; hãy chỉ đặt cho cả lô.",
		"{field} asks to only check one request of a batch; set it for the batch only.",
	},
}
