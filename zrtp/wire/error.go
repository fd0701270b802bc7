package wire

import (
	"encoding/binary"
	"fmt"
)

// ErrorCode says why an endpoint ends an exchange (RFC 6189, Section 5.9).
type ErrorCode uint32

// The codes of Table 8.
const (
	CodeMalformed          ErrorCode = 0x10
	CodeSoftware           ErrorCode = 0x20
	CodeVersion            ErrorCode = 0x30
	CodeHelloMismatch      ErrorCode = 0x40
	CodeHash               ErrorCode = 0x51
	CodeCipher             ErrorCode = 0x52
	CodeKeyAgreement       ErrorCode = 0x53
	CodeAuthTag            ErrorCode = 0x54
	CodeSAS                ErrorCode = 0x55
	CodeNoSharedSecret     ErrorCode = 0x56
	CodeBadPublicValue     ErrorCode = 0x61
	CodeBadCommitment      ErrorCode = 0x62
	CodeUntrustedRelay     ErrorCode = 0x63
	CodeBadConfirmMAC      ErrorCode = 0x70
	CodeNonceReuse         ErrorCode = 0x80
	CodeEqualZIDs          ErrorCode = 0x90
	CodeSSRCCollision      ErrorCode = 0x91
	CodeServiceUnavailable ErrorCode = 0xa0
	CodeTimeout            ErrorCode = 0xb0
	CodeGoClearRefused     ErrorCode = 0x100
)

// String says what the code means.
func (c ErrorCode) String() string {
	switch c {
	case CodeMalformed:
		return "malformed packet"
	case CodeSoftware:
		return "critical software error"
	case CodeVersion:
		return "unsupported ZRTP version"
	case CodeHelloMismatch:
		return "Hello components mismatch"
	case CodeHash:
		return "hash type not supported"
	case CodeCipher:
		return "cipher type not supported"
	case CodeKeyAgreement:
		return "public key exchange not supported"
	case CodeAuthTag:
		return "SRTP auth tag not supported"
	case CodeSAS:
		return "SAS rendering scheme not supported"
	case CodeNoSharedSecret:
		return "no shared secret available, DH mode required"
	case CodeBadPublicValue:
		return "bad public value"
	case CodeBadCommitment:
		return "DHPart2 is not the one that was committed to"
	case CodeUntrustedRelay:
		return "relayed SAS from an untrusted man in the middle"
	case CodeBadConfirmMAC:
		return "wrong MAC in a Confirm"
	case CodeNonceReuse:
		return "nonce reused"
	case CodeEqualZIDs:
		return "equal ZIDs in Hello"
	case CodeSSRCCollision:
		return "SSRC collision"
	case CodeServiceUnavailable:
		return "service unavailable"
	case CodeTimeout:
		return "protocol timeout"
	case CodeGoClearRefused:
		return "GoClear received, but not allowed"
	}
	return fmt.Sprintf("error code %#x", uint32(c))
}

// Error ends an exchange.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         Code (1 word)                         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Error struct{ Code ErrorCode }

// ParseError reads an Error.
func ParseError(msg []byte) (Error, error) {
	r, err := exactBody(msg, TypeError, 4)
	if err != nil {
		return Error{}, err
	}
	return Error{Code: ErrorCode(r.u32())}, nil
}

// Append appends e.
func (e Error) Append(dst []byte) []byte {
	return appendMessage(dst, TypeError, binary.BigEndian.AppendUint32(nil, uint32(e.Code)))
}
