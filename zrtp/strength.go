package zrtp

import (
	"errors"
	"slices"

	"karat/zrtp/wire"
)

// ErrWeakerCommit: the peer chose less than what both ends can do. One that
// follows the rules does not: someone has changed what it got to see.
var ErrWeakerCommit = errors.New("zrtp: the other end chose keys that a quantum computer breaks although both can do better; someone may want this call to be weak")

// class is what a key agreement withstands. Within a class one choice is as good
// as another, and the peer's is followed: DH3k is accepted where both list X255
// or EC38.
type class int

const (
	classical   class = iota // broken by a quantum computer
	postQuantum              // not known to be
)

// classOf returns the class of a key agreement. K255 and K448 are Diffie-Hellman
// in the clothes of a KEM.
func classOf(keyAgreement wire.Algorithm) class {
	if !keyAgreement.KEM() || keyAgreement == wire.K255 || keyAgreement == wire.K448 {
		return classical
	}
	return postQuantum
}

// kemHashes and kemCiphers are what a KEM may be chosen with: halves of their
// strength would be left against a quantum computer.
var (
	kemHashes  = []wire.Algorithm{wire.S384}
	kemCiphers = []wire.Algorithm{wire.AES3}
)

// strongestFirst sorts by class, and leaves the order within one.
func strongestFirst(keyAgreements []wire.Algorithm) []wire.Algorithm {
	sorted := slices.Clone(keyAgreements)
	slices.SortStableFunc(sorted, func(a, b wire.Algorithm) int { return int(classOf(b) - classOf(a)) })
	return sorted
}

// weaker tells whether a peer's choice is of a lower class than the two offers
// allow. It is refused even if our own Commit would prevail: it is no accident.
func (o offer) weaker(peer offer, chosen wire.Algorithm) bool {
	return classOf(chosen) < classOf(o.choose(peer).keyAgreement)
}
