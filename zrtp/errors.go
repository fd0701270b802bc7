package zrtp

import (
	"errors"
	"fmt"

	"karat/zrtp/wire"
)

// What Failed.Err may wrap.
var (
	// ErrHelloHash: the Hello is not the one that signalling announced.
	ErrHelloHash = errors.New("zrtp: the Hello is not the one that was announced in signalling")
	// ErrMessageMAC: a message was altered on its way, which its sender proved
	// by a key revealed later.
	//
	// RFC 6189, Section 8.1.1: If a bad MAC is discovered, it MUST be treated as
	// a security exception indicating a MiTM attack [...] and MUST NOT be treated
	// as a random error.
	ErrMessageMAC = errors.New("zrtp: a message was altered on its way")
	// ErrSecondCommit: the other end wants other keys than those it began with.
	ErrSecondCommit = errors.New("zrtp: the other end sent a second, different Commit; someone may be in the middle of this call")
	// ErrTimeout: the other end fell silent in the middle of the exchange.
	ErrTimeout = errors.New("zrtp: the other end fell silent in the middle of the key agreement")
)

// ProtocolError is a failure that RFC 6189, Section 5.9 has a code for.
type ProtocolError struct {
	Code uint32
	// Cause says more, or is nil.
	Cause error
}

func (e *ProtocolError) Error() string {
	text := fmt.Sprintf("zrtp: %v (error 0x%x)", wire.ErrorCode(e.Code), e.Code)
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *ProtocolError) Unwrap() error { return e.Cause }

func protocolError(code wire.ErrorCode, cause error) *ProtocolError {
	return &ProtocolError{Code: uint32(code), Cause: cause}
}

// errUnused is why a message is dropped without a consequence: it cannot be
// from the peer, or comes at the wrong time.
//
// RFC 6189, Section 9: Packets that contain an incorrect hash preimage MUST NOT
// be used by the recipient [...] the protocol SHOULD be allowed to run to
// completion.
var errUnused = errors.New("zrtp: message not used")

// doubtful is a fault in a message that anyone could have sent. It counts only
// if no good message follows: see Session.suspect.
type doubtful struct{ fault *ProtocolError }

func (d doubtful) Error() string { return d.fault.Error() }
