package zrtp

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"slices"
	"strings"

	"karat/zrtp/wire"
)

// Algorithms lists what an endpoint offers, most wanted first, by the names of
// RFC 6189, Sections 5.1.2 to 5.1.6.
type Algorithms struct {
	// KeyAgreements: X2M2 and the other post-quantum ones (X3M3, X3K3, X1M1, X1K1,
	// MLK3, MLK2, MLK1, KYB3, KYB2, KYB1); K448 and K255; X448, X255, EC25, EC38,
	// EC52, DH3k. What is post-quantum comes first wherever it stands.
	KeyAgreements []string
	Hashes        []string // S384, S256
	Ciphers       []string // AES3, AES1
	AuthTags      []string // HS80, HS32
	SASTypes      []string // B256, B32
}

// DefaultAlgorithms is all that this package offers unasked, the most wanted
// first. Seven of a kind is all that a Hello has room for.
func DefaultAlgorithms() Algorithms {
	return Algorithms{
		KeyAgreements: []string{"X2M2", "X255", "X448", "EC25", "EC38", "DH3k"},
		Hashes:        []string{"S384", "S256"},
		Ciphers:       []string{"AES3", "AES1"},
		AuthTags:      []string{"HS80", "HS32"},
		SASTypes:      []string{"B256", "B32"},
	}
}

// usableAlgorithms is all that this package can do.
func usableAlgorithms() Algorithms {
	a := DefaultAlgorithms()
	a.KeyAgreements = append(a.KeyAgreements, "EC52",
		"X3M3", "X3K3", "X1M1", "X1K1", "MLK3", "MLK2", "MLK1", "KYB3", "KYB2", "KYB1", "K448", "K255")
	return a
}

func (a Algorithms) empty() bool {
	return len(a.KeyAgreements)+len(a.Hashes)+len(a.Ciphers)+len(a.AuthTags)+len(a.SASTypes) == 0
}

// offer is Algorithms in the form of the wire, the mandatory ones included.
type offer struct {
	keyAgreements, hashes, ciphers, authTags, sasTypes []wire.Algorithm
}

// newOffer checks a and adds what every endpoint must support.
func newOffer(a Algorithms) (offer, error) {
	if a.empty() {
		a = DefaultAlgorithms()
	}
	all := usableAlgorithms()
	var o offer
	for _, kind := range []struct {
		name           string
		wanted, usable []string
		into           *[]wire.Algorithm
	}{
		{"key agreement", a.KeyAgreements, all.KeyAgreements, &o.keyAgreements},
		{"hash", a.Hashes, all.Hashes, &o.hashes},
		{"cipher", a.Ciphers, all.Ciphers, &o.ciphers},
		{"auth tag", a.AuthTags, all.AuthTags, &o.authTags},
		{"SAS type", a.SASTypes, all.SASTypes, &o.sasTypes},
	} {
		for _, name := range kind.wanted {
			algorithm := wire.Named(name)
			if !slices.Contains(kind.usable, strings.TrimRight(name, " ")) {
				return offer{}, fmt.Errorf("zrtp: there is no %s %q here", kind.name, name)
			}
			if slices.Contains(*kind.into, algorithm) {
				return offer{}, fmt.Errorf("zrtp: the %s %q is listed twice", kind.name, name)
			}
			*kind.into = append(*kind.into, algorithm)
		}
	}
	o = o.withMandatory()
	if len(o.keyAgreements) > wire.MaxAlgorithms {
		return offer{}, fmt.Errorf("zrtp: a Hello has no room for %d key agreements, DH3k included", len(o.keyAgreements))
	}
	for _, keyAgreement := range o.keyAgreements {
		if _, ok := o.coupled(keyAgreement).complement(keyAgreement, o); !ok {
			return offer{}, fmt.Errorf("zrtp: what the key agreement %q needs beside it is not offered", keyAgreement)
		}
	}
	return o, nil
}

// peerOffer is what a Hello offers.
func peerOffer(h wire.Hello) offer {
	return offer{
		keyAgreements: h.KeyAgreements,
		hashes:        h.Hashes,
		ciphers:       h.Ciphers,
		authTags:      h.AuthTags,
		sasTypes:      h.SASTypes,
	}.withMandatory()
}

// withMandatory completes the lists.
//
// RFC 6189, Section 5.2: If a mandatory algorithm is not included in the list,
// it is implicitly added to the end of the list for preference.
func (o offer) withMandatory() offer {
	return offer{
		keyAgreements: complete(o.keyAgreements, wire.DH3k),
		hashes:        complete(o.hashes, wire.S256),
		ciphers:       complete(o.ciphers, wire.AES1),
		authTags:      complete(o.authTags, wire.HS32, wire.HS80),
		sasTypes:      complete(o.sasTypes, wire.B32),
	}
}

