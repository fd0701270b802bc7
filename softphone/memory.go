package softphone

import (
	"time"

	"karat/internal/secret"
	"karat/softphone/request"
	"karat/softphone/store"
	"karat/zrtp"
)

// memoryOf is what is kept of a peer, as the rules of recognition see it.
func memoryOf(p store.Peer) request.Memory {
	k := p.Requests.Keys
	return request.Memory{
		Newest:  entryOf(p.RS1, k[0]),
		Matched: entryOf(p.RS2, k[1]),
		Before:  entryOf(secret.Bytes{}, k[2]), // its secret is expected no more
		Proven:  p.Requests.Proven,
	}
}

func entryOf(s secret.Bytes, k store.RequestKey) request.Entry {
	return request.Entry{Secret: s, Key: request.KeyAt(k.Key, request.Hour(k.Hour)), Initiator: k.Initiator}
}

// keepMemory is the way back.
func keepMemory(p *store.Peer, m request.Memory) {
	for i, e := range []request.Entry{m.Newest, m.Matched, m.Before} {
		p.Requests.Keys[i] = store.RequestKey{Key: e.Key.Secret(), Hour: uint64(e.Key.Hour()), Initiator: e.Initiator}
	}
	p.RS1, p.RS2, p.Requests.Proven = m.Newest.Secret, m.Matched.Secret, m.Proven
}

// isKarat tells whether there is anything to recognise the peer by.
func isKarat(p store.Peer) bool { return len(acceptedKeys(p)) > 0 }

// retainedOf is what the key agreement may know of a peer. Of a Karat, more is
// known than what the RFC keeps: whether it has kept what the last call left.
func retainedOf(p store.Peer) zrtp.Retained {
	r := zrtp.Retained{
		RS1: p.RS1, RS2: p.RS2, RS1Expires: p.RS1Expires, RS2Expires: p.RS2Expires, Verified: p.Verified,
	}
	if isKarat(p) {
		rs1, rs2, unproven := memoryOf(p).Expected()
		r.RS1, r.RS2, r.Unproven = rs1.Secret, rs2.Secret, unproven
	}
	return r
}

// learn puts what a call left into what is kept of the peer.
func learn(p *store.Peer, s zrtp.Secure, proven bool) {
	fresh := s.Remember
	p.RS1Expires, p.RS2Expires = fresh.RS1Expires, fresh.RS2Expires
	if !fresh.RequestKey.Present() && !isKarat(*p) {
		p.RS1, p.RS2 = fresh.RS1, fresh.RS2
		return
	}
	matched := secret.Bytes{}
	if s.Continuity {
		matched = fresh.RS2 // the engine keeps what matched
	}
	entry := request.Entry{Secret: fresh.RS1, Initiator: s.Role == zrtp.Initiator}
	if at, ok := request.NewKey(fresh.RequestKey).Advance(request.Kept(time.Now())); ok {
		entry.Key = at
	}
	m := memoryOf(*p).Update(entry, matched)
	m.Proven = proven
	keepMemory(p, m)
}
