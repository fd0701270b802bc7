// Package spec holds the cases of zrtpspec: what RFC 6189 asks of a ZRTP
// endpoint, each rule as a small conversation, and the peer that holds it.
//
// The endpoint under test is P, a [Phone]; the tester that plays its peer is T.
// A [Case] names the section, quotes the rule, says what is sent and what is
// expected, and runs against a T:
//
//	func otherDHPart2(t *T) {
//		t.BecomeInitiator()
//		t.SendDHPart2(func(d *wire.DHPart) { d.AuxID[0] ^= 1 })
//		t.WantEnd(wire.CodeBadCommitment)
//	}
//
// T has a key schedule of its own (package keys) and shares only the layout of
// messages with the engine of this project.
//
// It opens no sockets: see package phone.
package spec
