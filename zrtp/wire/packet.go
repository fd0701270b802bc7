package wire

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
)

const (
	magicCookie = 0x5a525450 // "ZRTP"
	headerLen   = 12
	crcLen      = 4

	// MaxMessage bounds a message: a Confirm with the longest signature (511
	// words beside 19) is the longest that RFC 6189 knows.
	MaxMessage = 4 * (19 + maxSignatureWords)
	// MaxPacket bounds a packet likewise.
	MaxPacket = headerLen + MaxMessage + crcLen
)

// Errors of ParsePacket. Neither deserves an answer.
var (
	// ErrNotZRTP says that a datagram is not a ZRTP packet.
	ErrNotZRTP = errors.New("wire: not a ZRTP packet")
	// ErrCRC says that a packet was damaged on its way.
	//
	// RFC 6189, Section 5: If a ZRTP message fails the CRC check, it is
	// silently discarded.
	ErrCRC = errors.New("wire: wrong CRC")
)

// Packet frames one message.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|0 0 0 1|   Unused (12 bits)    |           Sequence            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                 Magic Cookie "ZRTP" (0x5a525450)              |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                             SSRC                              |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                        Message (words)                        |
//	|                             . . .                             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                            CRC-32C                            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Packet struct {
	Unused   uint16 // the 12 bits that are zero when sent and ignored when received
	Sequence uint16
	SSRC     uint32
	Message  []byte
}

// IsPacket tells whether b looks like a ZRTP packet, to sort what arrives on a
// media port (RFC 7983). It does not check the CRC.
func IsPacket(b []byte) bool {
	return len(b) > headerLen+crcLen && b[0]>>4 == 1 && binary.BigEndian.Uint32(b[4:]) == magicCookie
}

// ParsePacket takes the frame off. The message shares b's memory.
func ParsePacket(b []byte) (Packet, error) {
	if !IsPacket(b) || len(b) > MaxPacket {
		return Packet{}, ErrNotZRTP
	}
	end := len(b) - crcLen
	if crc(b[:end]) != binary.BigEndian.Uint32(b[end:]) {
		return Packet{}, ErrCRC
	}
	return Packet{
		Unused:   binary.BigEndian.Uint16(b) & 0xfff,
		Sequence: binary.BigEndian.Uint16(b[2:]),
		SSRC:     binary.BigEndian.Uint32(b[8:]),
		Message:  b[headerLen:end],
	}, nil
}

// AppendPacket appends p with its CRC.
func AppendPacket(dst []byte, p Packet) []byte {
	start := len(dst)
	dst = appendUnchecked(dst, p)
	return binary.BigEndian.AppendUint32(dst, crc(dst[start:]))
}

// AppendPacketCRC appends p with the CRC given, right or wrong.
func AppendPacketCRC(dst []byte, p Packet, crc uint32) []byte {
	return binary.BigEndian.AppendUint32(appendUnchecked(dst, p), crc)
}

func appendUnchecked(dst []byte, p Packet) []byte {
	dst = slices.Grow(dst, headerLen+len(p.Message)+crcLen)
	dst = binary.BigEndian.AppendUint16(dst, 0x1000|p.Unused&0xfff)
	dst = binary.BigEndian.AppendUint16(dst, p.Sequence)
	dst = binary.BigEndian.AppendUint32(dst, magicCookie)
	dst = binary.BigEndian.AppendUint32(dst, p.SSRC)
	return append(dst, p.Message...)
}

// castagnoli is only read after it was made.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc is the checksum as it reads on the wire in network byte order.
//
// RFC 6189, Section 5: The ZRTP protocol uses a 32-bit Cyclic Redundancy Check
// (CRC) as defined in RFC 4960, Appendix B. That appendix puts the lowest octet
// of the register first, so it is turned round here.
func crc(b []byte) uint32 {
	var swapped [4]byte
	binary.LittleEndian.PutUint32(swapped[:], crc32.Checksum(b, castagnoli))
	return binary.BigEndian.Uint32(swapped[:])
}
