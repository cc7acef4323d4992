package fault

import faultpb "coso/proto/gen/coso/fault/v1"

// ofTokens holds the texts of the reasons for which a token is refused; see ofServices. No text repeats what stands in a
// token that was not proved: it may be somebody else's.
var ofTokens = map[faultpb.Reason]entry{ //nolint:exhaustive // a part; a test holds that all parts together have every reason
	faultpb.Reason_REASON_TOKEN_MISSING: {
		"Yêu cầu chưa kèm mã đăng nhập; hãy đăng nhập rồi gửi lại với tiêu đề Authorization: Bearer.",
		"The request carries no token; sign in and send it again with the header Authorization: Bearer.",
	},
	faultpb.Reason_REASON_TOKEN_TOO_LARGE: {
		"Mã đăng nhập dài quá {limit} byte; hãy đăng nhập lại, nếu vẫn lỗi thì báo người quản trị.",
		"The token is longer than {limit} bytes; sign in again, and tell the administrator if it goes on.",
	},
	faultpb.Reason_REASON_TOKEN_MALFORMED: {
		"Không đọc được một phần của mã đăng nhập ({field}); hãy đăng nhập lại, nếu vẫn lỗi thì báo người quản trị.",
		"A part of the token cannot be read ({field}); sign in again, and tell the administrator if it goes on.",
	},
	faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN: {
		"Mã đăng nhập do một nơi cấp mà hệ thống này không biết; hãy đăng nhập qua hệ thống này, hoặc nhờ người quản trị khai báo nơi cấp.",
		"The token comes from an issuer that this system does not know; sign in with this system, or have the administrator name the issuer.",
	},
	faultpb.Reason_REASON_TOKEN_ALGORITHM: {
		"Mã đăng nhập được ký bằng thuật toán không được phép, chỉ nhận {limit}; hãy đăng nhập lại, nếu vẫn lỗi thì báo người quản trị.",
		"The token is signed by an algorithm that is not allowed, only {limit} is; sign in again, and tell the administrator if it goes on.",
	},
	faultpb.Reason_REASON_TOKEN_KEY_UNKNOWN: {
		"Nơi cấp {name} không công bố khóa đã ký mã đăng nhập này; hãy đăng nhập lại.",
		"The issuer {name} does not publish the key that signed this token; sign in again.",
	},
	faultpb.Reason_REASON_TOKEN_SIGNATURE: {
		"Chữ ký của mã đăng nhập không khớp, mã đã bị sửa hoặc sao chép thiếu; hãy đăng nhập lại.",
		"The signature of the token does not fit, it was altered or copied in part; sign in again.",
	},
	faultpb.Reason_REASON_TOKEN_AUDIENCE: {
		"Mã đăng nhập được cấp cho hệ thống khác, không phải cho {name}; hãy đăng nhập vào hệ thống này.",
		"The token was issued for another system, not for {name}; sign in to this one.",
	},
	faultpb.Reason_REASON_TOKEN_EXPIRED: {
		"Mã đăng nhập đã hết hạn lúc {value} (bây giờ là {current}); hãy đăng nhập lại.",
		"The token expired at {value} (it is {current} now); sign in again.",
	},
	faultpb.Reason_REASON_TOKEN_NOT_YET_VALID: {
		"Mã đăng nhập chỉ có hiệu lực từ {value}, bây giờ mới là {current}; hãy chờ hoặc nhờ người quản trị kiểm tra đồng hồ của các máy chủ.",
		"The token holds from {value} on and it is {current} now; wait, or have the administrator check the clocks of the servers.",
	},
	faultpb.Reason_REASON_TOKEN_KEYS_UNAVAILABLE: {
		"Chưa đọc được khóa công khai của nơi cấp {name} nên chưa kiểm tra được mã đăng nhập; hãy thử lại sau ít phút, nếu vẫn lỗi thì báo người quản trị.",
		"The public keys of the issuer {name} cannot be read, so the token cannot be checked; try again in a few minutes, and tell the administrator if it goes on.",
	},
	faultpb.Reason_REASON_TOKEN_SCOPE: {
		"Mã đăng nhập này chỉ dùng được cho phạm vi {value}, không gồm việc {name}; hãy đăng nhập bằng mật khẩu hoặc dùng mã có phạm vi rộng hơn.",
		"This token is narrowed to {value}, which {name} is no part of; sign in with a password, or use a token that is not so narrow.",
	},
	faultpb.Reason_REASON_TOKEN_SCOPE_UNKNOWN: {
		"Phạm vi {value} của mã đăng nhập không có trong hệ thống này; hãy lấy mã khác ở nơi đã cấp.",
		"The token is narrowed to {value}, which this system does not know; get another one from who issued it.",
	},
	faultpb.Reason_REASON_TOKEN_SCHEME: {
		"Tiêu đề Authorization không đúng dạng: chỉ nhận Authorization: Bearer kèm mã đăng nhập hoặc mã truy cập API (coso_…), không nhận tên và mật khẩu (Basic); lấy mã đăng nhập bằng POST /v1/sessions.",
		"The header Authorization is of another form: only Authorization: Bearer is taken, with a token or an API token (coso_…), not a user name and password (Basic); POST /v1/sessions gives a token.",
	},
	faultpb.Reason_REASON_TOKEN_NONCE: {
		"Mã xác nhận không thuộc lần đăng nhập này; hãy đăng nhập lại từ đầu.",
		"The ID token belongs to another sign-in than this one; sign in again from the beginning.",
	},
}
