package fault

import faultpb "coso/proto/gen/coso/fault/v1"

// ofReplicas holds the texts of the reasons that concern a service's replicas; see ofServices. name is the replica or service.
var ofReplicas = map[faultpb.Reason]entry{ //nolint:exhaustive // a part; a test holds the whole
	faultpb.Reason_REASON_TABLES_DAMAGED: {
		"Các bảng dữ liệu không còn khớp với nhật ký: tệp dữ liệu đã bị thay đổi ngoài chương trình hoặc đĩa hỏng; đừng dùng tệp này nữa, hãy dựng lại từ bản sao khác hoặc bản sao lưu.",
		"The tables no longer hold what the journal says: the data file was changed by something else, or the disk is bad; do not use this file any more, begin again with a copy of another replica or a backup.",
	},
	faultpb.Reason_REASON_REPLICA_DIFFERS: {
		"Bản sao {name} khác với đa số các bản sao của dịch vụ nên đã tự tách ra, không ghi và không trả lời; hãy chạy coso doctor, giữ lại thư mục dữ liệu để tìm nguyên nhân, rồi khởi động lại trên thư mục trống.",
		"The replica {name} differs from most replicas of its service, so it has set itself aside and neither writes nor answers; run coso doctor, keep its data folder to look into, and start it again on an empty one.",
	},
	faultpb.Reason_REASON_REPLICA_SET_ASIDE: {
		"Bản sao này của dịch vụ đã bị tách ra vì dữ liệu có vấn đề, một bản sao khác sẽ trả lời; hãy gửi lại yêu cầu, người quản trị hãy chạy coso doctor.",
		"This replica of the service is set aside since its data are in doubt, and another one answers; send the request again, and the administrator must run coso doctor.",
	},
	faultpb.Reason_REASON_REPLICAS_DIVIDED: {
		"Các bản sao của dịch vụ khác nhau mà không bên nào chiếm đa số nên không ghi gì nữa; người quản trị hãy chạy coso doctor, chọn bản sao đúng và dựng lại bản sao kia.",
		"The replicas of the service differ and none of the states is that of a majority, so nothing is written; the administrator must run coso doctor, decide which replica is right and begin the other one anew.",
	},
	faultpb.Reason_REASON_LOG_WENT_BACK: {
		"Nhật ký chung kết thúc ở mục {value}, trong khi các bản sao đã có đến mục {current}: có người đã đưa một nhật ký cũ trở lại; người quản trị hãy chạy coso doctor và dựng lại nhật ký từ một bản sao.",
		"The shared log ends at entry {value}, and replicas hold entries up to {current}: somebody put an older log back; the administrator must run coso doctor and rebuild the log from a replica.",
	},
	faultpb.Reason_REASON_LOG_BEHIND: {
		"Chưa ghi được: nhật ký chung trả lời rằng nó kết thúc ở mục {value}, trong khi các bản sao đã có đến mục {current}; một máy chủ nhật ký bị cắt liên lạc trả lời như vậy trong ít giây. Hãy thử lại sau.",
		"Nothing can be written yet: the shared log says that it ends at entry {value}, and replicas hold entries up to {current}; a server of the log that is cut off says so for some seconds. Try again later.",
	},
	faultpb.Reason_REASON_AGREEMENT_MISSING: {
		"Chưa ghi được: mới có {value} bản sao cùng dữ liệu, cần {limit}; hãy thử lại sau, nếu kéo dài thì hãy chạy coso doctor.",
		"Nothing can be written yet: {value} replicas hold the same data, {limit} are needed; try again later, and run coso doctor if this goes on.",
	},
	faultpb.Reason_REASON_AGREEMENT_NOT_NEEDED: {
		"Dịch vụ {name} đang ghi được với sự đồng thuận của đa số bản sao, không cần chấp nhận gì; hãy chạy coso doctor để xem tình trạng.",
		"The service {name} writes with the agreement of a majority of its replicas, so there is nothing to accept; run coso doctor to see how it does.",
	},
	faultpb.Reason_REASON_STREAM_CHANGED: {
		"Cài đặt của luồng {name} trên máy chủ NATS đã bị đổi, nên nhật ký có thể mất hoặc bị sửa và không ghi gì nữa; người quản trị hãy chạy coso doctor và đặt lại như cũ.",
		"Settings of the stream {name} on the NATS servers were changed, so that the journal might lose or change entries, and nothing is written; the administrator must run coso doctor and set them back.",
	},
}
