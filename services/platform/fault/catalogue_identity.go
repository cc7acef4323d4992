package fault

import faultpb "coso/proto/gen/coso/fault/v1"

// ofIdentity holds the texts of the reasons that the gateway's accounts give; see ofServices. No text repeats a secret.
var ofIdentity = map[faultpb.Reason]entry{ //nolint:exhaustive // a part; a test holds the whole
	faultpb.Reason_REASON_SIGN_IN_FAILED: {
		"Tên đăng nhập hoặc mật khẩu không đúng; hãy kiểm tra phím Caps Lock và bộ gõ tiếng Việt rồi nhập lại, nếu quên mật khẩu thì nhờ người quản trị đặt lại.",
		"The user name or the password is wrong; check Caps Lock and the keyboard layout and type them again, or have the administrator reset the password.",
	},
	faultpb.Reason_REASON_SIGN_IN_TOO_OFTEN: {
		"Đã nhập sai quá nhiều lần; hãy thử lại từ {value} (bây giờ là {current}).",
		"There were too many failures; try again from {value} on (it is {current} now).",
	},
	faultpb.Reason_REASON_SIGN_IN_BUSY: {
		"Đang có quá nhiều người đăng nhập cùng lúc; hãy thử lại sau ít giây.",
		"Too many people sign in at this moment; try again in a few seconds.",
	},
	faultpb.Reason_REASON_ACCOUNT_DISABLED: {
		"Tài khoản này đã bị khóa; hãy hỏi người quản trị.",
		"This account is closed; ask the administrator.",
	},
	faultpb.Reason_REASON_ONE_TIME_PASSWORD_EXPIRED: {
		"Mật khẩu dùng một lần đã hết hạn lúc {value}; hãy nhờ người quản trị đặt lại mật khẩu.",
		"The one-time password expired at {value}; have the administrator reset the password.",
	},
	faultpb.Reason_REASON_SESSION_ENDED: {
		"Phiên đăng nhập đã kết thúc; hãy đăng nhập lại.",
		"The session has ended; sign in again.",
	},
	faultpb.Reason_REASON_REFRESH_TOKEN_INVALID: {
		"Mã gia hạn phiên không đúng hoặc bị sao chép thiếu; hãy đăng nhập lại.",
		"The refresh token is none of this system or was copied in part; sign in again.",
	},
	faultpb.Reason_REASON_REFRESH_TOKEN_REUSED: {
		"Mã gia hạn phiên này đã được dùng trước đó nên có thể đã bị lấy cắp, phiên đã bị kết thúc; hãy đăng nhập lại, nếu không phải do máy của mình gửi lại thì đổi mật khẩu.",
		"This refresh token was used before, so it may have been stolen, and its session was ended; sign in again, and change the password unless your own device sent it twice.",
	},
	faultpb.Reason_REASON_PASSWORD_CHANGE_NEEDED: {
		"Đang đăng nhập bằng mật khẩu dùng một lần; hãy đổi mật khẩu rồi làm tiếp.",
		"You are signed in with a one-time password; change it, then go on.",
	},
	faultpb.Reason_REASON_SESSION_NEEDED: {
		"Việc này chỉ dành cho người đã tự đăng nhập vào hệ thống này, không làm được bằng mã truy cập API; hãy đăng nhập rồi gửi lại.",
		"This is for people who have signed in to this system, and cannot be done with an API token; sign in and send it again.",
	},
	faultpb.Reason_REASON_PASSWORD_TOO_SHORT: {
		"Mật khẩu mới có {value} ký tự, cần ít nhất {limit}; hãy dùng một câu dài dễ nhớ.",
		"The new password has {value} characters and needs at least {limit}; use a long phrase that is easy to remember.",
	},
	faultpb.Reason_REASON_PASSWORD_TOO_LONG: {
		"Mật khẩu mới dài {value} byte, nhiều nhất là {limit}; hãy rút ngắn lại.",
		"The new password has {value} bytes and may have {limit} at most; make it shorter.",
	},
	faultpb.Reason_REASON_PASSWORD_HOLDS_NAME: {
		"Mật khẩu mới có chứa tên đăng nhập; hãy chọn mật khẩu khác.",
		"The new password holds the user name; choose another.",
	},
	faultpb.Reason_REASON_PASSWORD_TOO_SIMPLE: {
		"Mật khẩu mới dễ đoán: lặp lại, theo thứ tự phím hoặc số, hay gồm những từ nhiều người dùng; hãy ghép vài từ không liên quan với nhau.",
		"The new password is easy to guess: repetitions, rows of keys or numbers, or words that many use; put some unrelated words together.",
	},
	faultpb.Reason_REASON_PASSWORD_UNCHANGED: {
		"Mật khẩu mới giống mật khẩu cũ; hãy chọn mật khẩu khác.",
		"The new password is the old one; choose another.",
	},
	faultpb.Reason_REASON_PASSWORD_WRONG: {
		"Mật khẩu hiện tại không đúng; hãy nhập lại.",
		"The present password is another; type it again.",
	},
	faultpb.Reason_REASON_ACCOUNT_ID_RESERVED: {
		"Tên đăng nhập {value} được dành riêng cho hệ thống; hãy chọn tên khác.",
		"The user name {value} is kept for the system itself; choose another.",
	},
	faultpb.Reason_REASON_ACCOUNT_OWN: {
		"Không thể tự khóa hoặc tự đặt lại mật khẩu của {name} khi đang đăng nhập bằng chính tài khoản đó; hãy nhờ người quản trị khác, còn mật khẩu thì đổi bằng chức năng đổi mật khẩu.",
		"Nobody closes {name} or resets its password while signed in with it; ask another administrator, or change the password instead.",
	},
	faultpb.Reason_REASON_API_TOKEN_INVALID: {
		"Mã truy cập API không đúng hoặc bị sao chép thiếu; hãy sao chép lại cả mã, từ coso_ đến ký tự cuối.",
		"The API token is none of this system or was copied in part; copy all of it again, from coso_ to the last character.",
	},
	faultpb.Reason_REASON_API_TOKEN_EXPIRED: {
		"Mã truy cập API đã hết hạn lúc {value}; hãy tạo mã mới.",
		"The API token expired at {value}; make another.",
	},
	faultpb.Reason_REASON_API_TOKEN_REVOKED: {
		"Mã truy cập API đã bị thu hồi lúc {value}; hãy tạo mã mới nếu vẫn cần.",
		"The API token was revoked at {value}; make another if it is still needed.",
	},
	faultpb.Reason_REASON_API_TOKEN_EXPIRY: {
		"Hạn dùng {value} của mã truy cập API không hợp lệ; hãy chọn một thời điểm sau bây giờ và không muộn hơn {limit}.",
		"An API token cannot expire at {value}; choose a moment after now and not later than {limit}.",
	},
	faultpb.Reason_REASON_TOO_MANY_API_TOKENS: {
		"Tài khoản đã có {limit} mã truy cập API còn dùng được, không thể tạo thêm; hãy thu hồi mã không còn cần.",
		"The account has {limit} API tokens in use already and can have no more; revoke one that is not needed any more.",
	},
	faultpb.Reason_REASON_ACCOUNT_NEEDED: {
		"Việc này chỉ dành cho tài khoản của hệ thống này; tài khoản đăng nhập qua nơi khác thì đổi mật khẩu ở nơi đó, còn mã truy cập API thì nhờ người quản trị mở tài khoản.",
		"This is for accounts of this system; who signs in by another issuer changes the password there, and asks an administrator for an account to have API tokens.",
	},
}
