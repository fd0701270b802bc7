package profile

import "crypto/subtle"

// memory is how many of the last packets are kept: those that a repair may be of,
// and as many whose repairs still want something.
const memory = 16

// Repair writes what repairs the packets before one that takes so much care, into
// dst of the mix's length; false if it would be of none. sent gives what was sent
// so many packets before with the same care, nil if it had another.
func (p *Profile) Repair(dst []byte, c Care, sent func(back int) []byte) bool {
	m := p.Mix(c)
	clear(dst)
	some := false
	for _, a := range m.parts {
		if frame := sent(a.back); frame != nil {
			subtle.XORBytes(dst, dst, frame[a.index*m.Repair:][:m.Repair])
			some = true
		}
	}
	return some
}

// Repairer gives lost packets back. Its zero value is ready. It is pure, allocates
// nothing, and is not for concurrent use.
type Repairer struct {
	started bool
	newest  uint16
	frames  [memory]kept
	repairs [memory]repair // of which something is missing
}

// kept is an Opus packet that came, or of which some parts were found out.
type kept struct {
	there bool
	seq   uint16
	care  Care
	parts uint8 // bits of those that are known
	bytes [MaxFrame]byte
}

// repair is one that came.
type repair struct {
	there bool
	seq   uint16
	care  Care
	bytes [MaxRepair]byte
}

// Take takes what came in a packet. Ask Next afterwards.
func (r *Repairer) Take(seq uint16, v *Payload) {
	f := r.frame(seq)
	if f == nil {
		return // it is too late to be of use
	}
	if !r.started || int16(seq-r.newest) > 0 {
		r.started, r.newest = true, seq
	}
	f.care, f.parts = v.Mix, ^uint8(0)
	copy(f.bytes[:], v.Frame)
	k := &r.repairs[seq%memory]
	k.there, k.seq, k.care = v.Repair != nil, seq, v.Mix
	copy(k.bytes[:], v.Repair)
}

// Next gives one lost packet back, valid until the next call; false when there is
// none (yet).
func (r *Repairer) Next(p *Profile) (seq uint16, frame []byte, ok bool) {
	for again := true; again; {
		again = false
		for i := range r.repairs {
			k := &r.repairs[i]
			if !k.there || int16(r.newest-k.seq) >= memory {
				k.there = false
				continue
			}
			f, solved := r.solve(p.Mix(k.care), k)
			again = again || solved
			if f != nil && whole(p, f) {
				return f.seq, f.bytes[:p.Mix(f.care).Frame], true
			}
		}
	}
	return 0, nil, false
}

// solve finds out what a repair misses, if it is one part, and of which packet.
func (r *Repairer) solve(m *Mix, k *repair) (f *kept, solved bool) {
	var missing part
	wanting := 0
	for _, a := range m.parts {
		if !r.knows(k, a) {
			missing = a
			wanting++
		}
	}
	if wanting > 1 {
		return nil, false
	}
	k.there = false
	if wanting == 0 {
		return nil, false
	}
	left := k.bytes[:m.Repair]
	for _, a := range m.parts {
		if a == missing {
			continue
		}
		if f := r.frame(k.seq - uint16(a.back)); f.care == k.care {
			subtle.XORBytes(left, left, f.bytes[a.index*m.Repair:][:m.Repair])
		}
	}
	f = r.frame(k.seq - uint16(missing.back))
	if f == nil {
		return nil, true
	}
	if f.parts == 0 {
		f.care = k.care
	}
	f.parts |= 1 << missing.index
	copy(f.bytes[missing.index*m.Repair:], left)
	return f, true
}

// knows tells whether a part is known; a packet of another mix counts as zeros.
func (r *Repairer) knows(k *repair, a part) bool {
	f := r.frame(k.seq - uint16(a.back))
	return f != nil && (f.parts>>a.index&1 == 1 || f.parts != 0 && f.care != k.care)
}

// whole tells whether all of a packet was found out just now, and that it is one: a
// repair is of zeros where the packet had another mix.
func whole(p *Profile, f *kept) bool {
	m := p.Mix(f.care)
	if all := uint8(1)<<(m.Frame/m.Repair) - 1; f.parts != all {
		return false
	}
	f.parts = ^uint8(0)
	var some byte
	for _, b := range f.bytes[:m.Frame] {
		some |= b
	}
	return some != 0
}

// frame is the place of a packet, empty if nothing is known of it; nil if a later
// one has it.
func (r *Repairer) frame(seq uint16) *kept {
	f := &r.frames[seq%memory]
	if !f.there || f.seq != seq {
		if f.there && int16(seq-f.seq) < 0 {
			return nil
		}
		f.there, f.seq, f.parts = true, seq, 0
	}
	return f
}

// Wipe forgets all.
func (r *Repairer) Wipe() { *r = Repairer{} }
