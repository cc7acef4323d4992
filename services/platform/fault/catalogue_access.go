package fault

import faultpb "coso/proto/gen/coso/fault/v1"

// ofAccess holds the texts of the reasons for which a proved caller is refused; see ofServices. value is the permission.
var ofAccess = map[faultpb.Reason]entry{ //nolint:exhaustive // a part; a test holds the whole
	faultpb.Reason_REASON_PERMISSION_DENIED: {
		"Tài khoản này chưa được giao quyền {value} ở đơn vị nào; hãy đề nghị người quản trị của đơn vị giao quyền.",
		"This account holds the permission {value} in no unit; ask the unit's administrator for a grant.",
	},
	faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT: {
		"Tài khoản này không có quyền {value} tại {name}; hãy đề nghị người quản trị của đơn vị đó giao quyền, hoặc chọn đơn vị thuộc phạm vi được giao.",
		"This account does not hold the permission {value} in {name}; ask that unit's administrator for a grant, or choose a unit within your own.",
	},
	faultpb.Reason_REASON_PERMISSION_DENIED_OR_MISSING: {
		"Không có {name}, hoặc tài khoản này không có quyền {value} tại đơn vị của nó; hãy kiểm tra lại tên, hoặc đề nghị người quản trị của đơn vị giao quyền.",
		"There is no {name}, or this account does not hold the permission {value} in its unit; check the name, or ask the unit's administrator for a grant.",
	},
	faultpb.Reason_REASON_NOT_AS_SUBSTITUTE: {
		"Việc này không làm thay {name} được vì hiệu lực còn mãi sau khi hết thời gian thay; hãy để người giữ quyền tự làm.",
		"This cannot be done in the stead of {name}, since it would outlast the substitution; have it done by who holds the grant.",
	},
	faultpb.Reason_REASON_SERVICES_ONLY: {
		"Chỉ các dịch vụ của hệ thống mới hỏi nhau việc này; người dùng không cần đến.",
		"Only the services of the installation ask this of each other; users have no need of it.",
	},
	faultpb.Reason_REASON_PERMISSION_DENIED_EVERYWHERE: {
		"Việc này chung cho toàn hệ thống, cần quyền {value} ở mọi đơn vị; hãy đề nghị người quản trị hệ thống.",
		"This concerns the whole installation and needs the permission {value} everywhere; ask the installation's administrator.",
	},

	faultpb.Reason_REASON_FOUR_EYES: {
		"Đề xuất cho {name} do {by} đưa ra lúc {from}; người đề xuất, người được thay mặt và người đang thay mặt họ không được tự quyết định. Hãy để một người khác có quyền phê duyệt quyết định.",
		"What is proposed for {name} was proposed by {by} at {from}; who proposed, in whose stead, and who stands in for them, does not decide. Let somebody else who may approve decide.",
	},
	faultpb.Reason_REASON_NOTHING_PROPOSED: {
		"{name} không có đề xuất nào đang chờ quyết định: chưa ai đề xuất, hoặc đề xuất đã được quyết định hay đã rút; hãy đọc lại.",
		"Nothing that waits for a decision is proposed for {name}: nobody has proposed, or it was decided or taken back; read it again.",
	},
	faultpb.Reason_REASON_PROPOSAL_NOT_ONES_OWN: {
		"Đề xuất cho {name} do {by} đưa ra lúc {from}; chỉ họ rút lại được. Người có quyền phê duyệt có thể không chấp thuận đề xuất này.",
		"What is proposed for {name} was proposed by {by} at {from}; only they can take it back. Somebody who may approve can reject it.",
	},

	faultpb.Reason_REASON_GRANT_SPAN: {
		"Thời điểm kết thúc {value} phải sau {from}; hãy chọn thời điểm muộn hơn.",
		"The end {value} must be after {from}; choose a later moment.",
	},
	faultpb.Reason_REASON_GRANT_TO_ONESELF: {
		"{value} đang giữ chính quyền này, không thể tự thay mình; hãy chọn người khác.",
		"{value} holds this very grant and cannot stand in for himself; choose somebody else.",
	},
	faultpb.Reason_REASON_GRANT_OF_SUBSTITUTE: {
		"Quyền {name} là quyền thay mặt theo {by}, không ủy quyền tiếp được; người giữ {by} phải tự ủy quyền.",
		"The grant {name} is a substitute's, of {by}, and cannot be passed on; the holder of {by} must name the substitute.",
	},
	faultpb.Reason_REASON_SUBSTITUTION_TOO_LONG: {
		"Việc thay mặt đến {value} dài quá {limit} ngày; hãy chọn ngày kết thúc sớm hơn, hết hạn thì ủy quyền lại.",
		"Standing in until {value} is longer than {limit} days; choose an earlier end and name the substitute again then.",
	},
	faultpb.Reason_REASON_GRANT_ENDS_BEFORE: {
		"Quyền {name} hết hạn lúc {current}, trước {value}; hãy chọn thời điểm kết thúc không muộn hơn.",
		"The grant {name} ends at {current}, before {value}; choose an end that is no later.",
	},
	faultpb.Reason_REASON_GRANT_ENDED: {
		"Quyền {name} đã kết thúc lúc {current}; nếu vẫn cần thì giao quyền mới.",
		"The grant {name} ended at {current}; give a new one if it is still needed.",
	},
	faultpb.Reason_REASON_LAST_ADMINISTRATOR: {
		"{name} là quyền quản trị toàn hệ thống cuối cùng, của {value}; hãy giao quyền quản trị không thời hạn cho người khác trước.",
		"{name} is the last grant that administers the whole installation, held by {value}; give somebody else an unlimited one first.",
	},
	faultpb.Reason_REASON_GRANT_EXCEEDS: {
		"Vai trò này gồm quyền {value} mà người giao không tự giữ ở đơn vị đó; chỉ giao được quyền chính mình đang có.",
		"The role holds {value}, which the caller does not hold in that unit by a grant of his own; nobody gives what he does not hold.",
	},
	faultpb.Reason_REASON_GRANT_NOT_ONES_OWN: {
		"Không có quyền {name}, hoặc đó là quyền của người khác; chỉ người giữ quyền hoặc người quản trị đơn vị mới làm được việc này.",
		"There is no grant {name}, or it is somebody else's; only its holder, or the unit's administrator, can do this.",
	},
	faultpb.Reason_REASON_GRANT_GIVEN_TO_ONESELF: {
		"Không ai được tự giao quyền cho mình, kể cả khi đang thay mặt hay được thay mặt ({value}); hãy để một người quản trị khác giao.",
		"Nobody gives a grant to himself, in whosever stead he acts ({value}); have it given by another administrator.",
	},
	faultpb.Reason_REASON_GRANT_OUTLASTS: {
		"Người giao chỉ giữ quyền {value} ở đơn vị đó đến {limit}; hãy chọn thời điểm kết thúc không muộn hơn, hoặc để người giữ quyền lâu hơn giao.",
		"The caller holds {value} in that unit until {limit} only; choose an end that is no later, or have it given by somebody who holds it longer.",
	},
	faultpb.Reason_REASON_TOO_MANY_SUBSTITUTES: {
		"Quyền {name} đã có {limit} người thay mặt, không thêm được nữa; hãy kết thúc việc thay mặt của người không còn cần.",
		"The grant {name} has {limit} substitutes already and can have no more; end the substitution of one who is not needed any more.",
	},
	faultpb.Reason_REASON_TOO_MANY_SUBSTITUTIONS: {
		"{value} đang thay mặt theo {limit} quyền, không nhận thêm được nữa; hãy chọn người khác, hoặc để người đó trả lại việc thay mặt không còn cần.",
		"{value} stands in for the holders of {limit} grants already and can take no more; choose somebody else, or have them give back one that is not needed any more.",
	},
}
