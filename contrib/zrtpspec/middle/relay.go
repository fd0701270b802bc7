package middle

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"time"

	"karat/zrtp/wire"
)

// relay passes messages between two ends.
type relay struct {
	clock  Clock
	ends   [2]End
	ssrcs  [2]uint32 // as they were last seen
	sent   [2]uint16 // to each: some drop what does not count upwards
	pieces [2]wire.Reassembly
	// change says what arrives at the other end instead of a message; nil: as it is.
	change func(from int, msg []byte) [][]byte
	// holds is the end that is to become responder: it hears no HelloACK, and so
	// commits to nothing. -1: chance decides.
	holds int
}

func newRelay(m Meeting) *relay {
	r := &relay{clock: m.Clock, ends: m.Ends, holds: -1}
	if m.Lead != nil {
		r.holds = m.follow()
	}
	return r
}

// run lets time pass until over, or for as long as limit.
func (r *relay) run(limit time.Duration, over func() bool) {
	now := r.clock.Now()
	for _, e := range r.ends {
		e.Start(now)
	}
	for end := now.Add(limit); r.clock.Now().Before(end) && !over(); r.clock.Tick() {
		for range 20 { // until nobody has anything to say, or they do not end
			if first, second := r.carry(0), r.carry(1); !first && !second {
				break
			}
		}
		for _, e := range r.ends {
			e.Advance(r.clock.Now())
		}
	}
}

// carry takes what one end has to say to the other.
func (r *relay) carry(from int) (any bool) {
	for _, pkt := range r.ends[from].Said() {
		any = true
		p, err := wire.ParsePacket(pkt)
		if err != nil {
			continue
		}
		r.ssrcs[from] = p.SSRC
		if f, ok := p.Fragment(); ok {
			p.Message = r.pieces[from].Add(r.clock.Now(), f)
		}
		if p.Message == nil || r.holds == 1-from && wire.TypeOf(p.Message) == wire.TypeHelloACK {
			continue
		}
		r.pass(from, bytes.Clone(p.Message))
	}
	return any
}

// pass hands on what M makes of a message.
func (r *relay) pass(from int, msg []byte) {
	arriving := one(msg)
	if r.change != nil {
		arriving = r.change(from, msg)
	}
	for _, msg := range arriving {
		r.give(1-from, r.ssrcs[from], msg)
	}
}

// give lets a message arrive.
func (r *relay) give(to int, ssrc uint32, msg []byte) {
	var id [2]byte
	_, _ = rand.Read(id[:])
	pieces := wire.Split(binary.BigEndian.Uint16(id[:]), msg)
	for _, f := range pieces {
		r.giveFragment(to, ssrc, f.Append(nil))
	}
	if pieces == nil {
		r.send(to, wire.Packet{SSRC: ssrc, Message: msg})
	}
}

func (r *relay) giveFragment(to int, ssrc uint32, piece []byte) {
	r.send(to, wire.Packet{Unused: wire.FragmentMark, SSRC: ssrc, Message: piece})
}

func (r *relay) send(to int, p wire.Packet) {
	r.sent[to]++
	p.Sequence = r.sent[to]
	r.ends[to].Receive(r.clock.Now(), wire.AppendPacket(nil, p))
}
