package zrtp

import (
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"math"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// ExpiryNever keeps a retained secret for ever: the value that RFC 6189,
// Section 4.9 recommends.
const ExpiryNever time.Duration = math.MaxInt64

// idLen is the length of a secret's id in a DHPart.
const idLen = 8

// The strings that key a secret's id to the role of its sender (Section 4.3.1).
const (
	labelInitiator = "Initiator"
	labelResponder = "Responder"
)

// retainedSecret is rs1 or rs2 as long as it has not expired.
type retainedSecret struct {
	value   secret.Bytes
	expires time.Time
	idKey   secret.Bytes // absent: the ids are the RFC's
}

func (r retainedSecret) present() bool { return r.value.Present() }

// id is the hash by which both ends find out whether they share the secret.
//
// RFC 6189, Section 4.3.1: rs1IDr = MAC(rs1, "Responder") [...] truncated to the
// leftmost 64 bits.
//
// Such an id is the same in each call in which the secret is kept, and so tells
// those who watch that two calls are of one pair. Two Karats that have recognised
// each other use HMAC(id key, "rsID" || role || H3 of initiator || H3 of
// responder) instead, of which nothing comes twice.
func (r retainedSecret) id(x idInput, label string) (id [idLen]byte) {
	if !r.idKey.Present() {
		return secretID(x.suite, r.value, []byte(label))
	}
	copy(id[:], macOnce(sha256.New, r.idKey.Expose(), []byte("rsID"+label), x.h3i[:], x.h3r[:]))
	return id
}

// idInput is what an id is made of besides the secret.
type idInput struct {
	suite    suite
	h3i, h3r [32]byte // H3 of the initiator and of the responder
}

// h3 is that of the end whose label it is.
func (x idInput) h3(label string) []byte {
	if label == labelInitiator {
		return x.h3i[:]
	}
	return x.h3r[:]
}

func secretID(s suite, value secret.Bytes, key []byte) (id [idLen]byte) {
	copy(id[:], macOnce(s.newHash, value.Expose(), key))
	return id
}

// sameSecret tells whether the peer's id is that of a secret of ours.
func sameSecret(s suite, value secret.Bytes, key []byte, id [idLen]byte) bool {
	if !value.Present() {
		return false
	}
	own := secretID(s, value, key)
	return hmac.Equal(own[:], id[:])
}

// memory is what we know about the peer from earlier calls, and auxsecret, which
// has nothing to do with them.
type memory struct {
	rs1, rs2 retainedSecret
	aux, pbx secret.Bytes
	verified bool
	unproven bool // the peer may never have kept what we have
	// preshared is the number of calls in Preshared mode since the last key agreement.
	preshared int
}

// recall copies what has not expired: the caller's values stay the caller's.
func (m *memory) recall(now time.Time, r Retained) {
	m.verified, m.unproven, m.preshared = r.Verified, r.Unproven, r.Preshared
	m.pbx = r.PBXSecret.Clone()
	if !expired(now, r.RS1Expires) {
		m.rs1 = retainedSecret{r.RS1.Clone(), r.RS1Expires, r.ID1.Clone()}
	}
	if !expired(now, r.RS2Expires) {
		m.rs2 = retainedSecret{r.RS2.Clone(), r.RS2Expires, r.ID2.Clone()}
	}
}

func expired(now, expires time.Time) bool { return !expires.IsZero() && !now.Before(expires) }

// known tells whether a match is expected. Nothing is expected of a secret that
// has expired (Section 4.9), and so nothing mismatches. The other secrets count
// for nothing here.
//
// RFC 6189, Section 4.3.2: If auxsecret matches, it should not excuse a mismatch
// of rs1.
func (m memory) known() bool { return !m.unproven && (m.rs1.present() || m.rs2.present()) }

func (m memory) wipe() {
	for _, r := range []retainedSecret{m.rs1, m.rs2} {
		r.value.Wipe()
		r.idKey.Wipe()
	}
	m.aux.Wipe()
	m.pbx.Wipe()
}

// secretIDs are the four ids of a DHPart.
type secretIDs struct{ rs1, rs2, aux, pbx [idLen]byte }

// ids computes what we send. What we do not have gets a random id.
//
// RFC 6189, Section 4.3: If no secret of a given type is available, a random
// value is generated [...] This prevents an eavesdropper from knowing which
// types of shared secrets are available.
//
// RFC 6189, Section 4.3.1: auxsecretIDr = MAC(auxsecret, Responder's H3),
// pbxsecretIDr = MAC(pbxsecret, "Responder").
func (m memory) ids(x idInput, label string, rand io.Reader) (secretIDs, error) {
	var random [4 * idLen]byte
	if _, err := io.ReadFull(rand, random[:]); err != nil {
		return secretIDs{}, err
	}
	ids := secretIDs{
		rs1: [idLen]byte(random[0:]),
		rs2: [idLen]byte(random[idLen:]),
		aux: [idLen]byte(random[2*idLen:]),
		pbx: [idLen]byte(random[3*idLen:]),
	}
	if m.rs1.present() {
		ids.rs1 = m.rs1.id(x, label)
	}
	if m.rs2.present() {
		ids.rs2 = m.rs2.id(x, label)
	}
	if m.aux.Present() {
		ids.aux = secretID(x.suite, m.aux, x.h3(label))
	}
	if m.pbx.Present() {
		ids.pbx = secretID(x.suite, m.pbx, []byte(label))
	}
	return ids, nil
}

// match finds s1 from the ids that the peer sent; absent means null.
//
// RFC 6189, Section 4.3: If the initiator's rs1 matches the responder's rs1 or
// rs2, then s1 MUST be set to the initiator's rs1. If and only if that match
// fails, then if the initiator's rs2 matches the responder's rs1 or rs2, then s1
// MUST be set to the initiator's rs2.
func (m memory) match(x idInput, own Role, peer wire.DHPart) retainedSecret {
	if own == Initiator {
		return firstMatch(
			[]retainedSecret{m.rs1, m.rs2}, [][idLen]byte{peer.RS1ID, peer.RS2ID}, x, labelResponder)
	}
	for _, id := range [][idLen]byte{peer.RS1ID, peer.RS2ID} {
		found := firstMatch([]retainedSecret{m.rs1, m.rs2}, [][idLen]byte{id}, x, labelInitiator)
		if found.present() {
			return found
		}
	}
	return retainedSecret{}
}

// firstMatch returns the first secret that has one of the ids.
func firstMatch(secrets []retainedSecret, ids [][idLen]byte, x idInput, label string) retainedSecret {
	for _, r := range secrets {
		if !r.present() {
			continue
		}
		own := r.id(x, label)
		for _, id := range ids {
			if hmac.Equal(own[:], id[:]) {
				return r
			}
		}
	}
	return retainedSecret{}
}

// update is what to remember after the call (Section 4.6.1), matched being s1.
//
// The RFC moves the old rs1 to rs2 whatever matched. We keep the secret that
// matched: if the peer missed our last update, the old rs1 is one it never had,
// and keeping that would leave us one lost packet from a false alarm.
func (m memory) update(fresh secret.Bytes, matched retainedSecret, now time.Time, interval uint32) Retained {
	if interval == 0 {
		return Retained{PBXSecret: m.pbx.Clone()}
	}
	previous := matched
	if !previous.present() {
		previous = m.rs1
	}
	return Retained{
		RS1:        fresh,
		RS1Expires: expiryTime(now, interval),
		RS2:        previous.value.Clone(),
		RS2Expires: previous.expires,
		PBXSecret:  m.pbx.Clone(),
		Verified:   m.verified && matched.present(),
	}
}

// expiryTime is when an interval that began now ends; zero for never.
func expiryTime(now time.Time, interval uint32) time.Time {
	if interval == wire.ExpiryNever {
		return time.Time{}
	}
	return now.Add(time.Duration(interval) * time.Second)
}

// interval is a duration as the wire has it, in whole seconds, rounded down.
func interval(d time.Duration) uint32 {
	switch seconds := int64(d / time.Second); {
	case d == ExpiryNever:
		return wire.ExpiryNever
	case seconds <= 0:
		return 0
	case seconds >= wire.ExpiryNever:
		return wire.ExpiryNever - 1
	default:
		return uint32(seconds)
	}
}
