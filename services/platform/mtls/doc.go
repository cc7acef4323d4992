// Package mtls lets the processes of one coso prove to each other who they are: TLS 1.3, a certificate on both sides, one
// private CA for all.
//
// INV-MTLS-NAMED: a certificate is for one service, which it names in one URI, `coso://services/<name>`. Whoever calls a
// service hangs up on another's certificate, though the same CA signed it; host names are checked beside.
// INV-MTLS-CALLERS: a process answers those alone that have a reason to call it (Callers).
// INV-MTLS-RELOAD: files that changed are taken within seconds, for connections made from then on; those that stand go on.
// New files that are no good change nothing but the log, a metric and readiness: the old certificate stays in use.
// INV-MTLS-UNPROVED: of connections whose callers have not proved who they are so many are open at once, and of these so many from
// one address; more are hung up on as they come.
//
// What a caller may do once it is connected is decided by rpc and access. Certificates are made elsewhere (coso certs), and
// none is withdrawn before it ends: their life is short instead.
package mtls
