package codec

import "errors"

// ErrNotPaddable is returned for what is not a packet of one frame.
var ErrNotPaddable = errors.New("codec: only an Opus packet of one frame (code 0) is padded")

// Pad fills the packet packet[:n], one frame as the encoder made it, up to
// len(packet) bytes, in place.
//
// A packet of one frame is code 0: the TOC byte, then the frame.
//
//	| TOC, c=0 | frame ... |
//
// RFC 6716, Section 3.2.5: a code 3 packet has a frame count byte after the
// TOC, with bit p telling that padding follows, and the length of the padding
// in bytes of its own: 0..254 means so many bytes at the end of the packet,
// 255 means 254 and one more such byte.
//
//	| TOC, c=3 | v=0 p=1 M=1 | padding length ... | frame ... | 0 0 0 ... |
//
// One missing byte is filled by the frame count byte alone, with p=0.
func Pad(packet []byte, n int) error {
	missing := len(packet) - n
	if missing == 0 && n > 0 {
		return nil
	}
	if n < 1 || missing < 0 || packet[0]&3 != 0 {
		return ErrNotPaddable
	}
	count := byte(1) // M=1, CBR
	var lengths, padding int
	if missing > 1 {
		count |= 1 << 6
		// k length bytes stand for up to 254*k bytes of padding, and each byte
		// takes one itself: 255*k in all.
		lengths = (missing - 1 + 254) / 255
		padding = missing - 1 - lengths
	}
	copy(packet[2+lengths:], packet[1:n])
	packet[0] |= 3
	packet[1] = count
	writeLengths(packet[2:2+lengths], padding)
	// RFC 6716, Section 3.2.5: "MUST be set to zero by the encoder to avoid
	// creating a covert channel".
	clear(packet[len(packet)-padding:])
	return nil
}

// writeLengths says how much padding follows, in exactly len(b) bytes.
func writeLengths(b []byte, padding int) {
	for i := range b {
		if i < len(b)-1 {
			b[i] = 255
			padding -= 254
			continue
		}
		b[i] = byte(padding)
	}
}
