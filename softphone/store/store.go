package store

import (
	"time"

	"karat/internal/secret"
)

// Contact is a person: a name, and a peer for each of their devices.
type Contact struct {
	Name  string
	URIs  []string // SIP addresses, for calling
	Peers []Peer
	// AnewUntil is until when the next phone that answers a call to the contact is
	// taken for theirs, in place of all of Peers; zero: none is.
	AnewUntil time.Time
}

// Peer is one device of a contact (or of someone not named yet): what ZRTP has
// to remember about it.
type Peer struct {
	// OwnZID is the ZID that we show to this peer, ZID the peer's.
	OwnZID, ZID [12]byte
	// RS1 and RS2 are retained secrets; RS2 is always the one that last matched.
	RS1, RS2               secret.Bytes
	RS1Expires, RS2Expires time.Time // zero: never
	// Requests is what two Karats recognise each other by; zero for all others.
	Requests Requests
	// Verified: the SAS was compared; VerifiedName is the name it was compared
	// under, so that the same ZID calling under another name is noticed.
	Verified     bool
	VerifiedName string
	// Reintroduced: it took the place of phones that were known before.
	Reintroduced bool
	// BestKeyAgreement is the strongest key agreement ever used with it, as in
	// ZRTP ("X255"): a weaker one later is a downgrade.
	BestKeyAgreement string
}

// Requests is what lasts of softphone/request. It changes in the same write as the
// retained secrets.
type Requests struct {
	// Keys belong to RS1, to RS2, and to what was RS2 before that.
	Keys [3]RequestKey
	// Sent and Accepted are the stamps of our last request and of the peer's: none is
	// used twice.
	Sent, Accepted uint64
	// Proven: the peer has kept RS1.
	Proven bool
	// Unmet: the peer has seen a one-time ZID of ours only, and would not know OwnZID.
	Unmet bool
}

// RequestKey is a request key as it is at an hour; absent: there is none.
type RequestKey struct {
	Key  secret.Bytes
	Hour uint64
	// Initiator: we were the ZRTP initiator of the exchange that made it.
	Initiator bool
}

// Known is a peer, and the contact it belongs to; empty: to none.
type Known struct {
	Peer
	Contact string
}

// Account is a user at a provider.
type Account struct {
	AOR, Registrar, AuthUser string
	Password                 secret.Bytes
	CA                       []byte // PEM, trusted for this account; nil: the system's
	ZID                      [12]byte
	ContactUser              string
	// WeakDigest: the password's challenge may be weak where others can read it.
	WeakDigest bool
	// Instance: requests say which of the account's phones this is, by a number that
	// is new with each start.
	Instance bool
	TLS      TLS
	Relay    Relay
	// STUN is the host:port of a server that tells the phone's public address;
	// empty: none is asked.
	STUN string
	// UserAgent is what requests call the program where the provider demands that;
	// empty: nothing. Anonymous: calls do not say who calls.
	UserAgent string
	Anonymous bool
	// EmergencyClear: emergency numbers may be called through this account, in a
	// call that everyone on the way could hear, if the user says so each time.
	EmergencyClear bool
	SOCKS          SOCKS
}

// SOCKS is a proxy that everything of an account goes through; the zero value: none.
type SOCKS struct {
	Address, User string // "127.0.0.1:9050"
	Password      secret.Bytes
}

// TLS is by what an account and its server know each other over TLS, beyond
// authorities; the zero value: nothing.
type TLS struct {
	// Certificate is our own, in PEM, with its Key.
	Certificate []byte
	Key         secret.Bytes
	// Pinned: the server is known by its key. Pin is the key's fingerprint; empty:
	// that of the next connection.
	Pinned bool
	Pin    []byte
}

// Relay is a TURN server that carries an account's voice; the zero value: none.
type Relay struct {
	URL, User string // "turn:host:port?transport=tls"
	Password  secret.Bytes
	// Only: the voice takes no other way, and no other address is named.
	Only bool
}

// Settings are the user's own.
type Settings struct {
	Microphone, Speaker string
	History             bool // off: nothing about calls is kept
}
