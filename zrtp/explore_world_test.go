package zrtp

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"
)

// letter is a packet that somebody saw.
type letter struct {
	pkt []byte
	id  [16]byte // without what counts packets: sequence number and CRC
}

func newLetter(pkt []byte) letter {
	sum := sha256.Sum256(slices.Concat(pkt[:1], pkt[4:len(pkt)-4]))
	return letter{pkt, [16]byte(sum[:])}
}

func (l letter) String() string { return string(messageType(l.pkt)) }

// player is an end in one state. It is never changed: a step makes a new one.
type player struct {
	session *Session
	started bool
	agreed  *KeysAgreed
	secure  *Secure
	stream  *StreamSecure // in the place of secure, or after it
	cleared int
	silent  bool
	failed  *Failed
	alarmed bool
	fault   string // what it did that it must not
	sum     [32]byte
	sumAt   time.Time
	spelled [32]byte    // all but times
	times   []time.Time // in the order in which they stand there
}

// deed is something that happens to an end in a state at a time: a kind, and for
// a packet what it holds. What follows from it is always the same, and is
// computed once: most worlds differ in one end only.
type deed struct {
	to   *player
	at   time.Time
	kind string
	pkt  [16]byte
}

// result is what follows: the next state, and what was sent.
type result struct {
	next *player
	sent []letter
}

// moment is a state at a time; there is one player for it.
type moment struct {
	sum [32]byte
	at  time.Time
}

// memo is what one walk has computed.
type memo struct {
	done  map[deed]result
	known map[moment]*player
}

func newMemo() *memo { return &memo{map[deed]result{}, map[moment]*player{}} }

// world is all there is at one moment.
type world struct {
	now    time.Time
	ends   [2]*player
	way    [2][]letter // to ends[i], in the order in which they were sent
	dead   [2]bool     // nothing arrives at ends[i] any more
	seen   []letter    // by the attacker
	sawSum [16]byte    // of all of them, in whatever order
	memo   *memo
	faults int  // how many are left
	clear  bool // the two may go clear, once
	known  bool // the two share a secret
	hack   func(end int, s *Session)
	body   *anatomy
	before *world
	move   string // that led here from before
}

// move is one thing that can happen next.
type move struct {
	name string
	cost int
	do   func(w *world)
}

// step is what follows from a move.
func (w *world) step(m move) *world {
	next := *w
	for i := range next.way {
		next.way[i] = slices.Clone(w.way[i])
	}
	next.seen = slices.Clip(w.seen)
	next.faults -= m.cost
	next.before, next.move = w, m.name
	m.do(&next)
	return &next
}

// act lets something happen to an end, and takes what it says.
func (w *world) act(i int, kind string, pkt [16]byte, do func(s *Session)) {
	d := deed{w.ends[i], w.now, kind, pkt}
	r, ok := w.memo.done[d]
	if !ok {
		r = w.compute(i, kind, do)
		w.memo.done[d] = r
	}
	for _, l := range r.sent {
		w.post(1-i, l)
	}
	w.ends[i] = r.next
}

// compute does it with a copy.
func (w *world) compute(i int, kind string, do func(s *Session)) (r result) {
	p := *w.ends[i]
	p.session = deepCopy(w.body, p.session)
	do(p.session)
	if w.hack != nil {
		w.hack(i, p.session)
	}
	for pkt, ok := p.session.NextPacket(); ok; pkt, ok = p.session.NextPacket() {
		r.sent = append(r.sent, newLetter(pkt))
	}
	for event, ok := p.session.NextEvent(); ok; event, ok = p.session.NextEvent() {
		p.hear(event)
	}
	p.started = p.started || kind == "start"
	r.next = w.only(&p)
	return r
}

// only is the player for a state, so that what was computed for one holds for all.
func (w *world) only(p *player) *player {
	p.sumAt, p.sum = w.now, p.digest(w)
	if p.fault != "" {
		return p
	}
	m := moment{p.sum, w.now}
	if known, ok := w.memo.known[m]; ok {
		return known
	}
	w.memo.known[m] = p
	return p
}

// receive lets a packet arrive.
func (w *world) receive(i int, l letter) {
	w.act(i, "receive", l.id, func(s *Session) { s.Receive(w.now, l.pkt) })
}

func (w *world) post(to int, l letter) {
	if !slices.ContainsFunc(w.seen, func(o letter) bool { return o.id == l.id }) {
		w.see(l)
	}
	if !w.dead[to] {
		w.way[to] = append(w.way[to], l)
	}
}

