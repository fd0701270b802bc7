package assay

// Promise is one of the twelve.
type Promise string

// The promises, in the order they are shown.
const (
	Default      Promise = "default"
	Participants Promise = "participants"
	Unforged     Promise = "unforged"
	Unnoticed    Promise = "unnoticed"
	Unlinked     Promise = "unlinked"
	Anonymity    Promise = "anonymity"
	Undisclosed  Promise = "undisclosed"
	SilentLeave  Promise = "silent-leave"
	OffRecord    Promise = "off-record"
	Letterbox    Promise = "letterbox"
	NoFeedback   Promise = "no-feedback"
	OwnRecord    Promise = "own-record"
)

// Verdict on one promise.
type Verdict string

// The verdicts.
const (
	Held        Verdict = "held"
	Broken      Verdict = "broken"
	Unconfirmed Verdict = "unconfirmed" // it may hold, someone has yet to check
	NotOffered  Verdict = "not offered"
)

// Finding is the verdict on one promise, and its reason in a sentence that a
// person understands.
type Finding struct {
	Promise Promise
	Verdict Verdict
	Why     string
}

// Report is the assay of one call.
type Report struct {
	// Private: default holds, ZRTP is secure, nothing mismatched and nothing
	// was downgraded. Exit 0, green.
	Private  bool
	Findings []Finding // all twelve, in order
}

// MediaOffer is what the peer's SDP allowed.
type MediaOffer int

// The kinds of offer told apart.
const (
	OfferUnknown MediaOffer = iota
	OfferRTP                // RTP/AVP: ZRTP can run
	OfferSDES               // keys in the signalling only
	OfferDTLS               // DTLS-SRTP only
	OfferNoAudio
)

// Request is what is known of a request to talk between two phones that have talked
// before: whether it was made for the one and by the other.
type Request int

// What there is to know.
const (
	RequestUnknown Request = iota // a stranger's, or to one; or other phones
	// RequestRecognised: by a phone that we know, or ours by the phone it is for. Both
	// show nothing that comes twice.
	RequestRecognised
	// RequestStripped: a phone that we know made it, but the signalling did not bring
	// the hash that says so.
	RequestStripped
	// RequestStrange: it bears a contact's name, and that contact's phone did not make
	// it, as far as we can tell.
	RequestStrange
	// RequestMissed: the phone that ours was made for did not recognise it.
	RequestMissed
	// RequestElsewhere: another phone has answered than the one ours was made for.
	RequestElsewhere
	// RequestSeveral: the contact has several phones, so ours was made for none.
	RequestSeveral
	// RequestNotMade: too many at once, a wrong clock, or a store that does not write.
	RequestNotMade
)

// Facts about a call, as far as they are known now.
type Facts struct {
	Outgoing bool
	Offer    MediaOffer
	// HashSignalled: the peer's SDP had a=zrtp-hash. HashMatched: its Hello
	// matched it. HashMismatch: it did not.
	HashSignalled, HashMatched, HashMismatch bool
	// NoHello: the peer stayed silent to Hello.
	NoHello bool
	// ZRTPFailed is the reason of a failed exchange, a sentence; empty: none.
	ZRTPFailed string
	// Secure: keys are agreed, and confirmed by both ends.
	Secure bool
	// As negotiated, by their ZRTP names.
	KeyAgreement, Hash, Cipher, AuthTag, SASType string
	// Request is what is known of the request to talk.
	Request Request
	// Known: the ZID was met before. Continuity: a retained secret matched.
	// Mismatch: none did, although there are some.
	Known, Continuity, Mismatch bool
	// Verified: our user compared the SAS, in this call or in one from which
	// continuity leads here. PeerVerified: the peer says that its user did.
	Verified, PeerVerified bool
	// MismatchResolved: the user compared the SAS after a mismatch, or after
	// the name had changed, and it was the same on both ends.
	MismatchResolved bool
	// NameChanged: the ZID was verified under another name (VerifiedName).
	NameChanged  bool
	VerifiedName string
	// VerifiedElsewhere is the contact whom the call is with, when the code was
	// compared with another phone of theirs and not with this one.
	VerifiedElsewhere string
	// BestBefore is the strongest key agreement ever used with this peer.
	BestBefore string
	// SASDiffers: the user compared the SAS, and the two ends read different
	// ones.
	SASDiffers bool
	// DowngradeRefused: somebody asked, in the middle of the call, to go on with
	// less protection. It was refused: the call is what it was.
	DowngradeRefused bool
	Disclosed        bool
	// VoiceBeforeSecure counts voice packets that left before keys were agreed:
	// must be 0.
	VoiceBeforeSecure int
	// SignallingTLS: the flow to the provider is TLS. Relay: media goes by relay
	// only. Proxy: all of it, and the signalling, through a SOCKS proxy. KeyFile: the store's key lies in a file beside it. ContactUser: the
	// provider forced a fixed Contact user, WeakDigest: a weak way to prove the
	// password.
	SignallingTLS, Relay, Proxy, KeyFile, ContactUser, WeakDigest bool
	// UserAgent: requests name a program, because the provider demands it.
	// Anonymous: the call does not say who calls.
	UserAgent, Anonymous bool
	// ProviderKeys: the keys (SDES), or what vouches for them (DTLS-SRTP), came through
	// the signalling, and are in use.
	ProviderKeys bool
	// InClear: the voice is not encrypted, because the user allowed it and the other
	// phone agrees on no keys.
	InClear bool
	// Direct: a call without a provider.
	Direct bool
}

// Promises lists the twelve in the order they are shown.
func Promises() []Promise {
	return []Promise{
		Default, Participants, Unforged, Unnoticed, Unlinked, Anonymity,
		Undisclosed, SilentLeave, OffRecord, Letterbox, NoFeedback, OwnRecord,
	}
}

// Finding returns the verdict on one promise; the zero Finding for a promise
// that does not exist.
func (r Report) Finding(p Promise) Finding {
	for _, f := range r.Findings {
		if f.Promise == p {
			return f
		}
	}
	return Finding{}
}
