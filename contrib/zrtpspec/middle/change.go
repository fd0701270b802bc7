package middle

import (
	"encoding/binary"

	"karat/zrtp/wire"
)

// one is a message that arrives instead.
func one(msg []byte) [][]byte { return [][]byte{msg} }

// alter changes messages of one type, in place and without their MAC's key.
func alter(typ wire.Type, change func(msg []byte)) func(int, []byte) [][]byte {
	return func(_ int, msg []byte) [][]byte {
		if wire.TypeOf(msg) == typ {
			change(msg)
		}
		return one(msg)
	}
}

// flipAt changes one bit, counted from the end if at is negative.
func flipAt(at int) func([]byte) {
	return func(msg []byte) { msg[(at+len(msg))%len(msg)] ^= 1 }
}

// beside lets messages of M's arrive before each message of theirs.
func beside(messages ...wire.Message) func(int, []byte) [][]byte {
	return func(_ int, msg []byte) [][]byte {
		var arriving [][]byte
		for _, m := range messages {
			arriving = append(arriving, m.Append(nil))
		}
		return append(arriving, msg)
	}
}

// publicValue puts a value into DHParts.
func publicValue(typ wire.Type, value []byte) func(int, []byte) [][]byte {
	return alter(typ, func(msg []byte) {
		const at = 12 + 32 + 4*8 // after the type, H1 and four ids
		copy(msg[at:len(msg)-8], value)
	})
}

// commitWord puts other algorithms into Commits: five words after H2 and the ZID.
func commitWord(n int, name string) func(int, []byte) [][]byte {
	return alter(wire.TypeCommit, func(msg []byte) {
		at := 12 + 32 + 12
		copy(msg[at+4*n:], name)
		msg[at+20] = 0xff // the hvi: it prevails
	})
}

// stripped is a Hello that lists nothing but what is mandatory.
func stripped(msg []byte) [][]byte {
	h, err := wire.ParseHello(msg)
	if err != nil {
		return one(msg)
	}
	h.Hashes, h.Ciphers, h.AuthTags, h.KeyAgreements, h.SASTypes = nil, nil, nil, nil, nil
	return one(h.Append(nil)) // its MAC is wrong
}

func onHello(change func([]byte) [][]byte) func(int, []byte) [][]byte {
	return func(_ int, msg []byte) [][]byte {
		if wire.TypeOf(msg) == wire.TypeHello {
			return change(msg)
		}
		return one(msg)
	}
}

// only has the ends offer one key agreement.
func only(keyAgreement string) Offer {
	return Offer{KeyAgreements: []string{keyAgreement}, Hashes: []string{"S384", "S256"}}
}

// once lets messages arrive beside the first DHPart1.
func once(messages ...wire.Message) func(int, []byte) [][]byte {
	return func(from int, msg []byte) [][]byte {
		if wire.TypeOf(msg) == wire.TypeHello {
			return one(msg)
		}
		return beside(messages...)(from, msg)
	}
}

// hostileFragments arrive beside the true messages.
func hostileFragments(m Meeting) error {
	r := newRelay(m)
	r.change = func(from int, msg []byte) [][]byte {
		for _, words := range [][4]uint16{{0, 0, 0, 0}, {1, 0xffff, 0xfffe, 2}, {2, 4, 3, 2}, {3, 300, 299, 0xffff}, {4, 300, 0, 1}, {4, 300, 0, 2}} {
			var piece []byte
			for _, w := range words {
				piece = binary.BigEndian.AppendUint16(piece, w)
			}
			r.giveFragment(1-from, r.ssrcs[from], append(piece, make([]byte, 4*min(int(words[3]), 8))...))
		}
		return one(msg)
	}
	r.run(m.Time, m.over())
	return nil
}

// reflected has each end hear itself.
func reflected(m Meeting) error {
	r := newRelay(m)
	r.change = func(from int, msg []byte) [][]byte {
		r.give(from, r.ssrcs[from], msg)
		return nil
	}
	r.run(m.Time, m.over())
	return nil
}
