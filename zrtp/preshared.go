package zrtp

import (
	"crypto/hmac"
	"encoding/binary"
	"slices"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// maxPreshared is how many calls in a row may be keyed in Preshared mode before a
// key agreement has to come between. Who steals what an end has retained can listen
// to the calls that follow until then, and only to record them; a Diffie-Hellman
// exchange shuts him out unless he is in the middle of it. Five calls redialled in a
// row have the benefit, and no more are lost.
//
// RFC 6189, Section 4.4.2: A series of preshared-keyed calls between two ZRTP
// endpoints should use a DH key exchange periodically.
const maxPreshared = 5

// preshares tells whether this call may be keyed in Preshared mode, in either role.
//
// RFC 6189, Section 4.4.2.1: Before Preshared mode is used, the initial DH exchange
// that gave rise to the shared secret SHOULD have used at least one of these
// anti-MiTM mechanisms: A verbal comparison of the SAS, evidenced by the SAS Verified
// flag [...].
//
// No weaker exchange than DH3k is ever made here, so the secret comes from none.
// rs2 has to be there too: Preshared mode leaves it as it is, and does not keep the
// old rs1, which would be the key of the call before. So rs2 is what two ends still
// share when one of them has missed the last update.
//
// Where both ends can do better than Diffie-Hellman, and so between two Karats, there
// is no Preshared mode: in it the responder's H3 is its only nonce.
func (s *Session) preshares() bool {
	m := s.memory
	return s.cfg.Preshared && !s.cfg.Further &&
		m.rs1.present() && m.rs2.present() && m.verified && m.preshared < maxPreshared &&
		slices.Contains(s.peer.hello.KeyAgreements, wire.Prsh) &&
		classOf(s.offer.choose(s.peer.offer).keyAgreement) == classical
}

// choose picks the mode, and the algorithms.
func (s *Session) choose() suite {
	if s.preshares() {
		if chosen, ok := s.offer.complement(wire.Prsh, s.peer.offer); ok {
			return chosen
		}
	}
	return s.offer.choose(s.peer.offer)
}

// presharedKey is what the keys of a call are derived from. Absent secrets have the
// length zero.
//
// RFC 6189, Section 4.4.2.2: preshared_key = hash(len(rs1) || rs1 || len(auxsecret)
// || auxsecret || len(pbxsecret) || pbxsecret)
func presharedKey(s suite, rs1, aux, pbx secret.Bytes) secret.Bytes {
	h := s.newHash()
	defer scrub(h)
	for _, part := range []secret.Bytes{rs1, aux, pbx} {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(part.Len()))
		h.Write(length[:])
		h.Write(part.Expose())
	}
	return secret.Own(h.Sum(nil))
}

// keyID is how the initiator names the key.
//
// RFC 6189, Section 4.4.2.2: keyID = MAC(preshared_key, "Prsh") truncated to 64
// bits.
func keyID(s suite, key secret.Bytes) [idLen]byte { return secretID(s, key, []byte(wire.Prsh)) }

// commitPreshared names the key in our Commit.
func (s *Session) commitPreshared() (key secret.Bytes, id [idLen]byte) {
	s.x.auxMatched, s.x.pbxMatched = s.memory.aux.Present(), s.memory.pbx.Present()
	key = presharedKey(s.x.suite, s.memory.rs1.value, s.memory.aux, s.memory.pbx)
	return key, keyID(s.x.suite, key)
}

// findPreshared finds the key that the peer's Commit names; absent if we have none.
//
// RFC 6189, Section 4.4.2.3: the responder recomputes a new preshared_key and keyID
// from a different subset of shared keys from the cache, dropping auxsecret,
// pbxsecret, or both [...]. Note that rs2 is not included in the process.
func (s *Session) findPreshared(id [idLen]byte) secret.Bytes {
	for subset := range 4 {
		aux, pbx := s.memory.aux, s.memory.pbx
		if subset&1 != 0 {
			aux = secret.Bytes{}
		}
		if subset&2 != 0 {
			pbx = secret.Bytes{}
		}
		key := presharedKey(s.x.suite, s.memory.rs1.value, aux, pbx)
		own := keyID(s.x.suite, key)
		if hmac.Equal(own[:], id[:]) {
			s.x.auxMatched, s.x.pbxMatched = aux.Present(), pbx.Present()
			return key
		}
		key.Wipe()
	}
	return secret.Bytes{}
}

// answerPreshared answers the peer's Commit with Confirm1, or, without the key, with
// a Commit of our own.
//
// RFC 6189, Section 4.4.2.3: If the responder [...] fails to match the keyID hash
// from the initiator with any combination of its shared keys, it SHOULD respond with
// its own DH Commit message.
func (s *Session) answerPreshared(now time.Time, c wire.Commit, msg []byte) (state, error) {
	offered := s.offer
	offered.keyAgreements = []wire.Algorithm{wire.Prsh}
	chosen, fault := offered.accept(c)
	if fault != nil {
		return s.state, fault
	}
	ready := s.preshares()
	s.follow(c, msg, chosen)
	if ready {
		if key := s.findPreshared(c.KeyID); key.Present() {
			s.derivePreshared(key)
			return s.answerCommit(now)
		}
	}
	s.x = exchange{suite: s.offer.choose(s.peer.offer)}
	return stateCommit, s.commit(now)
}

// derivePreshared computes all keys, and wipes what they come from.
//
// RFC 6189, Section 4.4.2.4: s0 = KDF(preshared_key, "ZRTP PSK", KDF_Context,
// negotiated hash length). The preshared_key MUST be erased as soon as it has been
// used to calculate s0.
func (s *Session) derivePreshared(key secret.Bytes) {
	defer key.Wipe()
	s.x.matched = s.memory.rs1
	context := s.nonceContext()
	s0 := deriveOnce(s.x.suite, key, context, "ZRTP PSK", s.x.suite.hashLen())
	s.x.keys.wipe()
	s.x.keys = newKDF(s.x.suite, s0, context).schedule(s.wantsSession())
}

// updatePreshared is what to remember after a call in Preshared mode.
//
// RFC 6189, Section 4.6.1: The old rs1 value is not saved in Preshared mode.
func (m memory) updatePreshared(fresh secret.Bytes, now time.Time, interval uint32) Retained {
	if interval == 0 {
		return Retained{PBXSecret: m.pbx.Clone()}
	}
	return Retained{
		RS1:        fresh,
		RS1Expires: expiryTime(now, interval),
		RS2:        m.rs2.value.Clone(),
		RS2Expires: m.rs2.expires,
		PBXSecret:  m.pbx.Clone(),
		Verified:   m.verified,
		Preshared:  m.preshared + 1,
	}
}
