package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"coso/deploy/internal/sheet"
	"coso/deploy/internal/single"
	"coso/services/platform/checkpoint"
	"coso/services/platform/civil"
	"coso/services/platform/store"
)

// held is a file of checkpoints against which journals are held.
type held struct {
	lang sheet.Lang
	// notes are those whose signatures leave nothing to say, by service.
	notes map[string][]checkpoint.Note
	// trusted: somebody named the keys; otherwise they are those that the file shows, which prove nothing.
	trusted  bool
	findings int
	w        io.Writer
}

// readHeld reads a file of checkpoints, checks every signature and says what is wrong with the file. Without a key it says
// who signed by nobody's word.
func readHeld(s streams, path string, keys []string, lang sheet.Lang) (*held, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	h := &held{lang: lang, notes: map[string][]checkpoint.Note{}, trusted: len(keys) > 0, w: s.out}
	f := checkpoint.Parse(raw)
	if !h.trusted {
		keys = f.Keys
	}
	known, err := checkpoint.NewKeys(keys...)
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	for _, n := range f.Notes {
		if why := h.refused(known.Check(n), n); why != "" {
			if err := h.find(why); err != nil {
				return nil, err
			}
			continue
		}
		h.notes[n.Service] = append(h.notes[n.Service], n)
	}
	for _, g := range f.Fragments {
		if err := h.fragment(g); err != nil {
			return nil, err
		}
	}
	if len(h.notes) == 0 {
		return nil, fmt.Errorf(h.tell("tệp %s không có điểm chốt nào dùng được: chưa chứng minh được gì", "%s holds no checkpoint that can be used: nothing is proved"), path)
	}
	return h, nil
}

func (h *held) tell(vi, en string) string { return tell(h.lang, vi, en) }

// find says and counts a finding; remark only says something.
func (h *held) find(text string) error {
	h.findings++
	return h.remark(h.tell("KHÔNG KHỚP", "FINDING") + ": " + text)
}

func (h *held) remark(text string) error {
	_, err := fmt.Fprintf(h.w, "  %s\n", text)
	return err
}

// refused says why a note cannot be used; empty: it can.
func (h *held) refused(sig checkpoint.Signature, n checkpoint.Note) string {
	where := fmt.Sprintf(h.tell("dòng %d (%s, mục %d)", "line %d (%s, entry %d)"), n.Line, n.Origin(), n.End.Position)
	switch {
	case sig == checkpoint.SignedFalsely:
		return fmt.Sprintf(h.tell("điểm chốt ở %s có chữ ký sai: nội dung đã bị sửa sau khi ký, hoặc chữ ký bị hỏng; hãy lấy lại tệp gốc",
			"the checkpoint in %s has a false signature: it was changed after it was signed, or the signature is damaged; get the original file"), where)
	case !slices.Contains(single.Services(), n.Service):
		return fmt.Sprintf(h.tell("điểm chốt ở %s là của một dịch vụ không có trong coso này", "the checkpoint in %s is of a service that this coso does not have"), where)
	case !h.trusted:
		return ""
	case sig == checkpoint.SignedByOther:
		return fmt.Sprintf(h.tell("điểm chốt ở %s là của nơi cài đặt khác; nếu là của nơi này trước khi đổi khóa, hãy thêm khóa cũ bằng --key",
			"the checkpoint in %s is of another installation; if it is of this one before its key was changed, add the old key with --key"), where)
	case sig == checkpoint.SignedWithOther:
		return fmt.Sprintf(h.tell("điểm chốt ở %s không do khóa đã nêu ký mà do một khóa khác cùng tên; chỉ thêm khóa đó bằng --key nếu nơi cài đặt đã bàn giao nó",
			"the checkpoint in %s was signed with another key of that name than those given; add it with --key only if the installation has handed it over"), where)
	default:
		return ""
	}
}

