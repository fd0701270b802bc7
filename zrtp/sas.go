package zrtp

import "karat/zrtp/wire"

// renderSAS turns the sasvalue into what people read to each other (Section
// 5.1.6).
func renderSAS(scheme wire.Algorithm, value uint32) string {
	if scheme == wire.B256 {
		return base256(value)
	}
	return base32(value)
}

// base32 renders the leftmost 20 bits as four characters.
func base32(value uint32) string {
	const alphabet = "ybndrfg8ejkmcpqxot1uwisza345h769"
	var text [4]byte
	for i := range text {
		text[i] = alphabet[value>>(27-5*i)&31]
	}
	return string(text[:])
}

// base256 renders the leftmost 16 bits as two words: the first, at the even
// offset 0, from the list of two syllables, the second from that of three.
func base256(value uint32) string {
	return evenWords[value>>24] + " " + oddWords[value>>16&0xff]
}
