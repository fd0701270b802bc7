package profile

// Bytes as the elements of a field of 256, in which repairs are computed: addition is
// the exclusive or. The libraries that have it (klauspost/reedsolomon) keep it to
// themselves, and offer codes of blocks: who waits for a block to end waits too long.

// polynomial is that of the field.
//
// RFC 8682, Section 4.3 (RFC 8681 has its sliding window): x^8 + x^4 + x^3 + x^2 + 1.
const polynomial = 0x11D

// products of any two elements.
var products = multiplied()

func multiplied() (p [256][256]byte) {
	for a := range p {
		for b := range p[a] {
			p[a][b] = product(a, b)
		}
	}
	return p
}

// product multiplies as one does by hand.
func product(a, b int) byte {
	sum := 0
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			sum ^= a
		}
		if a <<= 1; a > 0xFF {
			a ^= polynomial
		}
	}
	return byte(sum)
}

// inverse of an element that is not zero.
func inverse(a byte) byte {
	for b, v := range products[a] {
		if v == 1 {
			return byte(b)
		}
	}
	return 0
}

// addTimes adds so many times src to dst.
func addTimes(dst, src []byte, times byte) {
	row := &products[times]
	for i, v := range src[:len(dst)] {
		dst[i] ^= row[v]
	}
}

// scale multiplies dst.
func scale(dst []byte, times byte) {
	row := &products[times]
	for i, v := range dst {
		dst[i] = row[v]
	}
}