func (h *held) fragment(g checkpoint.Fragment) error {
	if g.Cut {
		return h.remark(fmt.Sprintf(h.tell("Điểm chốt cuối tệp (dòng %d–%d) ghi dở dang, có thể do mất điện; không tính điểm này.",
			"The last checkpoint in the file (lines %d to %d) is incomplete, perhaps by a power cut; it does not count."), g.First, g.Last))
	}
	return h.find(fmt.Sprintf(h.tell("dòng %d–%d của tệp không phải là một điểm chốt nguyên vẹn (%s); nếu do mất điện thì hãy xóa các dòng đó trong bản sao rồi kiểm tra lại",
		"lines %d to %d of the file are no whole checkpoint (%s); if a power cut has left them, delete them in a copy and check again"), g.First, g.Last, g.Why))
}

// judge says what a journal that was walked says of its checkpoints.
func (h *held) judge(service string, trail *checkpoint.Trail) error {
	notes := h.notes[service]
	if len(notes) == 0 {
		return h.remark(h.tell("không có điểm chốt nào của nhật ký này: chưa chứng minh được gì về nó", "no checkpoint of this journal: nothing is proved about it"))
	}
	var fitting *checkpoint.Note
	by := make(map[checkpoint.Verdict][]checkpoint.Note)
	for _, n := range notes {
		v, _ := trail.Judge(n.Checkpoint)
		by[v] = append(by[v], n)
		if v == checkpoint.Fits && (fitting == nil || n.End.Position > fitting.End.Position) {
			fitting = &n
		}
	}
	if fitting != nil {
		if err := h.remark(fmt.Sprintf(h.tell("%d/%d điểm chốt khớp; điểm xa nhất: mục %d, ký lúc %s; %d mục sau đó chưa được chốt",
			"%d of %d checkpoints fit; the farthest: entry %d, signed %s; %d entries after it are not covered yet"),
			len(by[checkpoint.Fits]), len(notes), fitting.End.Position, stamp(*fitting), trail.End()-fitting.End.Position)); err != nil {
			return err
		}
	}
	var failed error
	for v := checkpoint.Cut; v <= checkpoint.Later; v++ {
		if len(by[v]) > 0 {
			failed = errors.Join(failed, h.found(v, by[v], by[checkpoint.Fits], trail))
		}
	}
	return failed
}

// found says one verdict of some notes, by the one that shows it best.
func (h *held) found(v checkpoint.Verdict, notes, fitting []checkpoint.Note, trail *checkpoint.Trail) error {
	n := slices.MaxFunc(notes, byPosition)
	if v == checkpoint.Rewritten {
		n = slices.MinFunc(notes, byPosition)
	}
	_, from := trail.Judge(n.Checkpoint)
	var before uint64 // the last place before n that is as it was signed
	for _, f := range fitting {
		if f.End.Position < n.End.Position {
			before = max(before, f.End.Position)
		}
	}
	text := h.words(v, n, from, before)
	if len(notes) > 1 {
		text += fmt.Sprintf(h.tell(" (cùng với %d điểm chốt nữa)", " (and so %d more checkpoints)"), len(notes)-1)
	}
	if v == checkpoint.Later {
		return h.remark(text)
	}
	return h.find(text)
}

