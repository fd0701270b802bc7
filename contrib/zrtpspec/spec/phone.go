package spec

import "time"

// Ability is what a Phone lets the tester see or do beside exchanging packets.
type Ability int

const (
	// Eyes: what the phone tells its user or its program can be read (Sights).
	Eyes Ability = 1 << iota
	// Media: it sends SRTP once it may, and listens to it.
	Media
	// Memory: a second call finds what the first one left.
	Memory
	// Signalling: a=zrtp-hash travels both ways.
	Signalling
)

// Source makes phones.
type Source interface {
	// Phone is for one case: a fresh one, where that can be had.
	Phone() (Phone, error)
	Abilities() Ability
}

// Phone is the endpoint under test.
type Phone interface {
	// Call begins a call. announce are the values of a=zrtp-hash that T signals.
	Call(announce []string) (Call, error)
	Close()
}

// Call is the media path of one call, with what else can be seen of it.
type Call interface {
	Send(datagram []byte) error
	// Receive waits for a datagram; nil: none came in time.
	Receive(wait time.Duration) []byte
	// Announced are the a=zrtp-hash values that the phone signalled.
	Announced() []string
	// Sights are what the phone showed so far.
	Sights() []Sight
	Hangup()
}

// Permission is something that the user of a phone may allow it.
type Permission string

// What a user may allow, or have done.
const (
	// Preshared: calls without a key agreement, with whom the SAS was compared.
	Preshared Permission = "Preshared mode, and compared the SAS"
	// Clear: GoClear.
	Clear Permission = "GoClear"
	// Compared: the user has compared the SAS of each call.
	Compared Permission = "to compare the SAS"
)

// Permissive is a Phone whose user can be asked for a Permission, before a call.
type Permissive interface{ Permit(Permission) }

// Streaming is a Call that can have further media streams.
type Streaming interface {
	// Stream begins another. announce are the a=zrtp-hash values that T signals for it.
	Stream(announce []string) (Call, error)
}

// Mortal is a Call that knows whether its phone has died.
type Mortal interface {
	// Crashed says how; empty: it lives, or ended by itself.
	Crashed() string
}

// SightKind is a kind of Sight.
type SightKind string

// What a phone may show.
const (
	SawSecure   SightKind = "secure"
	SawMismatch SightKind = "mismatch"
	SawFailed   SightKind = "failed"
)

// Sight is something that the phone showed to its user or told its program.
type Sight struct {
	Kind SightKind
	// SAS of a SawSecure, as it is read out.
	SAS string
	// Verified: it says that both users compared the SAS; Disclosed: that the
	// peer discloses keys; Continuity: that the peer is the one of an earlier call.
	Verified, Disclosed, Continuity bool
	// Why of a SawFailed.
	Why string
}
