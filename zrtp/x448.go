package zrtp

import (
	"io"

	circl "github.com/cloudflare/circl/dh/x448"

	"karat/internal/secret"
)

// x448Len is the length of all values of X448.
const x448Len = circl.Size

// x448 is X448 (RFC 7748) as other phones speak it: public values and the
// result are its 56 octets, little-endian, as they stand. RFC 6189 does not
// have it.
type x448 struct {
	scalar secret.Bytes
	pv     []byte
}

func newX448(rand io.Reader) (*x448, error) {
	scalar, err := randomSecret(rand, x448Len)
	if err != nil {
		return nil, err
	}
	var public circl.Key
	circl.KeyGen(&public, (*circl.Key)(scalar.Expose()))
	return &x448{scalar, public[:]}, nil
}

func (x *x448) public() []byte { return x.pv }

// agree fails on the points of small order.
//
// RFC 7748, Section 6.2: both MAY check, without leaking extra information about
// the value of the resulting shared secret, whether it is the all-zero value and
// abort if so.
func (x *x448) agree(peer []byte) (secret.Bytes, error) {
	if len(peer) != x448Len {
		return secret.Bytes{}, errPublicValue
	}
	result := make([]byte, x448Len)
	if !circl.Shared((*circl.Key)(result), (*circl.Key)(x.scalar.Expose()), (*circl.Key)(peer)) {
		clear(result)
		return secret.Bytes{}, errPublicValue
	}
	return secret.Own(result), nil
}

func (x *x448) wipe() { x.scalar.Wipe() }
