package zrtp

import (
	"io"
	"time"

	"karat/internal/secret"
)

// ZID is the 96-bit identifier of a ZRTP endpoint (RFC 6189, Section 4.9).
type ZID [12]byte

// Config is what one Session is made of. Nothing in it changes afterwards.
type Config struct {
	// ZID is ours for this stream.
	ZID ZID
	// H0 is the beginning of our hash chain (Section 9), 32 octets that a peer can
	// compute, too, and so recognise the Hello; absent: random, as it must be
	// everywhere but in the first stream of a caller, and each time another. It
	// stays the caller's.
	H0 secret.Bytes
	// SSRC is that of the RTP stream that will be encrypted.
	SSRC uint32
	// Algorithms lists what we offer, most wanted first. The zero value means
	// DefaultAlgorithms.
	Algorithms Algorithms
	// PeerHelloHashes are the a=zrtp-hash values that signalling carried
	// ("1.10 <64 hex digits>"); empty when it carried none. When there are any,
	// a Hello that matches none of them ends the session (Section 8.1).
	PeerHelloHashes []string
	// Retained returns what is kept about the peer with this ZID; false for a
	// ZID never met. It is called at most once and must not block. The secrets
	// stay the caller's: the Session wipes copies of its own. Nil means that
	// nothing is ever kept.
	Retained func(peer ZID) (Retained, bool)
	// Recognised returns what is kept about the peer with this Hello, whose SHA-256
	// it is told; it is asked before Retained, in the same way. Nil: nobody is
	// recognised by a Hello.
	Recognised func(hello [32]byte) (Retained, bool)
	// AuxSecret is auxsecret, which both ends got by another way; absent: none. It
	// stays the caller's.
	AuxSecret secret.Bytes
	// Expiry is our cache expiration interval for the new retained secret, in
	// seconds on the wire: 0 keeps nothing, ExpiryNever keeps it for ever.
	Expiry time.Duration
	// Rand is the source of all random values; nil means crypto/rand. Only the
	// encapsulation of ML-KEM-768 and 1024 always asks crypto/rand.
	Rand io.Reader
	// ReturnPath: the caller knows that the peer hears us where packets are sent
	// to, because STUN was answered from there. Without it, and without a hash in
	// signalling, a post-quantum exchange waits for the peer's acknowledgement.
	ReturnPath bool
	// Multistream: the call may have further streams. Secure hands out a
	// SessionKey for them, and our Hello lists Mult.
	Multistream bool
	// Further: this is a further stream of a call. It is keyed from the first one
	// alone: see Join. It neither looks at nor changes what is retained.
	Further bool
	// Preshared: calls may be keyed without a key agreement from what an earlier one
	// left, if the user has verified the SAS then. It spares slow phones the work, and
	// costs what maxPreshared says. Never where both ends have post-quantum keys.
	// Retained.Preshared has to be kept with the secrets.
	Preshared bool
	// AllowClear: the user allows the other end to ask for a call without
	// encryption, with the A flag in our Confirm. For a phone that promises private
	// calls it is always false. It implies Multistream.
	AllowClear bool
}

// Retained is what lasts between two calls with one peer (Section 4.9).
type Retained struct {
	RS1, RS2               secret.Bytes
	RS1Expires, RS2Expires time.Time // zero: never
	// ID1 and ID2 are the keys of one-time ids for RS1 and RS2, which both ends
	// must use, or none. Absent: ids as the RFC has them, the same in each call.
	ID1, ID2 secret.Bytes
	// Unproven: nothing shows that the peer kept RS1, and there is no RS2. To find
	// nothing in common is then no Mismatch.
	Unproven bool
	// RequestKey is what two Karats can recognise each other by before they have
	// spoken; only in Secure.Remember, and only if both are Karats.
	RequestKey secret.Bytes
	// PBXSecret is pbxsecret, shared with a PBX that the user enrolled with
	// (Section 7.3.1). A call leaves it as it is.
	PBXSecret secret.Bytes
	// Verified: the user compared the SAS, and no mismatch came since.
	Verified bool
	// Preshared is the number of calls in Preshared mode since the last key agreement.
	Preshared int
}

// Keys are the SRTP keys of one stream: the plain values that cross from zrtp
// to media, each with its own memory. TagBits is 32 or 80 (HMAC-SHA1); Key is
// 16 or 32 bytes, Salt 14.
type Keys struct {
	Send, Receive Direction
	TagBits       int
}

// Direction is one direction's SRTP master key and salt.
type Direction struct{ Key, Salt secret.Bytes }

// Role of an endpoint in one exchange.
type Role int

// The roles; Section 4.2 decides.
const (
	RoleUnknown Role = iota
	Initiator
	Responder
)

func (r Role) String() string {
	switch r {
	case Initiator:
		return "initiator"
	case Responder:
		return "responder"
	case RoleUnknown:
	}
	return "role unknown"
}

