package store

import "google.golang.org/protobuf/proto"

// onlyValidates says whether a request asks to be judged without effect (AIP-163).
func onlyValidates(req proto.Message) bool {
	r, ok := req.(interface{ GetValidateOnly() bool })
	return ok && r.GetValidateOnly()
}

// rehearsed is the outcome of a command that passed and shall have no effect: INV-STORE-REHEARSAL-NO-TRACE. What it
// did is taken back, so the commands behind it see nothing of it, and neither journal nor request ids know of it. It answers
// what it would have answered, but for the etag: the resource is not stored, so nothing can rest on it.
func rehearsed(tx *Tx, answer proto.Message) outcome {
	if proto.Size(tx.command) > maxCommand+maxCommand/4 {
		return outcome{err: tooLarge("command", maxCommand)}
	}
	return outcome{answer: answer}
}
