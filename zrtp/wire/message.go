package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Type is a Message Type Block: eight characters (RFC 6189, Section 5.1.1).
type Type string

// The sixteen messages.
const (
	TypeHello    Type = "Hello   "
	TypeHelloACK Type = "HelloACK"
	TypeCommit   Type = "Commit  "
	TypeDHPart1  Type = "DHPart1 "
	TypeDHPart2  Type = "DHPart2 "
	TypeConfirm1 Type = "Confirm1"
	TypeConfirm2 Type = "Confirm2"
	TypeConf2ACK Type = "Conf2ACK"
	TypeError    Type = "Error   "
	TypeErrorACK Type = "ErrorACK"
	TypeGoClear  Type = "GoClear "
	TypeClearACK Type = "ClearACK"
	TypeSASRelay Type = "SASrelay"
	TypeRelayACK Type = "RelayACK"
	TypePing     Type = "Ping    "
	TypePingACK  Type = "PingACK "
)

const (
	preamble     = 0x505a
	msgHeaderLen = 12
	typeLen      = 8
)

// ErrMalformed says that a message arrived whole and is wrongly built: what
// Error code 0x10 is for.
var ErrMalformed = errors.New("wire: malformed message")

func malformed(t Type, what string) error {
	return fmt.Errorf("%w: %s: %s", ErrMalformed, t, what)
}

// Message is one of the types of this package.
type Message interface {
	// Append appends the message as it travels, without the packet's frame.
	Append(dst []byte) []byte
}

// Raw is a message of any type, known or not. Its Preamble and Length may lie.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|       Preamble (0x505a)       |        Length (words)         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                        Type (2 words)                         |
//	|                                                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                             Body                              |
//	|                             . . .                             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Raw struct {
	Preamble uint16
	Length   uint16
	Type     Type
	Body     []byte
}

// ParseRaw checks what all messages have in common.
func ParseRaw(msg []byte) (Raw, error) {
	if len(msg) < msgHeaderLen || len(msg) > MaxMessage {
		return Raw{}, fmt.Errorf("%w of %d octets", ErrMalformed, len(msg))
	}
	m := Raw{
		Preamble: binary.BigEndian.Uint16(msg),
		Length:   binary.BigEndian.Uint16(msg[2:]),
		Type:     Type(msg[4:msgHeaderLen]),
	}
	if m.Preamble != preamble {
		return Raw{}, fmt.Errorf("%w: preamble %#04x", ErrMalformed, m.Preamble)
	}
	if 4*int(m.Length) != len(msg) {
		return Raw{}, malformed(m.Type, fmt.Sprintf("length field says %d octets, there are %d", 4*int(m.Length), len(msg)))
	}
	m.Body = append([]byte(nil), msg[msgHeaderLen:]...)
	return m, nil
}

// Append appends m as it stands.
func (m Raw) Append(dst []byte) []byte {
	dst = slices.Grow(dst, msgHeaderLen+len(m.Body))
	dst = binary.BigEndian.AppendUint16(dst, m.Preamble)
	dst = binary.BigEndian.AppendUint16(dst, m.Length)
	dst = appendPadded(dst, string(m.Type), typeLen)
	return append(dst, m.Body...)
}

// TypeOf reads the type of a message, which may be malformed otherwise.
func TypeOf(msg []byte) Type {
	if len(msg) < msgHeaderLen {
		return ""
	}
	return Type(msg[4:msgHeaderLen])
}

// Parse reads a message of whatever type. One of unknown type is a Raw.
func Parse(msg []byte) (Message, error) {
	switch TypeOf(msg) {
	case TypeHello:
		return parsed(ParseHello(msg))
	case TypeHelloACK:
		return parsed(ParseHelloACK(msg))
	case TypeCommit:
		return parsed(ParseCommit(msg))
	case TypeDHPart1, TypeDHPart2:
		return parsed(ParseDHPart(msg))
	case TypeConfirm1, TypeConfirm2:
		return parsed(ParseConfirm(msg))
	case TypeConf2ACK:
		return parsed(ParseConf2ACK(msg))
	case TypeError:
		return parsed(ParseError(msg))
	case TypeErrorACK:
		return parsed(ParseErrorACK(msg))
	case TypeGoClear:
		return parsed(ParseGoClear(msg))
	case TypeClearACK:
		return parsed(ParseClearACK(msg))
	case TypeSASRelay:
		return parsed(ParseSASRelay(msg))
	case TypeRelayACK:
		return parsed(ParseRelayACK(msg))
	case TypePing:
		return parsed(ParsePing(msg))
	case TypePingACK:
		return parsed(ParsePingACK(msg))
	default:
		return parsed(ParseRaw(msg))
	}
}

// parsed turns a typed result into the interface, nil with an error.
func parsed[M Message](m M, err error) (Message, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

// appendMessage appends a message whose length field is true.
func appendMessage(dst []byte, t Type, body []byte) []byte {
	return append(appendHeader(dst, t, len(body)), body...)
}

// appendHeader appends what all messages begin with, and makes room for a body of
// so many octets.
func appendHeader(dst []byte, t Type, body int) []byte {
	dst = slices.Grow(dst, msgHeaderLen+body)
	return Raw{Preamble: preamble, Length: uint16((msgHeaderLen + body) / wordLen), Type: t}.Append(dst)
}

// parseEmpty reads a message that is nothing but its header.
func parseEmpty(msg []byte, t Type) error {
	_, err := body(msg, t, 0)
	return err
}

// body returns a reader for the body of a message of type t, which must have at
// least size octets.
func body(msg []byte, t Type, size int) (*reader, error) {
	m, err := ParseRaw(msg)
	switch {
	case err != nil:
		return nil, err
	case m.Type != t:
		return nil, malformed(m.Type, "not the type asked for")
	case len(m.Body) < size:
		return nil, malformed(t, "too short")
	case size == 0 && len(m.Body) > 0:
		return nil, malformed(t, "has a body")
	}
	return &reader{m.Body}, nil
}

// exactBody is body for messages of one size only.
func exactBody(msg []byte, t Type, size int) (*reader, error) {
	r, err := body(msg, t, size)
	if err == nil && len(r.b) != size {
		return nil, malformed(t, "too long")
	}
	return r, err
}

// reader takes fields off a body. Its callers have checked the size before: it
// panics like an index out of range if they have not.
type reader struct{ b []byte }

func (r *reader) next(n int) []byte {
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.next(4)) }

// rest returns what is left.
func (r *reader) rest() []byte { return r.next(len(r.b)) }

// appendPadded appends s cut or filled with spaces to n octets.
//
// RFC 6189, Section 5.1: The values in the blocks are ASCII strings that are
// extended with spaces (0x20) to make them the desired length.
func appendPadded(dst []byte, s string, n int) []byte {
	for i := range n {
		c := byte(' ')
		if i < len(s) {
			c = s[i]
		}
		dst = append(dst, c)
	}
	return dst
}
