// Package request lets two Karats that have spoken recognise each other's next
// request to talk, and leave nothing in it by which others could link it to an
// earlier one. It is pure: keys and the time go in, values for a ZRTP session come
// out.
//
// An INVITE announces the hash of the caller's ZRTP Hello. If the caller makes H0
// and ZID of that Hello from a key that both ends share, the callee can compute
// which hashes the next requests of its contacts will have, and look one up. Not an
// octet is added; without the key it looks random; either end could have made it,
// so it proves nothing to others.
//
//	rk(0)    the request key of an exchange (zrtp.Retained.RequestKey)
//	rk(h)    HMAC(rk(h-1), "ratchet" || h)           h: hours since Epoch
//	K        HMAC(rk(h), "req" || d)                 d: 1 if the sender was initiator
//	H0       HMAC(K, "H0" || step || ctr || template)
//	ZID      of the caller: trunc96(HMAC(K, "ZIDc" || step || ctr))
//	ZID      of the callee: trunc96(HMAC(K, "ZIDr" || SHA-256(caller's Hello)))
//	id key   HMAC(rk(h), "rsID")
//
// HMAC is with SHA-256. h and step are 8 octets, big-endian, ctr, d and template
// one; step counts 30 s since Epoch, and h is the hour that step lies in.
//
// The ratchet begins at Epoch and not at the exchange, because the two ends' clocks
// may lie on different sides of a full hour when they make the key. The key is of
// one account of each end and is looked for on that account only: else a provider
// could try a request on a person's other accounts and see which one reacts.
//
// Each exchange gives another key. Memory says which one to ask with and which to
// accept, so that neither end can miss an update and raise a false alarm, and which
// retained secrets go with them. Both ids of a DHPart are made one-time, each with
// the key of its own secret: were s1 the secret of the request's key alone, it would
// for ever be the one that last matched.
//
// A match says that this peer's phone prepared a call within the last two minutes.
// It does not say who is named in From, and it is no verification: a provider can
// put the hash into an INVITE of its own. Who holds the keys of either end can
// forge the other's request, and compute H0, so that the hash chain of such a Hello
// protects from everyone but the two.
//
// It does not store, and does not say when a request was accepted: the caller writes
// a Stamp durably before it uses it, in either role.
package request
