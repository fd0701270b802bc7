package zrtp

import (
	"errors"
	"fmt"
	"io"

	"filippo.io/bigmod"
	"github.com/cloudflare/circl/dh/x25519"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// errPublicValue says that a public value would make the result predictable.
var errPublicValue = errors.New("zrtp: weak public value")

// keyAgreement is one's own half of a key agreement, for one exchange.
type keyAgreement interface {
	// public is the value to send.
	public() []byte
	// agree computes the DHResult from the peer's public value.
	agree(peer []byte) (secret.Bytes, error)
	wipe()
}

// exponentLen is the length of a DH3k exponent in octets.
//
// RFC 6189, Section 5.1.5: The random Diffie-Hellman secret exponent SHOULD be
// twice as long as the AES key length. If AES-128 is used, the DH secret value
// SHOULD be 256 bits long. If AES-256 is used, the secret value SHOULD be 512 bits
// long.
func exponentLen(s suite) int { return 2 * s.keyLen() }

// publicLen is the length of a public value in octets.
func (s suite) publicLen() int {
	if c, ok := curveOf(s.keyAgreement); ok {
		return c.publicLen()
	}
	switch s.keyAgreement {
	case wire.DH3k:
		return len(modulus3072)
	case wire.X448:
		return x448Len
	default:
		return x255Len
	}
}

// newKeyAgreement draws a fresh secret and computes the public value.
func newKeyAgreement(s suite, rand io.Reader) (keyAgreement, error) {
	if c, ok := curveOf(s.keyAgreement); ok {
		return newEC(c, rand)
	}
	switch s.keyAgreement {
	case wire.X255:
		return newX255(rand)
	case wire.X448:
		return newX448(rand)
	case wire.DH3k:
		return newDH3k(exponentLen(s), rand)
	default:
		return nil, fmt.Errorf("zrtp: no key agreement %q", s.keyAgreement)
	}
}

// randomSecret draws n octets.
func randomSecret(rand io.Reader, n int) (secret.Bytes, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(rand, b); err != nil {
		return secret.Bytes{}, err
	}
	return secret.Own(b), nil
}

// x255Len is the length of all values of X25519.
const x255Len = 32

// x255 is X25519 (RFC 7748) as other phones speak it: public values and the
// result are its 32 octets, little-endian, as they stand. RFC 6189 does not
// have it.
type x255 struct {
	scalar secret.Bytes
	pv     []byte
}

func newX255(rand io.Reader) (*x255, error) {
	scalar, err := randomSecret(rand, x255Len)
	if err != nil {
		return nil, err
	}
	var public x25519.Key
	x25519.KeyGen(&public, (*x25519.Key)(scalar.Expose()))
	return &x255{scalar, public[:]}, nil
}

func (x *x255) public() []byte { return x.pv }

// agree fails on the points of small order: for them the result is zero.
// crypto/ecdh would do too, but keeps copies of the secret that nobody can wipe,
// and computes the public value again each time.
func (x *x255) agree(peer []byte) (secret.Bytes, error) {
	if len(peer) != x255Len {
		return secret.Bytes{}, errPublicValue
	}
	result := make([]byte, x255Len)
	if !x25519.Shared((*x25519.Key)(result), (*x25519.Key)(x.scalar.Expose()), (*x25519.Key)(peer)) {
		clear(result)
		return secret.Bytes{}, errPublicValue
	}
	return secret.Own(result), nil
}

func (x *x255) wipe() { x.scalar.Wipe() }

// dh3k is Diffie-Hellman in the 3072-bit group of RFC 3526, in constant time.
type dh3k struct {
	modulus  *bigmod.Modulus
	exponent secret.Bytes
	pv       []byte
}

func newDH3k(exponentLen int, rand io.Reader) (*dh3k, error) {
	exponent, err := randomSecret(rand, exponentLen)
	if err != nil {
		return nil, err
	}
	generator := dh3kComb(exponentLen)
	modulus := generator.modulus
	pv := generator.exp(exponent.Expose())
	return &dh3k{modulus, exponent, pv.Bytes(modulus)}, nil
}

// public has the width of the prime: Nat.Bytes keeps leading zeros.
//
// RFC 6189, Section 4.4.1.1: fixed to the bit-length of the DH prime; leading
// zeros MUST NOT be truncated.
func (d *dh3k) public() []byte { return d.pv }

// agree refuses what Section 4.4.1.2 and Table 8 call bad: 0, 1 and p-1; and
// what is no member of the group at all.
func (d *dh3k) agree(peer []byte) (secret.Bytes, error) {
	theirs, err := bigmod.NewNat().SetBytes(peer, d.modulus)
	if err != nil {
		return secret.Bytes{}, errPublicValue
	}
	if theirs.IsZero()|theirs.IsOne()|theirs.IsMinusOne(d.modulus) == 1 {
		return secret.Bytes{}, errPublicValue
	}
	result := bigmod.NewNat().Exp(theirs, d.exponent.Expose(), d.modulus)
	b := result.Bytes(d.modulus)
	clear(result.Bits())
	return secret.Own(b), nil
}

func (d *dh3k) wipe() { d.exponent.Wipe() }
