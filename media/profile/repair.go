package profile

const (
	// memory is how many of the last packets are kept, and of how many something may
	// be found out: more than a repair is of. It divides the numbers there are.
	memory = 16
	// mostSymbols is how many symbols a frame has at most.
	mostSymbols = 3
	// mostUnknown is how many symbols of lost packets are looked for at once.
	mostUnknown = memory * mostSymbols
)

// Repair writes what goes with the packet of a number, that takes so much care, to
// repair some before it, into dst of the mix's length; false if it would be of none.
// sent gives what was sent so many packets before with the same care, nil if it had
// another.
//
// Each symbol of a repair is the sum of all symbols of those packets, each times a
// factor of its own: as many symbols of repairs as are missing find all of them,
// whichever came.
//
// In the manner of RFC 8681 (sliding window random linear codes).
func (p *Profile) Repair(dst []byte, seq uint16, c Care, sent func(back int) []byte) bool {
	m := p.Mix(c)
	clear(dst)
	some := false
	for _, back := range m.backs {
		frame := sent(back)
		if frame == nil {
			continue
		}
		some = true
		for row := range m.Repair / m.symbol {
			for i := range m.symbols() {
				addTimes(dst[row*m.symbol:][:m.symbol], frame[i*m.symbol:], factor(seq, row, back, i))
			}
		}
	}
	return some
}

// factor is what a symbol of a packet so many before is multiplied with. It is never
// zero, and else as good as drawn by lot: any few of them are hardly ever dependent.
func factor(seq uint16, row, back, symbol int) byte {
	v := uint32(seq)<<12 | uint32(row)<<8 | uint32(back)<<3 | uint32(symbol)
	v = (v ^ v>>15) * 0x2C1B3C6D
	v = (v ^ v>>12) * 0x297A2D39
	return byte((v^v>>15)>>8%255) + 1
}

// Repairer gives lost packets back. Its zero value is ready. It is pure, allocates
// nothing, and is not for concurrent use.
//
// Each repair is an equation for what is missing of the packets that it is of. They are
// kept solved as far as they go: each is led by the oldest of its unknowns, and no
// other has that one.
type Repairer struct {
	started   bool
	newest    uint16
	care      Care // of the equations
	frames    [memory]kept
	equations [mostUnknown]equation
}

// kept is an Opus packet that came, or of which some symbols were found out.
type kept struct {
	state state
	found uint8 // bits of the symbols that are known
	seq   uint16
	care  Care
	bytes [MaxFrame]byte
}

// state is what is known of a packet.
type state uint8

const (
	never   state = iota // it was before the first that came
	missing              // it is looked for
	whole                // all was found out, and it is to be given back
	known                // it is there
)

// equation says that the sum of unknown symbols, each times its factor, is sum.
type equation struct {
	there   bool
	factors [mostUnknown]byte
	sum     [MaxRepair]byte
}

// Take takes what came in a packet. Ask Next afterwards.
func (r *Repairer) Take(p *Profile, seq uint16, v *Payload) {
	if !r.advance(seq) {
		return // it is too late to be of use
	}
	m := p.Mix(v.Mix)
	f := &r.frames[seq%memory]
	late := f.state == missing && seq != r.newest
	copy(f.bytes[:], v.Frame)
	f.care, f.state = v.Mix, known
	if seq == r.newest && v.Mix != r.care {
		r.care = v.Mix
		r.forget() // no more equations come of the other mix
	}
	if late {
		r.learn(p.Mix(r.care), seq)
	}
	if v.Repair == nil || v.Mix != r.care {
		return
	}
	for row := range m.Repair / m.symbol {
		var e equation
		if r.pose(&e, m, seq, row, v.Repair[row*m.symbol:][:m.symbol]) {
			r.add(&e, m)
		}
	}
}

// advance makes room for the packet of a number; false if that is long past.
func (r *Repairer) advance(seq uint16) bool {
	if !r.started {
		r.started, r.newest = true, seq-1
	}
	ahead := int(int16(seq - r.newest))
	if ahead <= -memory {
		return false
	}
	if ahead > memory { // what was before is of no use
		r.newest = seq - memory
		ahead = memory
		r.forget()
	}
	for range ahead {
		r.newest++
		r.expire(r.newest)
		f := &r.frames[r.newest%memory]
		f.seq, f.state, f.found, f.care = r.newest, missing, 0, r.care
	}
	return true
}

// expire gives the packet up whose place the one of a number takes. Of the equations
// only those that it leads have it.
func (r *Repairer) expire(seq uint16) {
	for i := range mostSymbols {
		r.equations[column(seq, i)].there = false
	}
}

