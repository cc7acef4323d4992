package main

import (
	"fmt"
	"strings"

	"coso/deploy/internal/sheet"
	shell "coso/services/platform/run"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
)

// words tell a report to a person.
type words struct{ lang sheet.Lang }

func (w words) tell(vi, en string, args ...any) string {
	return fmt.Sprintf(tell(w.lang, vi, en), args...)
}

// of finds what is wrong, the most important first.
func (w words) of(r *replicapb.ReplicaReport) (out []finding) {
	add := func(code int, what, todo string) { out = append(out, finding{code, what, todo}) }
	self := selfIn(r)
	l, a := r.GetLog(), r.GetAgreement()
	switch {
	case self.GetState().GetHalted() != nil:
		add(takesNothing, w.trouble(self.GetState().GetHalted()), w.next(r, self.GetState().GetHalted().GetReason()))
	case l.GetAway() != nil:
		add(takesNothing, w.tell("máy chủ NATS không trả lời: %s", "the NATS servers do not answer: %s", l.GetAway().GetDetail()),
			w.tell("kiểm tra các máy chủ NATS và đường mạng tới đó; đọc vẫn được, ghi sẽ tự chạy lại", "see to the NATS servers and the network to them; reading goes on, writing comes back by itself"))
	case l.GetUnsound() != nil:
		add(takesNothing, w.trouble(l.GetUnsound()), w.next(r, l.GetUnsound().GetReason()))
	case a.GetMissing().GetReason() == faultpb.Reason_REASON_AGREEMENT_MISSING:
		add(takesNothing, w.tell("chưa ghi được gì: %d/%d bản sao có cùng dữ liệu, cần %d", "nothing is written: %d of %d replicas hold the same data, %d are needed",
			a.GetHave(), len(r.GetReplicas()), a.GetNeed()), w.next(r, a.GetMissing().GetReason()))
	case !a.GetPresent():
		add(takesNothing, w.trouble(a.GetMissing()), w.next(r, a.GetMissing().GetReason()))
	}
	if why := a.GetAcceptance(); why != nil {
		add(needsCare, w.tell("%s đang ghi không cần đa số, do người quản trị chấp nhận lúc %s: %s", "%s writes without a majority; an operator accepted that on %s: %s",
			r.GetReplica(), why.GetCreateTime().AsTime().Format("2006-01-02 15:04:05Z"), why.GetReason()),
			w.tell("đưa %s trở lại; chấp nhận tự hết hiệu lực khi đa số đồng thuận", "bring %s back; the acceptance ends by itself when a majority agrees", strings.Join(why.GetMissing(), ", ")))
	}
	for _, v := range r.GetReplicas() {
		if f := w.ofPeer(r, v); f != nil {
			out = append(out, *f)
		}
	}
	if lazy := l.GetLazy(); lazy != nil {
		add(needsCare, w.tell("mất điện có thể làm mất dữ liệu đã xác nhận: %s", "a power cut may take what was acknowledged: %s", lazy.GetDetail()),
			w.tell("đặt sync_interval: always trong khối jetstream của mọi máy chủ NATS", "set sync_interval: always in the jetstream block of every NATS server"))
	}
	return out
}

// ofPeer is what is wrong with one replica, as the one that reports sees it; nil: nothing.
func (w words) ofPeer(r *replicapb.ReplicaReport, v *replicapb.ReplicaView) *finding {
	name, self := v.GetReplica(), v.GetRelation() == replicapb.Relation_RELATION_SELF
	anew := w.tell("nếu đa số đúng: dừng %s, giữ thư mục dữ liệu của nó để tìm nguyên nhân, rồi khởi động nó trên thư mục trống", "if the majority is right: stop %s, keep its data folder to look into, and start it on an empty one", name)
	switch v.GetRelation() { //nolint:exhaustive // the others are well
	case replicapb.Relation_RELATION_SILENT:
		return &finding{
			needsCare, w.tell("%s không trả lời: %s", "%s does not answer: %s", name, v.GetSilence()),
			w.tell("khởi động %s, hoặc sửa đường mạng và địa chỉ trong --replicas", "start %s, or mend the network and the addresses in --replicas", name),
		}
	case replicapb.Relation_RELATION_FOREIGN:
		return &finding{needsCare, w.tell("%s giữ nhật ký khác (%s)", "%s holds another journal (%s)", name, v.GetState().GetNow().GetIncarnation()), anew}
	case replicapb.Relation_RELATION_DIFFERS:
		return &finding{needsCare, w.tell("%s có dữ liệu khác với %s ở mục %d", "%s holds other data than %s at entry %d", name, r.GetReplica(), v.GetComparedPosition()), anew}
	}
	if why := v.GetState().GetHalted(); why != nil && !self {
		return &finding{needsCare, name + ": " + w.trouble(why), anew}
	}
	if at, last := v.GetState().GetNow().GetPosition(), furthest(r); at+shell.MaxLag < last {
		return &finding{
			needsCare, w.tell("%s chậm %d mục", "%s is %d entries behind", name, last-at),
			w.tell("chờ nó đuổi kịp; nếu không tiến thì xem nhật ký lỗi của nó", "wait until it has caught up; if it does not move, look at what it logs"),
		}
	}
	return nil
}