// Event is something that the owner of a Session must hear of. The types are
// PeerHello, Silent, Mismatch, AuxMismatch, KeysAgreed, Secure, StreamSecure, Cleared,
// Enrolment, RelayedSAS and Failed.
type Event interface{ event() }

// PeerHello: the first valid Hello of the peer has arrived.
type PeerHello struct {
	ZID ZID
	// Bound: the Hello matched a signalled a=zrtp-hash. False with no hash
	// signalled means a lower tier, not a failure.
	Bound bool
	// Client is the identifier that the peer gave itself; show it to no one
	// but the user.
	Client string
}

// Silent: our Hello was repeated as often as the RFC says, and nothing that could be
// called ZRTP came from the other end. There are no keys. A Hello that is late is
// still answered; who does not want to wait for it closes the session.
type Silent struct{}

// Mismatch is the cache mismatch of Section 4.3.2: this ZID is known, and none
// of its retained secrets matched. The strongest alarm there is; new secrets
// must not be stored until the user has compared the SAS. A new ZID is not a
// Mismatch.
type Mismatch struct{}

// AuxMismatch: we have an auxsecret, and the peer has none or another. The user
// should see it (Section 4.3.2); the keys are good without it.
type AuxMismatch struct{}

// KeysAgreed: SRTP from the peer may arrive from now on. Arm receiving with
// Keys.Receive; send nothing before Secure. It always comes before Secure.
type KeysAgreed struct{ Keys Keys }

// Secure: both ends have confirmed the keys.
type Secure struct {
	Role Role
	// SAS as it is read out: four base32 characters or two PGP words.
	SAS string
	// The five choices, by their four-character names of Section 5.1.2 to 5.1.6
	// ("X2M2", "S384", "AES3", "HS80", "B256"; "B32" without its space).
	KeyAgreement, Hash, Cipher, AuthTag, SASType string
	// Continuity: a retained secret matched, so this is the same peer as before.
	Continuity bool
	// Known: the ZID was known, with a secret that has not expired (Known without
	// Continuity is a Mismatch).
	Known bool
	// AuxMatched: both ends have the same auxsecret.
	AuxMatched bool
	// Verified: both V flags are set (Section 7.1).
	Verified bool
	// PeerVerified is the peer's own V flag.
	PeerVerified bool
	// Disclosed: the peer's D flag, it says that it discloses keys (Section 11).
	Disclosed bool
	// Peer and Remember are to be stored: Remember replaces what was kept about
	// Peer. When Mismatched is true only after the user has compared the SAS
	// (Section 4.6.1.1). Remember without RS1 means: keep nothing (Section 4.9).
	Peer       ZID
	Remember   Retained
	Mismatched bool
	// SessionKey is for further streams of this call, if Config.Multistream asked
	// for it. Wipe it when the call ends.
	SessionKey *SessionKey
}

// StreamSecure is what Secure is for the first stream: both ends have confirmed
// the keys of a further one, or of the first after it went clear. SAS, Verified and
// Remember are those of the first stream's Secure, and nothing changes them.
//
// RFC 6189, Section 4.4.3: In this mode, the retained shared secret cache is not
// used or updated.
type StreamSecure struct {
	Role Role
	// The choices, as in Secure; they are those of the first stream.
	Hash, Cipher, AuthTag string
	// Disclosed: the peer's D flag for this stream.
	Disclosed bool
}

// Cleared: both ends allow it, and one of them has gone clear. All streams of the
// call stop at once and wipe their Keys; nothing leaves before the user has been
// shown that the call is not encrypted any more, and has confirmed it.
//
// RFC 6189, Section 4.7.2: Until confirmation from the user is received, the ZRTP
// endpoint MUST NOT resume sending RTP packets.
type Cleared struct {
	// ByPeer: the other end asked for it.
	ByPeer bool
}

// Enrolment: the other end is a PBX that wishes to be trusted with the SAS of later
// calls. Nothing comes of it without AcceptEnrolment.
type Enrolment struct{ PBX ZID }

// RelayedSAS is the SAS to be compared from now on.
type RelayedSAS struct {
	// SAS and SASType are as in Secure.
	SAS, SASType string
	// Own: it is that of this call in another rendering, for the sake of who reads the
	// other. Otherwise it is that between a PBX which the user trusts and the party
	// behind it, whom nothing of ours protects from the PBX; say so.
	Own bool
	// PeerVerified and Disclosed are flags of the party behind the PBX.
	PeerVerified, Disclosed bool
}

// Failed: the session is over and there are no keys. Err is a *ProtocolError
// when the protocol has a code for it.
type Failed struct {
	Err error
	// ByPeer: the peer sent the Error.
	ByPeer bool
}

func (PeerHello) event()    {}
func (Silent) event()       {}
func (Mismatch) event()     {}
func (AuxMismatch) event()  {}
func (KeysAgreed) event()   {}
func (Secure) event()       {}
func (StreamSecure) event() {}
func (Cleared) event()      {}
func (Enrolment) event()    {}
func (RelayedSAS) event()   {}
func (Failed) event()       {}
