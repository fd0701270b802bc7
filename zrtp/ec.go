package zrtp

import (
	"crypto/ecdh"
	"errors"
	"io"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// curve is one of the NIST curves. EC52 is spoken when asked for, and never by
// default.
//
// RFC 6189, Section 5.1.5: ECDH-521 SHOULD NOT be used, due to disruptive
// computational delays.
type curve struct {
	ecdh.Curve
	// width is the length of a coordinate, and of the result, in octets.
	width int
	// top masks the first octet of a secret: 521 bits begin with a single one.
	top byte
}

// curveOf returns the curve of a key agreement; false if it needs none.
func curveOf(keyAgreement wire.Algorithm) (curve, bool) {
	switch keyAgreement {
	case wire.EC25:
		return curve{ecdh.P256(), 32, 0xff}, true
	case wire.EC38:
		return curve{ecdh.P384(), 48, 0xff}, true
	case wire.EC52:
		return curve{ecdh.P521(), 66, 0x01}, true
	default:
		return curve{}, false
	}
}

// publicLen is the length of a public value in octets.
//
// RFC 6189, Section 5.1.5: Both the X and Y coordinates of the point on the
// curve are sent, in the first and second half of the ECDH public value.
func (c curve) publicLen() int { return 2 * c.width }

// wrongLength is the fault of a public value of another length: a point has other
// forms, infinity and the compressed ones, and they are refused as points
// (SEC 1, Section 2.3.3); all others are no public values.
func (s suite) wrongLength() wire.ErrorCode {
	if _, ok := curveOf(s.keyAgreement); ok {
		return wire.CodeBadPublicValue
	}
	return wire.CodeMalformed
}

// uncompressed is what SEC 1, Section 2.3.3 puts before the two coordinates of
// a point that is sent whole. ZRTP sends such points only, and leaves it out.
const uncompressed = 0x04

// ec is Diffie-Hellman on a NIST curve.
type ec struct {
	curve  curve
	scalar secret.Bytes
	pv     []byte
}

// scalarTries bounds the search for a secret. The least lucky curve, P-256,
// misses once in 2^32.
const scalarTries = 16

// errNoScalar says that the source of random values is none.
var errNoScalar = errors.New("zrtp: the random values are not random")

// newEC draws octets until they are a number from 1 to n-1 (SP 800-56A,
// Section 5.6.1.2.2). ecdh.GenerateKey would not ask our source.
func newEC(c curve, rand io.Reader) (*ec, error) {
	for range scalarTries {
		scalar, err := randomSecret(rand, c.width)
		if err != nil {
			return nil, err
		}
		scalar.Expose()[0] &= c.top
		key, err := c.NewPrivateKey(scalar.Expose())
		if err != nil {
			continue
		}
		return &ec{c, scalar, key.PublicKey().Bytes()[1:]}, nil
	}
	return nil, errNoScalar
}

func (e *ec) public() []byte { return e.pv }

// agree fails for what is no point of the curve. Infinity has no two
// coordinates, and all other points have the one prime order: no result is weak.
//
// RFC 6189, Section 5.1.5: The validation procedures are from SP 800-56A,
// Section 5.6.2.6, method 3. The ECDH result returns only the X coordinate.
func (e *ec) agree(peer []byte) (secret.Bytes, error) {
	theirs, err := e.curve.NewPublicKey(append([]byte{uncompressed}, peer...))
	if err != nil {
		return secret.Bytes{}, errPublicValue
	}
	ours, err := e.curve.NewPrivateKey(e.scalar.Expose())
	if err != nil {
		return secret.Bytes{}, err
	}
	result, err := ours.ECDH(theirs)
	if err != nil {
		return secret.Bytes{}, errPublicValue
	}
	return secret.Own(result), nil
}

func (e *ec) wipe() { e.scalar.Wipe() }
