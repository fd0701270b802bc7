package wire

// MaxAlgorithms is how many algorithms of one kind a Hello may list.
const MaxAlgorithms = 7

// helloFixed is the size of a Hello's body without the lists.
const helloFixed = 4 + 16 + 32 + 12 + 4 + 8

// Hello announces an endpoint and what it can do (RFC 6189, Section 5.2).
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                       Version (1 word)                        |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                       Client (4 words)                        |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         H3 (8 words)                          |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         ZID (3 words)                         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|0|S|M|P| Unused        |  hc   |  cc   |  ac   |  kc   |  sc   |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|              Hashes, Ciphers, AuthTags, KeyAgreements,        |
//	|                 SASTypes (0 to 7 words each)                  |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         MAC (2 words)                         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Hello struct {
	Version string // four characters
	Client  [16]byte
	H3      [32]byte
	ZID     [12]byte

	Reserved  bool // the bit before S
	Signature bool // S: verifies signatures
	MiTM      bool // M: may send SASrelay
	Passive   bool // P: never sends Commit
	Unused    byte

	Hashes, Ciphers, AuthTags, KeyAgreements, SASTypes []Algorithm

	MAC [8]byte
}

// ParseHello reads a Hello.
func ParseHello(msg []byte) (Hello, error) {
	r, err := body(msg, TypeHello, helloFixed)
	if err != nil {
		return Hello{}, err
	}
	h := Hello{Version: string(r.next(4))}
	copy(h.Client[:], r.next(16))
	copy(h.H3[:], r.next(32))
	copy(h.ZID[:], r.next(12))
	word := r.u32()
	h.Reserved = word>>31&1 == 1
	h.Signature = word>>30&1 == 1
	h.MiTM = word>>29&1 == 1
	h.Passive = word>>28&1 == 1
	h.Unused = byte(word >> 20)
	if err := h.parseLists(r, word); err != nil {
		return Hello{}, err
	}
	copy(h.MAC[:], r.next(8))
	return h, nil
}

// parseLists reads the lists whose lengths stand in the lowest 20 bits of word.
func (h *Hello) parseLists(r *reader, word uint32) error {
	lists := h.lists()
	total := 0
	counts := make([]int, len(lists))
	for i := range lists {
		counts[i] = int(word >> (16 - 4*i) & 0xf)
		if counts[i] > MaxAlgorithms {
			return malformed(TypeHello, "lists more than seven algorithms of a kind")
		}
		total += counts[i]
	}
	if len(r.b) != algorithmLen*total+8 {
		return malformed(TypeHello, "length and counts disagree")
	}
	for i, list := range lists {
		*list = r.algorithms(counts[i])
	}
	return nil
}

// lists are the five lists in their order on the wire.
func (h *Hello) lists() [5]*[]Algorithm {
	return [...]*[]Algorithm{&h.Hashes, &h.Ciphers, &h.AuthTags, &h.KeyAgreements, &h.SASTypes}
}

// Append appends h. Lists of more than seven are written as they are.
func (h Hello) Append(dst []byte) []byte {
	b := appendPadded(make([]byte, 0, helloFixed+5*MaxAlgorithms*algorithmLen), h.Version, 4)
	b = append(b, h.Client[:]...)
	b = append(b, h.H3[:]...)
	b = append(b, h.ZID[:]...)
	word := uint32(bit(h.Reserved)<<3|bit(h.Signature)<<2|bit(h.MiTM)<<1|bit(h.Passive))<<28 | uint32(h.Unused)<<20
	for i, list := range h.lists() {
		word |= uint32(len(*list)&0xf) << (16 - 4*i)
	}
	b = append(b, byte(word>>24), byte(word>>16), byte(word>>8), byte(word))
	for _, list := range h.lists() {
		b = appendAlgorithms(b, *list...)
	}
	b = append(b, h.MAC[:]...)
	return appendMessage(dst, TypeHello, b)
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
