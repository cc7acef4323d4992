package fault

import faultpb "coso/proto/gen/coso/fault/v1"

// ofGateway holds the texts of the reasons that the gateway gives, of which those of limits are the services' too; see ofServices.
var ofGateway = map[faultpb.Reason]entry{ //nolint:exhaustive // a part; a test holds the whole
	faultpb.Reason_REASON_FOREIGN_HOST: {
		"Máy chủ này không phục vụ địa chỉ {value}; hãy dùng địa chỉ mà người quản trị đã công bố.",
		"This server does not answer for {value}; use the address that the administrator has given.",
	},
	faultpb.Reason_REASON_FOREIGN_ORIGIN: {
		"Yêu cầu do một trang web khác gửi ({value}) nên bị từ chối; hãy gửi từ chính địa chỉ của máy chủ này.",
		"The request was sent by another web page ({value}) and is refused; send it from this server's own address.",
	},
	faultpb.Reason_REASON_CONTENT_TYPE: {
		"Kiểu nội dung {value} không được nhận; hãy gửi JSON với Content-Type: application/json, mã UTF-8.",
		"The content type {value} is not accepted; send JSON with Content-Type: application/json, in UTF-8.",
	},
	faultpb.Reason_REASON_PATH_INVALID: {
		"Đường dẫn {value} không đúng dạng; hãy chỉ dùng chữ không dấu, chữ số, gạch nối và không bỏ trống đoạn nào.",
		"The path {value} is malformed; use plain letters, digits and hyphens, and leave no segment empty.",
	},
	faultpb.Reason_REASON_BODY_MISSING: {
		"Yêu cầu này cần nội dung JSON mà chưa có; hãy gửi ít nhất một đối tượng JSON rỗng.",
		"This request needs a JSON body and has none; send at least an empty JSON object.",
	},
	faultpb.Reason_REASON_BODY_UNEXPECTED: {
		"Yêu cầu này không nhận nội dung; hãy gửi lại không kèm nội dung.",
		"This request takes no body; send it again without one.",
	},
	faultpb.Reason_REASON_HEADER_INVALID: {
		"Tiêu đề {field} có giá trị {value} không đọc được, trái với nội dung yêu cầu hoặc không dùng được ở đây; hãy sửa hoặc bỏ tiêu đề này.",
		"The header {field} has the value {value}, which cannot be read, contradicts the request or has no meaning here; correct or remove it.",
	},
	faultpb.Reason_REASON_TOO_MANY_STREAMS: {
		"Đã có {limit} máy đang nghe sự kiện, chưa nhận thêm được; hãy thử lại sau ít phút.",
		"{limit} clients listen to events already and no more can be served; try again in a few minutes.",
	},
	faultpb.Reason_REASON_BODY_SYNTAX: {
		"Nội dung không phải JSON đúng cú pháp: từ dòng {line}, cột {column} không đọc tiếp được, gần {value}; hãy sửa chỗ đó.",
		"The body is not correct JSON: it cannot be read on from line {line}, column {column}, near {value}; correct that place.",
	},
	faultpb.Reason_REASON_BODY_FIELD_UNKNOWN: {
		"Nội dung JSON có trường {field} không tồn tại; hãy dùng {form}.",
		"The JSON body has a field {field}, which does not exist; use {form}.",
	},
	faultpb.Reason_REASON_QUERY_PARAMETER_UNKNOWN: {
		"Địa chỉ có tham số {field} không tồn tại; hãy dùng {form}.",
		"The query has a parameter {field}, which does not exist; use {form}.",
	},
	faultpb.Reason_REASON_PAGE_UNKNOWN: {
		"Không có trang {value}; hãy kiểm tra lại địa chỉ hoặc bắt đầu từ trang đầu.",
		"There is no page {value}; check the address or start from the first page.",
	},
	faultpb.Reason_REASON_TOO_MANY_REQUESTS: {
		"Yêu cầu gửi đến quá dồn dập; hãy đợi {limit} giây rồi thử lại.",
		"Requests come too fast; wait for {limit} seconds and try again.",
	},
	faultpb.Reason_REASON_TOO_MANY_AT_ONCE: {
		"Đang có {limit} yêu cầu chưa xong, chưa nhận thêm được; hãy đợi các yêu cầu đó xong rồi thử lại.",
		"{limit} requests are under way and no more are taken; wait until some have ended and try again.",
	},
	faultpb.Reason_REASON_FORM_STALE: {
		"Trang này mở đã lâu hoặc phiên đăng nhập đã đổi, nên biểu mẫu chưa được nhận; hãy tải lại trang rồi gửi lại.",
		"This page was open for long, or the session has changed, so the form was not taken; load the page again and send it once more.",
	},
	faultpb.Reason_REASON_FORM_INVALID: {
		"Biểu mẫu gửi đến không đúng dạng; hãy mở lại trang rồi điền lại.",
		"The form that was sent is malformed; open the page again and fill it in anew.",
	},
	faultpb.Reason_REASON_OIDC_STALE: {
		"Lần đăng nhập qua {name} này đã quá hạn, đã dùng rồi hoặc được bắt đầu ở trình duyệt khác; hãy mở lại trang đăng nhập và bắt đầu lại.",
		"This sign-in by {name} is too old, has ended before, or was begun in another browser; open the sign-in page and begin again.",
	},
	faultpb.Reason_REASON_OIDC_REFUSED: {
		"{name} báo rằng chưa đăng nhập được hoặc không được phép dùng hệ thống này; hãy thử lại, nếu vẫn lỗi thì hỏi người quản trị {name}.",
		"{name} says that you did not sign in, or may not use this system; try again, and ask the administrator of {name} if it goes on.",
	},
	faultpb.Reason_REASON_OIDC_UNAVAILABLE: {
		"Chưa kết nối được với {name} nên chưa đăng nhập được qua đó; hãy thử lại sau ít phút, nếu vẫn lỗi thì báo người quản trị.",
		"{name} cannot be reached, so nobody can sign in by it now; try again in a few minutes, and tell the administrator if it goes on.",
	},
	faultpb.Reason_REASON_OIDC_UNUSABLE: {
		"Không đăng nhập được qua {name}: nơi đó không chấp nhận hệ thống này hoặc trả lời sai quy cách ({value}); hãy báo người quản trị kiểm tra các thiết lập --oidc-… và phần khai báo hệ thống này ở {name}.",
		"Nobody can sign in by {name}: it does not take this system as its client, or answers what it may not ({value}); have the administrator check the settings --oidc-… and what {name} knows of this system.",
	},
	faultpb.Reason_REASON_TOO_MANY_STREAMS_AT_ONCE: {
		"Tài khoản này đang nghe {limit} luồng sự kiện cùng lúc, chưa nhận thêm được; hãy đóng bớt luồng cũ rồi thử lại.",
		"This account listens to {limit} streams of events at once and can have no more; close some of them and try again.",
	},
}
