package keys

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"karat/zrtp/wire"
)

// prime3072 is the prime of the 3072-bit group (RFC 3526, Section 4).
const prime3072 = `
	FFFFFFFF FFFFFFFF C90FDAA2 2168C234 C4C6628B 80DC1CD1
	29024E08 8A67CC74 020BBEA6 3B139B22 514A0879 8E3404DD
	EF9519B3 CD3A431B 302B0A6D F25F1437 4FE1356D 6D51C245
	E485B576 625E7EC6 F44C42E9 A637ED6B 0BFF5CB6 F406B7ED
	EE386BFB 5A899FA5 AE9F2411 7C4B1FE6 49286651 ECE45B3D
	C2007CB8 A163BF05 98DA4836 1C55D39A 69163FA8 FD24CF5F
	83655D23 DCA3AD96 1C62F356 208552BB 9ED52907 7096966D
	670C354E 4ABC9804 F1746C08 CA18217C 32905E46 2E36CE3B
	E39E772C 180E8603 9B2783A2 EC07A28F B5C55DF0 6F4C52C9
	DE2BCBF6 95581718 3995497C EA956AE5 15D22618 98FA0510
	15728E5A 8AAAC42D AD33170D 04507A33 A85521AB DF1CBA64
	ECFB8504 58DBEF0A 8AEA7157 5D060C7D B3970F85 A6E1E4C7
	ABF5AE8C DB0933D7 1E8C94E0 4A25619D CEE3D226 1AD2EE6B
	F12FFA06 D98A0864 D8760273 3EC86A64 521F2B18 177B200C
	BBE11757 7A615D6C 770988C0 BAD946E2 08E24FA0 74E5AB31
	43DB5BFC E0FD108E 4B82D120 A93AD2CA FFFFFFFF FFFFFFFF
`

// Prime is the modulus of DH3k.
func Prime() *big.Int {
	p, _ := new(big.Int).SetString(strings.Join(strings.Fields(prime3072), ""), 16)
	return p
}

// ErrNoAgreement: a key agreement that is not spoken here.
var ErrNoAgreement = errors.New("keys: no such key agreement")

// Half is one's own half of a key agreement.
type Half interface {
	// Public is the value to send.
	Public() []byte
	// Agree is the DHResult with the other half.
	Agree(public []byte) ([]byte, error)
}

// Agreements are those that NewHalf knows, the fastest first.
func Agreements() []wire.Algorithm {
	return []wire.Algorithm{wire.X255, "EC25", "EC38", wire.DH3k}
}

// NewHalf draws a half.
func NewHalf(a wire.Algorithm) (Half, error) {
	switch a {
	case wire.X255:
		return newCurve(ecdh.X25519())
	case "EC25":
		return newCurve(ecdh.P256())
	case "EC38":
		return newCurve(ecdh.P384())
	case wire.DH3k:
		return newModP(), nil
	default:
		return nil, fmt.Errorf("%w: %s", ErrNoAgreement, a)
	}
}

// modP is finite field Diffie-Hellman with DH3k's prime and generator 2.
type modP struct {
	prime, exponent *big.Int
}

func newModP() modP {
	b := make([]byte, 64) // RFC 6189, Section 5.1.5: 512 bits for AES-256
	_, _ = rand.Read(b)
	return modP{Prime(), new(big.Int).SetBytes(b)}
}

func (m modP) Public() []byte {
	return m.wide(new(big.Int).Exp(big.NewInt(2), m.exponent, m.prime))
}

func (m modP) Agree(public []byte) ([]byte, error) {
	return m.wide(new(big.Int).Exp(new(big.Int).SetBytes(public), m.exponent, m.prime)), nil
}

// wide keeps leading zeros (RFC 6189, Sections 4.4.1.1 and 4.4.1.4).
func (m modP) wide(n *big.Int) []byte { return n.FillBytes(make([]byte, m.prime.BitLen()/8)) }

// ShortHalf is a DH3k half whose public value begins with zero octets: the
// exponent is so small that 2 to its power has only so many bits.
func ShortHalf(zeros int) Half {
	prime := Prime()
	return modP{prime, big.NewInt(int64(prime.BitLen() - 8*zeros - 1))}
}

// curve is elliptic curve Diffie-Hellman.
type curve struct{ key *ecdh.PrivateKey }

func newCurve(c ecdh.Curve) (Half, error) {
	key, err := c.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return curve{key}, nil
}

// Public of a NIST curve is both coordinates without the octet that says so
// (RFC 6189, Section 5.1.5); of X25519 its 32 octets.
func (c curve) Public() []byte {
	public := c.key.PublicKey().Bytes()
	if c.key.Curve() == ecdh.X25519() {
		return public
	}
	return public[1:]
}

func (c curve) Agree(public []byte) ([]byte, error) {
	if c.key.Curve() != ecdh.X25519() {
		public = append([]byte{4}, public...)
	}
	theirs, err := c.key.Curve().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return c.key.ECDH(theirs)
}