// stateOf is a replica in a few words.
func (w words) stateOf(r *replicapb.ReplicaReport, v *replicapb.ReplicaView) string {
	var parts []string
	say := func(vi, en string) { parts = append(parts, tell(w.lang, vi, en)) }
	switch v.GetRelation() {
	case replicapb.Relation_RELATION_SELF:
		say("bản sao này", "this one")
	case replicapb.Relation_RELATION_SAME:
		if v.GetDigestsCompared() {
			say("giống (mục và bảng)", "same (entries and tables)")
		} else {
			say("giống (mục; bảng chưa so được)", "same (entries; tables not compared yet)")
		}
	case replicapb.Relation_RELATION_DIFFERS:
		say("KHÁC", "DIFFERS")
	case replicapb.Relation_RELATION_FOREIGN:
		say("NHẬT KÝ KHÁC", "ANOTHER JOURNAL")
	case replicapb.Relation_RELATION_ASIDE, replicapb.Relation_RELATION_UNSPECIFIED:
	case replicapb.Relation_RELATION_SILENT:
		say("không trả lời", "does not answer")
	}
	switch s := v.GetState(); {
	case s.GetSetAside():
		say("đã tách ra", "set aside")
	case s.GetHalted() != nil:
		say("ngừng ghi", "writes nothing")
	case v.GetReplica() == selfIn(r).GetState().GetWriter():
		say("ghi mục cuối", "wrote the last entry")
	}
	return strings.Join(parts, ", ")
}

func selfIn(r *replicapb.ReplicaReport) *replicapb.ReplicaView {
	for _, v := range r.GetReplicas() {
		if v.GetRelation() == replicapb.Relation_RELATION_SELF {
			return v
		}
	}
	return nil
}

// trouble is a trouble in the reader's language, with what was seen.
func (w words) trouble(t *replicapb.Trouble) string {
	said := tell(w.lang, t.GetTextVi(), t.GetTextEn())
	if t.GetDetail() != "" {
		said += " [" + t.GetDetail() + "]"
	}
	return said
}

// next is what to do about a trouble of the replica that reports.
func (w words) next(r *replicapb.ReplicaReport, reason faultpb.Reason) string {
	self := r.GetReplica()
	switch reason { //nolint:exhaustive // the texts of the others say it
	case faultpb.Reason_REASON_TABLES_DAMAGED, faultpb.Reason_REASON_REPLICA_DIFFERS, faultpb.Reason_REASON_DATA_DAMAGED:
		return w.tell("dừng %s, giữ thư mục dữ liệu của nó, rồi khởi động trên thư mục trống: nó bắt đầu bằng bản sao của một bản sao khác", "stop %s, keep its data folder, and start it on an empty one: it begins with a copy of another replica", self)
	case faultpb.Reason_REASON_REPLICAS_DIVIDED:
		return w.tell("quyết định bản sao nào đúng; dừng bản sao kia, giữ thư mục của nó và khởi động trên thư mục trống. Cần ghi ngay ở bản sao đúng: coso replicas accept %s --reason \"vì sao\"",
			"decide which replica is right; stop the other, keep its folder and start it on an empty one. To write at the right one at once: coso replicas accept %s --reason \"why\"", r.GetService())
	case faultpb.Reason_REASON_LOG_WENT_BACK, faultpb.Reason_REASON_STREAM_FOREIGN:
		most := foremost(r)
		return w.tell("dừng mọi bản sao của %[1]s; ở %[2]s, nơi có nhiều mục nhất, chạy: coso replicate %[1]s --delete-log --accept, rồi coso replicate %[1]s --rebuild --accept; rồi khởi động các bản sao khác trên thư mục trống",
			"stop all replicas of %[1]s; at %[2]s, which holds the most entries, run coso replicate %[1]s --delete-log --accept and then coso replicate %[1]s --rebuild --accept; then start the others on empty folders", r.GetService(), most)
	case faultpb.Reason_REASON_STREAM_CHANGED:
		return w.tell("đặt lại như cũ (nats stream edit %s, hoặc cấu hình nào đã đổi nó); sau đó ghi sẽ tự chạy lại, không dựng lại gì cả",
			"set it back (nats stream edit %s, or whatever configuration changed it); then writing comes back by itself, and nothing is rebuilt", r.GetLog().GetStream())
	case faultpb.Reason_REASON_LOG_BEHIND:
		return w.tell("đợi nửa phút rồi chạy lại coso doctor; chưa dựng lại gì cả", "wait half a minute and run coso doctor again; rebuild nothing yet")
	case faultpb.Reason_REASON_AGREEMENT_MISSING:
		return w.tell("đưa các bản sao còn thiếu trở lại. Chỉ khi chúng không thể trở lại: coso replicas accept %s --reason \"vì sao\"", "bring the missing replicas back. Only if they cannot come back: coso replicas accept %s --reason \"why\"", r.GetService())
	}
	return ""
}

// foremost is the replica that holds the most entries of this journal, as far as they answer.
func foremost(r *replicapb.ReplicaReport) string {
	name, most := r.GetReplica(), uint64(0)
	for _, v := range r.GetReplicas() {
		if at := v.GetState().GetNow().GetPosition(); sameJournal(v) && at > most {
			name, most = v.GetReplica(), at
		}
	}
	return name
}

// sameJournal says whether a replica's entries are those of the one that reports.
func sameJournal(v *replicapb.ReplicaView) bool {
	switch v.GetRelation() {
	case replicapb.Relation_RELATION_SELF, replicapb.Relation_RELATION_SAME, replicapb.Relation_RELATION_ASIDE:
		return true
	case replicapb.Relation_RELATION_DIFFERS, replicapb.Relation_RELATION_FOREIGN, replicapb.Relation_RELATION_SILENT, replicapb.Relation_RELATION_UNSPECIFIED:
	}
	return false
}
