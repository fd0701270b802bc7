package codec

// G.711, the voice of the telephone network: 8 kHz, one byte a sample, two laws
// (ITU-T G.711). Any byte is a sample, and a packet's size is its length.

// MuLaw encodes one sample of 16 bits.
func MuLaw(sample int16) byte {
	const bias, clip = 0x84, 32635
	sign := byte(0)
	v := int(sample)
	if v < 0 {
		sign, v = 0x80, -v
	}
	v = min(v, clip) + bias
	exponent := segment(v >> 7)
	mantissa := byte(v>>(exponent+3)) & 0x0f
	return ^(sign | byte(exponent)<<4 | mantissa)
}

// FromMuLaw decodes one sample.
func FromMuLaw(b byte) int16 {
	b = ^b
	v := (int(b&0x0f)<<3 + 0x84) << (b >> 4 & 7)
	v -= 0x84
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v)
}

// ALaw encodes one sample of 16 bits.
func ALaw(sample int16) byte {
	sign := byte(0x80)
	v := int(sample)
	if v < 0 {
		sign, v = 0, -v-1
	}
	exponent := segment(v >> 8)
	var mantissa byte
	if v >= 256 {
		exponent++
		mantissa = byte(v>>(exponent+3)) & 0x0f
	} else {
		mantissa = byte(v>>4) & 0x0f
	}
	return (sign | byte(exponent)<<4 | mantissa) ^ 0x55
}

// FromALaw decodes one sample.
func FromALaw(b byte) int16 {
	b ^= 0x55
	v := int(b&0x0f)<<4 + 8
	if exponent := b >> 4 & 7; exponent > 0 {
		v = (v + 0x100) << (exponent - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}

// segment is the index of the highest bit set, at most 7.
func segment(v int) (n int) {
	for v >>= 1; v > 0 && n < 7; v >>= 1 {
		n++
	}
	return n
}