// words say a verdict. from is where journal and note part, before the place up to which the journal is as it was signed.
func (h *held) words(v checkpoint.Verdict, n checkpoint.Note, from, before uint64) string {
	note := fmt.Sprintf(h.tell("điểm chốt ký lúc %s (dòng %d)", "the checkpoint of %s (line %d)"), stamp(n), n.Line)
	at, id := n.End.Position, n.End.Incarnation
	switch v {
	case checkpoint.Cut:
		return fmt.Sprintf(h.tell("nhật ký kết thúc ở mục %d, trong khi %s đã ghi nhận mục %d: phần cuối bị cắt mất, thiếu các mục %d–%d",
			"the journal ends at entry %d, %s saw entry %d: its end is cut off, entries %d to %d are missing"), from, note, at, from+1, at)
	case checkpoint.Rewritten:
		return fmt.Sprintf(h.tell("mục %d không còn là mục mà %s đã ghi nhận: nhật ký đã bị viết lại, bắt đầu từ một mục trong khoảng %d–%d",
			"entry %d is not the one that %s saw: the journal was written anew, beginning somewhere in entries %d to %d"), at, note, before+1, at)
	case checkpoint.Restored:
		return fmt.Sprintf(h.tell("nhật ký đã được khôi phục từ bản sao lưu: nó đi tiếp từ sau mục %d của bản %s; thiếu các mục %d–%d mà %s đã ghi nhận; hãy đối chiếu với biên bản khôi phục",
			"the journal was restored from a backup: it goes on behind entry %d of incarnation %s; entries %d to %d, which %s saw, are missing; hold this against the record of the restore"),
			from, id, from+1, at, note)
	case checkpoint.LeftOut:
		return fmt.Sprintf(h.tell("%s thuộc bản %s, tách khỏi nhật ký này từ sau mục %d: đã có một lần khôi phục khác; các mục %d–%d của bản đó không có ở đây",
			"%s is of incarnation %s, which parted from this journal behind entry %d: there was another restore; its entries %d to %d are not here"), note, id, from, from+1, at)
	case checkpoint.Foreign:
		return fmt.Sprintf(h.tell("%s là của một nhật ký khác (bản %s), không có gì chung với nhật ký này: đây là dữ liệu của nơi khác, hoặc nhật ký đã bị lập lại từ đầu",
			"%s is of another journal (incarnation %s), which has nothing in common with this one: these are another installation's data, or the journal was begun anew"), note, id)
	case checkpoint.Unread:
		return fmt.Sprintf(h.tell("không đối chiếu được với %s: nhật ký hỏng trước mục %d", "it cannot be held against %s: the journal is damaged before entry %d"), note, at)
	case checkpoint.Later:
		return fmt.Sprintf(h.tell("bản sao lưu kết thúc ở mục %d, được lấy trước %s (mục %d): không đối chiếu được với điểm chốt đó",
			"the backup ends at entry %d and was taken before %s (entry %d): it cannot be held against that one"), from, note, at)
	case checkpoint.Fits:
	}
	return ""
}

// stamp is when a note was signed, as it says itself.
func stamp(n checkpoint.Note) string { return civil.Moment(n.Time) }

func byPosition(a, b checkpoint.Note) int {
	return cmp.Compare(a.End.Position, b.End.Position)
}

// end says who signed, as far as that is proved, and answers an error if anything was found.
func (h *held) end() error {
	text := h.tell("Chữ ký: đã kiểm tra bằng khóa được nêu ở --key.", "Signatures: checked with the keys given by --key.")
	if !h.trusted {
		text = h.tell("CHƯA CHỨNG MINH AI ĐÃ KÝ: không có --key. Hãy dùng khóa công khai mà cơ quan giữ điểm chốt đã nhận và giữ riêng, không lấy từ chính tệp này.",
			"WHO SIGNED IS NOT PROVED: there is no --key. Use the public key that the organisation keeping the checkpoints was given and keeps apart, not one from this file.")
	}
	if _, err := fmt.Fprintln(h.w, text); err != nil {
		return err
	}
	if h.findings > 0 {
		return fmt.Errorf(h.tell("%d điều không khớp với các điểm chốt; hãy giữ nguyên thư mục dữ liệu và tệp điểm chốt để xem xét",
			"%d findings against the checkpoints; keep the data folder and the file of checkpoints as they are, to look into"), h.findings)
	}
	return nil
}

// trail is one that knows what the notes of a service ask for; without a file of checkpoints, nothing.
func (h *held) trail(service string, backup bool) (*checkpoint.Trail, func(store.Link)) {
	if h == nil {
		return nil, nil
	}
	t := checkpoint.NewTrail(h.notes[service])
	t.Backup = backup
	return t, t.Tell
}