// column is the place of an unknown symbol: in the factors, and that of the equation
// that it leads.
func column(seq uint16, symbol int) int { return int(seq%memory)*mostSymbols + symbol }

// forget drops all equations, and what they found of packets that are not whole.
func (r *Repairer) forget() {
	for i := range r.equations {
		r.equations[i].there = false
	}
	for i := range r.frames {
		r.frames[i].found = 0
	}
}

// pose makes the equation of a repair; false if it cannot be used, for it is of packets
// of which nothing is known.
func (r *Repairer) pose(e *equation, m *Mix, seq uint16, row int, repair []byte) bool {
	e.there = true
	copy(e.sum[:], repair)
	for _, back := range m.backs {
		f := &r.frames[(seq-uint16(back))%memory]
		if f.seq != seq-uint16(back) || f.state == never {
			return false
		}
		if f.state != missing && f.care != r.care {
			continue // it counts as zeros
		}
		for i := range m.symbols() {
			c := factor(seq, row, back, i)
			if f.state == known || f.found>>i&1 == 1 {
				addTimes(e.sum[:m.symbol], f.bytes[i*m.symbol:], c)
			} else {
				e.factors[column(f.seq, i)] = c
			}
		}
	}
	return true
}

// add solves an equation with all others.
func (r *Repairer) add(e *equation, m *Mix) {
	for i, c := range e.factors {
		if other := &r.equations[i]; c != 0 && other.there {
			e.subtract(other, m, c)
		}
	}
	lead := r.oldest(e)
	if lead < 0 {
		return // it says nothing new
	}
	e.times(inverse(e.factors[lead]), m)
	for i := range r.equations {
		if other := &r.equations[i]; other.there && other.factors[lead] != 0 {
			other.subtract(e, m, other.factors[lead])
		}
	}
	r.equations[lead] = *e
	r.find(m)
}

func (e *equation) subtract(other *equation, m *Mix, times byte) {
	addTimes(e.factors[:], other.factors[:], times)
	addTimes(e.sum[:m.symbol], other.sum[:], times)
}

func (e *equation) times(c byte, m *Mix) {
	scale(e.factors[:], c)
	scale(e.sum[:m.symbol], c)
}

// oldest is the first unknown of an equation; -1 if there is none.
func (r *Repairer) oldest(e *equation) int {
	for age := memory - 1; age >= 0; age-- {
		for i := range mostSymbols {
			if at := column(r.newest-uint16(age), i); e.factors[at] != 0 {
				return at
			}
		}
	}
	return -1
}

// find takes the symbols out of the equations that have but one unknown.
func (r *Repairer) find(m *Mix) {
	for at := range r.equations {
		e := &r.equations[at]
		if !e.there || e.unknowns() > 1 {
			continue
		}
		e.there = false
		f, i := &r.frames[at/mostSymbols], at%mostSymbols
		copy(f.bytes[i*m.symbol:], e.sum[:m.symbol])
		if f.found |= 1 << i; f.found == 1<<m.symbols()-1 {
			f.state, f.care = whole, r.care
		}
	}
}

func (e *equation) unknowns() (n int) {
	for _, c := range e.factors {
		if c != 0 {
			n++
		}
	}
	return n
}

// learn tells the equations of a packet that came late.
func (r *Repairer) learn(m *Mix, seq uint16) {
	f := &r.frames[seq%memory]
	for i := range m.symbols() {
		at := column(seq, i)
		for k := range r.equations {
			e := &r.equations[k]
			if c := e.factors[at]; e.there && c != 0 {
				if f.care == r.care {
					addTimes(e.sum[:m.symbol], f.bytes[i*m.symbol:], c)
				}
				e.factors[at] = 0
			}
		}
		if e := r.equations[at]; e.there { // another unknown has to lead it
			r.equations[at].there = false
			r.add(&e, m)
		}
	}
	r.find(m)
}

// Next gives one lost packet back, valid until the next call; false when there is
// none (yet).
func (r *Repairer) Next(p *Profile) (seq uint16, frame []byte, ok bool) {
	for i := range r.frames {
		f := &r.frames[i]
		if f.state != whole {
			continue
		}
		if b := f.bytes[:p.Mix(f.care).Frame]; !zeros(b) {
			f.state = known
			return f.seq, b, true
		}
		f.state = missing // it had another mix: it counts as found in this one
	}
	return 0, nil, false
}

func zeros(b []byte) bool {
	var some byte
	for _, v := range b {
		some |= v
	}
	return some == 0
}

// Wipe forgets all.
func (r *Repairer) Wipe() { *r = Repairer{} }