func (w *world) see(l letter) {
	w.seen = append(w.seen, l)
	for i := range w.sawSum {
		w.sawSum[i] ^= l.id[i]
	}
}

// hear notes an event and whether it may come now.
func (p *player) hear(event Event) {
	if p.failed != nil {
		p.fault = fmt.Sprintf("%T after Failed", event)
		return
	}
	switch e := event.(type) {
	case KeysAgreed:
		if p.agreed != nil {
			p.fault = "KeysAgreed twice"
		}
		p.agreed = &e
	case Secure:
		if p.agreed == nil || p.secure != nil {
			p.fault = "Secure twice, or before KeysAgreed"
		}
		p.secure = &e
	case StreamSecure:
		if p.agreed == nil || p.stream != nil {
			p.fault = "StreamSecure twice, or before KeysAgreed"
		}
		p.stream = &e
	case Cleared:
		if p.secure == nil || p.cleared > 0 {
			p.fault = "Cleared twice, or before Secure"
		}
		p.cleared++
		p.agreed = nil // the keys are gone
	case Failed:
		if p.secure != nil && p.cleared == 0 {
			p.fault = "Failed after Secure"
		}
		p.failed = &e
	case Silent:
		p.silent = true
	case Mismatch:
		p.alarmed = true
	case PeerHello:
	}
}

// deliver takes the k-th packet off the way to an end and lets it arrive.
func (w *world) deliver(i, k int) {
	l := w.way[i][k]
	w.way[i] = slices.Delete(w.way[i], k, k+1)
	w.receive(i, l)
}

// next is the first deadline.
func (w *world) next() time.Time {
	return earliest(w.ends[0].session.Deadline(), w.ends[1].session.Deadline())
}

// tick lets time pass to the next deadline.
func (w *world) tick() {
	w.now = w.next()
	for i := range w.ends {
		if reached(w.now, w.ends[i].session.Deadline()) {
			w.act(i, "time", [16]byte{}, func(s *Session) { s.Advance(w.now) })
		}
	}
}

func (w *world) start(i int) {
	w.act(i, "start", [16]byte{}, func(s *Session) { s.Start(w.now) })
}

// key tells states apart, whatever the number of faults left.
func (w *world) key() [16]byte {
	out := make([]byte, 0, 512)
	for i, p := range w.ends {
		sum := p.sum
		if !p.sumAt.Equal(w.now) {
			sum = p.sumAfter(w.now)
		}
		out = append(out, sum[:]...)
		out = append(out, byte(len(w.way[i])))
		if w.dead[i] {
			out = append(out, 'd')
		}
		for _, l := range w.way[i] {
			out = append(out, l.id[:]...)
		}
	}
	// The order in which the attacker saw them does not matter.
	out = append(out, w.sawSum[:]...)
	sum := sha256.Sum256(out)
	return [16]byte(sum[:])
}

// sessionAnatomy leaves out what never changes, and the number of packets sent,
// which nothing looks at.
func sessionAnatomy() *anatomy {
	return newAnatomy("sequence", "offer", "hello", "Algorithms", "PeerHelloHashes", "Retained")
}

func (p *player) digest(w *world) [32]byte {
	d := digest{out: make([]byte, 0, 4<<10), anatomy: w.body}
	d.value(reflect.ValueOf(p.session))
	for _, b := range []bool{
		p.started, p.agreed != nil, p.secure != nil, p.stream != nil, p.cleared > 0, p.silent, p.failed != nil, p.alarmed,
	} {
		d.truth(b)
	}
	if p.agreed != nil {
		d.out = append(d.out, p.agreed.Keys.Send.Key.Expose()...)
	}
	if p.secure != nil {
		d.out = append(d.out, p.secure.SAS...)
		d.truth(p.secure.Continuity)
		d.truth(p.secure.Mismatched)
	}
	p.spelled, p.times = sha256.Sum256(d.out), d.times
	return p.sumAfter(w.now)
}

// sumAfter is the digest at a time, if nothing happened to the end since it was
// spelled out: its timers are nearer.
func (p *player) sumAfter(now time.Time) [32]byte {
	out := append(make([]byte, 0, 256), p.spelled[:]...)
	for _, t := range p.times {
		left := int64(math.MinInt64)
		if !t.IsZero() {
			left = int64(t.Sub(now))
		}
		out = binary.LittleEndian.AppendUint64(out, uint64(left))
	}
	return sha256.Sum256(out)
}