func complete(list []wire.Algorithm, mandatory ...wire.Algorithm) []wire.Algorithm {
	list = append(make([]wire.Algorithm, 0, len(list)+len(mandatory)), list...)
	for _, m := range mandatory {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}

// suite is one choice of each kind: what a Commit fixes.
type suite struct{ keyAgreement, hash, cipher, authTag, sas wire.Algorithm }

// coupled is o with what a key agreement demands of the other algorithms.
//
// RFC 6189, Section 5.1.5: If ECDH-384 (EC38) is chosen as the key agreement, the
// negotiated hash algorithm MUST be either SHA-384 or the corresponding SHA-3
// successor.
func (o offer) coupled(keyAgreement wire.Algorithm) offer {
	if keyAgreement == wire.EC38 {
		o.hashes = only(o.hashes, wire.S384)
	}
	if keyAgreement.KEM() {
		o.hashes, o.ciphers = only(o.hashes, kemHashes...), only(o.ciphers, kemCiphers...)
	}
	return o
}

// only is the part of list that is allowed.
func only(list []wire.Algorithm, allowed ...wire.Algorithm) []wire.Algorithm {
	refused := func(a wire.Algorithm) bool { return !slices.Contains(allowed, a) }
	if !slices.ContainsFunc(list, refused) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), refused)
}

// choose picks what we want most among what the peer can do. Unlike RFC 6189,
// Section 4.1.2 the key agreement is the stronger, not the faster, of the two
// first choices; that section is a SHOULD, for speed only. DH3k demands nothing
// of the others, so that there is always a choice.
func (o offer) choose(peer offer) suite {
	for _, keyAgreement := range strongestFirst(o.keyAgreements) {
		if !slices.Contains(peer.keyAgreements, keyAgreement) {
			continue
		}
		if s, ok := o.coupled(keyAgreement).complement(keyAgreement, peer); ok {
			return s
		}
	}
	s, _ := o.complement(wire.DH3k, peer)
	return s
}

// complement chooses the rest of a suite; false if there is nothing in common.
func (o offer) complement(keyAgreement wire.Algorithm, peer offer) (suite, bool) {
	s := suite{
		keyAgreement: keyAgreement,
		hash:         first(o.hashes, peer.hashes),
		cipher:       first(o.ciphers, peer.ciphers),
		authTag:      first(o.authTags, peer.authTags),
		sas:          first(o.sasTypes, peer.sasTypes),
	}
	return s, !slices.Contains([]wire.Algorithm{s.hash, s.cipher, s.authTag, s.sas}, "")
}

// first is the first of ours that is also theirs; empty if there is none.
func first(ours, theirs []wire.Algorithm) wire.Algorithm {
	for _, a := range ours {
		if slices.Contains(theirs, a) {
			return a
		}
	}
	return ""
}

// accept checks a peer's choice against what we offered, and against itself.
func (o offer) accept(c wire.Commit) (suite, *ProtocolError) {
	o = o.coupled(c.KeyAgreement)
	for _, choice := range []struct {
		chosen  wire.Algorithm
		offered []wire.Algorithm
		code    wire.ErrorCode
	}{
		{c.Hash, o.hashes, wire.CodeHash},
		{c.Cipher, o.ciphers, wire.CodeCipher},
		{c.KeyAgreement, o.keyAgreements, wire.CodeKeyAgreement},
		{c.AuthTag, o.authTags, wire.CodeAuthTag},
		{c.SAS, o.sasTypes, wire.CodeSAS},
	} {
		if !slices.Contains(choice.offered, choice.chosen) {
			return suite{}, protocolError(choice.code, fmt.Errorf("the Commit chose %q, which was not offered with %q", choice.chosen, c.KeyAgreement))
		}
	}
	return suite{c.KeyAgreement, c.Hash, c.Cipher, c.AuthTag, c.SAS}, nil
}

// newHash makes the negotiated hash (Section 5.1.2.1).
func (s suite) newHash() hash.Hash {
	if s.hash == wire.S384 {
		return sha512.New384()
	}
	return sha256.New()
}

// hashLen is the length of the negotiated hash in octets.
func (s suite) hashLen() int {
	if s.hash == wire.S384 {
		return sha512.Size384
	}
	return sha256.Size
}

// sum hashes parts one after the other.
func (s suite) sum(parts ...[]byte) []byte {
	h := s.newHash()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// secretSum hashes what nobody may know.
func (s suite) secretSum(parts ...[]byte) []byte {
	h := s.newHash()
	defer scrub(h)
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// keyLen is the length of the cipher's key in octets.
func (s suite) keyLen() int {
	if s.cipher == wire.AES3 {
		return 32
	}
	return 16
}

// tagBits is the length of the SRTP authentication tag.
func (s suite) tagBits() int {
	if s.authTag == wire.HS80 {
		return 80
	}
	return 32
}
