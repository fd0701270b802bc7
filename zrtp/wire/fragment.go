package wire

import (
	"encoding/binary"
	"slices"
)

// MaxDatagram is the longest datagram that is sent whole: what the smallest link
// of IPv6 carries, 1280 octets (RFC 8200, Section 5), less the headers of IPv6
// and UDP. IP fragments are often dropped. The DHPart1 of X2M2 just fits, and its
// Commit is of two fragments.
const MaxDatagram = 1280 - 40 - 8

// FragmentMark is the Unused of a Packet whose Message is a Fragment: the first
// octet is 0x11 and the second 0.
const FragmentMark = 0x100

const (
	fragmentHeaderLen = 8
	wordLen           = 4

	// maxFragment is how much of a message fits into one datagram.
	maxFragment = (MaxDatagram - headerLen - fragmentHeaderLen - crcLen) &^ (wordLen - 1)
	// maxWords is MaxMessage in words.
	maxWords = MaxMessage / wordLen
)

// Fragment is a piece of a message that is longer than a datagram may be. All
// pieces of one message, and those of its repetitions, have one MessageID.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|           MessageID           |         Total (words)         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|        Offset (words)         |        Length (words)         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                             Data                              |
//	|                             . . .                             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Fragment struct {
	MessageID uint16
	Total     uint16 // of the message
	Offset    uint16
	Data      []byte
}

// Fragment returns the fragment that p carries; false if it carries a message,
// or a fragment that lies outside of its message. Data shares p's memory.
//
// RFC 6189, Section 5 says to ignore the unused bits, so the mark alone proves
// nothing. But no message can be taken for a fragment: where a fragment has its
// offset a message has its type, letters that are far more than maxWords.
func (p Packet) Fragment() (Fragment, bool) {
	b := p.Message
	if p.Unused != FragmentMark || len(b) <= fragmentHeaderLen {
		return Fragment{}, false
	}
	f := Fragment{
		MessageID: binary.BigEndian.Uint16(b),
		Total:     binary.BigEndian.Uint16(b[2:]),
		Offset:    binary.BigEndian.Uint16(b[4:]),
		Data:      b[fragmentHeaderLen:],
	}
	length := binary.BigEndian.Uint16(b[6:])
	return f, wordLen*int(length) == len(f.Data) && f.inside()
}

// inside tells whether a fragment lies within its message, and that within what
// a message may be. The sums are of ints: two uint16 could wrap.
func (f Fragment) inside() bool {
	return len(f.Data) > 0 && len(f.Data)%wordLen == 0 && int(f.Total) <= maxWords &&
		int(f.Offset)+len(f.Data)/wordLen <= int(f.Total)
}

// Append appends f as the Message of a Packet with FragmentMark.
func (f Fragment) Append(dst []byte) []byte {
	dst = slices.Grow(dst, fragmentHeaderLen+len(f.Data))
	for _, field := range []uint16{f.MessageID, f.Total, f.Offset, uint16(len(f.Data) / wordLen)} {
		dst = binary.BigEndian.AppendUint16(dst, field)
	}
	return append(dst, f.Data...)
}

// Split cuts a message into as few pieces as fit into datagrams, of about one
// length; none if the message fits as it is, and is to be sent so.
func Split(id uint16, msg []byte) []Fragment {
	if headerLen+len(msg)+crcLen <= MaxDatagram {
		return nil
	}
	words := len(msg) / wordLen
	pieces := (len(msg) + maxFragment - 1) / maxFragment
	var fragments []Fragment
	at := 0
	for data := range slices.Chunk(msg, wordLen*((words+pieces-1)/pieces)) {
		fragments = append(fragments, Fragment{MessageID: id, Total: uint16(words), Offset: uint16(at), Data: data})
		at += len(data) / wordLen
	}
	return fragments
}
