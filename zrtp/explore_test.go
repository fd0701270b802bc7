package zrtp

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"karat/zrtp/wire"
)

// The explorer walks through all that can happen between two sessions, up to a
// number of faults. It runs the real engine: a step copies one Session, gives it
// a packet or the time, and looks at what came out. Two states that cannot be
// told apart are walked through once.
//
// Free moves: an end starts; the first packet that is under way to an end
// arrives; when none is under way, time passes to the next deadline.
//
// Faults: a packet is lost, doubled, overtaken, or altered by someone who mends
// the CRC; time passes while packets are under way; a direction dies for good;
// an attacker injects any packet that he saw, in this call or in an earlier one
// of the same two phones, at either end; SRTP overtakes Conf2ACK.
//
// In the pair that may go clear, either end also asks for it once, and either then
// makes the call secure again.
//
// What must hold: see world.fault and world.stuck. What it does not show: what
// more faults would do, and an attacker who computes messages of his own; for
// those see attack_test.go and contrib/zrtpspec.

// exploreFaults is how many faults a walk has. ZRTP_EXPLORE=3, as in `make
// explore`, takes minutes.
func exploreFaults(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ZRTP_EXPLORE")
	if text == "" {
		return 2
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("ZRTP_EXPLORE=%q is no number of faults", text)
	}
	return n
}

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

// free are the moves of a world without faults. There is none at its end.
func (w *world) free() (moves []move) {
	quiet := true
	for i := range w.ends {
		if !w.ends[i].started {
			quiet = false
			moves = append(moves, move{fmt.Sprintf("%d starts", i), 0, func(w *world) { w.start(i) }})
		}
		if len(w.way[i]) > 0 {
			quiet = false
			moves = append(moves, move{fmt.Sprintf("%v arrives at %d", w.way[i][0], i), 0, func(w *world) { w.deliver(i, 0) }})
		}
	}
	if quiet && !w.next().IsZero() {
		moves = append(moves, move{"time passes", 0, (*world).tick})
	}
	return append(moves, w.buttons()...)
}

// buttons are what the users do who may go clear: any of them asks for it as long as
// nobody has, and then for the way back.
func (w *world) buttons() (moves []move) {
	if !w.clear {
		return nil
	}
	nobody := w.ends[0].cleared+w.ends[1].cleared == 0
	for i, p := range w.ends {
		switch {
		case nobody && p.session.state == stateSecure && w.ends[1-i].session.state == stateSecure:
			moves = append(moves, move{fmt.Sprintf("%d goes clear", i), 0, func(w *world) {
				w.act(i, "goes clear", [16]byte{}, func(s *Session) { _ = s.GoClear(w.now) })
			}})
		case p.session.state == stateClear && p.stream == nil:
			moves = append(moves, move{fmt.Sprintf("%d goes secure", i), 0, func(w *world) {
				w.act(i, "goes secure", [16]byte{}, func(s *Session) { _ = s.GoSecure(w.now) })
			}})
		}
	}
	return moves
}

func (w *world) start(i int) {
	w.act(i, "start", [16]byte{}, func(s *Session) { s.Start(w.now) })
}

// disturbed are the moves that cost a fault.
func (w *world) disturbed(early bool) (moves []move) {
	if early && !w.next().IsZero() {
		moves = append(moves, move{"time passes early", 1, (*world).tick})
	}
	for i := range w.ends {
		moves = append(moves, w.hurt(i)...)
		moves = append(moves, w.injections(i)...)
		if !w.dead[i] {
			moves = append(moves, move{fmt.Sprintf("the way to %d dies", i), 1, func(w *world) { w.dead[i], w.way[i] = true, nil }})
		}
		if w.ends[1-i].confirmed() && w.ends[i].session.state == stateConfirm2 {
			moves = append(moves, move{fmt.Sprintf("SRTP arrives at %d", i), 1, func(w *world) {
				w.act(i, "SRTP", [16]byte{}, func(s *Session) { s.ReceivedSRTP(w.now) })
			}})
		}
	}
	return moves
}

// hurt is what may happen to the packets under way to an end.
func (w *world) hurt(i int) (moves []move) {
	if len(w.way[i]) == 0 {
		return nil
	}
	head := w.way[i][0]
	moves = append(moves,
		move{fmt.Sprintf("%v to %d is lost", head, i), 1, func(w *world) { w.way[i] = w.way[i][1:] }},
		move{fmt.Sprintf("%v to %d arrives, and again later", head, i), 1, func(w *world) {
			w.receive(i, head)
		}})
	for k := 1; k < len(w.way[i]); k++ {
		moves = append(moves, move{fmt.Sprintf("%v overtakes to %d", w.way[i][k], i), 1, func(w *world) { w.deliver(i, k) }})
	}
	for _, bad := range altered(head) {
		moves = append(moves, move{fmt.Sprintf("%v to %d is altered", head, i), 1, func(w *world) {
			w.way[i] = w.way[i][1:]
			w.receive(i, newLetter(bad))
		}})
	}
	return moves
}

// altered are a packet's changes under a good CRC: the MAC at the end, the middle,
// and the first field.
func altered(l letter) (changed [][]byte) {
	p, err := wire.ParsePacket(l.pkt)
	if err != nil || len(p.Message) <= 12 {
		return nil
	}
	for _, at := range []int{12, len(p.Message) / 2, len(p.Message) - 1} {
		p.Message = slices.Clone(p.Message)
		p.Message[at] ^= 1
		changed = append(changed, wire.AppendPacket(nil, p))
	}
	return changed
}

// injections are all packets that the attacker saw.
func (w *world) injections(i int) (moves []move) {
	for _, l := range w.seen {
		moves = append(moves, move{fmt.Sprintf("%v is injected at %d", l, i), 1, func(w *world) {
			w.receive(i, l)
		}})
	}
	return moves
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

// fault is what no state may show.
func (w *world) fault() string {
	a, b := w.ends[0], w.ends[1]
	for i, p := range w.ends {
		switch deadline := p.session.Deadline(); {
		case p.fault != "":
			return fmt.Sprintf("%d: %s", i, p.fault)
		case p.session.state.exchanging() && p.session.state != stateSilent && (deadline.IsZero() || deadline.Sub(w.now) > longestWait):
			return fmt.Sprintf("%d waits in %v without a timer", i, p.session.state)
		case w.known && p.alarmed:
			return fmt.Sprintf("%d: a false alarm: the two share a secret", i)
		}
	}
	// Who has gone clear has no keys; the other may not know yet.
	if a.agreed != nil && b.agreed != nil && a.cleared == b.cleared && !sameKeys(a.agreed.Keys, b.agreed.Keys) {
		return "different keys"
	}
	if a.stream != nil && b.stream != nil && a.stream.Role == b.stream.Role {
		return "equal roles"
	}
	if a.secure != nil && b.secure != nil {
		return differ(*a.secure, *b.secure)
	}
	return ""
}

// longestWait is the time between two Hellos' ends.
const longestWait = 13 * time.Second

func sameKeys(a, b Keys) bool {
	same := func(a, b Direction) bool { return a.Key.Equal(b.Key) && a.Salt.Equal(b.Salt) }
	return same(a.Send, b.Receive) && same(b.Send, a.Receive) && a.TagBits == b.TagBits
}

// differ tells in what two ends that are both secure disagree.
func differ(a, b Secure) string {
	switch {
	case a.SAS != b.SAS || a.SAS == "":
		return "different SAS"
	case a.Role == b.Role:
		return "equal roles"
	case a.KeyAgreement != b.KeyAgreement || a.Hash != b.Hash || a.Cipher != b.Cipher || a.AuthTag != b.AuthTag || a.SASType != b.SASType:
		return "different algorithms"
	case a.Continuity != b.Continuity:
		return "one knows the other, and not the other way round"
	case !a.Remember.RS1.Equal(b.Remember.RS1): // both keep it
		return "different retained secrets"
	}
	return ""
}

// confirmed tells whether an end says that its keys are confirmed.
func (p *player) confirmed() bool { return p.secure != nil || p.stream != nil }

// stuck is what no end of a walk may show: each end is secure, has failed, or has said
// that it hears nothing.
func (w *world) stuck() string {
	for i, p := range w.ends {
		if !p.confirmed() && p.failed == nil && !p.silent {
			return fmt.Sprintf("%d is stuck in %v", i, p.session.state)
		}
	}
	return ""
}

// story tells how a world came about.
func (w *world) story() string {
	if w.before == nil {
		return "\n"
	}
	return w.before.story() + fmt.Sprintf("%8v %s -> %v, %v\n", w.now.Sub(epoch), w.move, w.ends[0].session.state, w.ends[1].session.state)
}

// explorer is one walk.
type explorer struct {
	visited map[[16]byte]int8 // faults left, plus one
	onPath  map[[16]byte]int
	steps   int
	ends    map[string]int
	found   string
}

// explore walks on from w, depth first, until something is found.
func (x *explorer) explore(w *world) {
	key := w.key()
	if left, on := x.onPath[key]; on && left == w.faults {
		x.report(w, "the two go round in circles")
		return
	}
	if x.visited[key] > int8(w.faults) {
		return
	}
	x.visited[key] = int8(w.faults) + 1
	if fault := w.fault(); fault != "" {
		x.report(w, fault)
		return
	}
	free := w.free()
	if len(free) == 0 {
		x.conclude(w)
	}
	x.onPath[key] = w.faults
	defer delete(x.onPath, key)
	moves := free
	if w.faults > 0 {
		moves = append(moves, w.disturbed(len(free) > 0)...)
	}
	for _, m := range moves {
		if x.found != "" {
			return
		}
		x.steps++
		x.explore(w.step(m))
	}
}

func (x *explorer) conclude(w *world) {
	if fault := w.stuck(); fault != "" {
		x.report(w, fault)
		return
	}
	secure := 0
	for _, p := range w.ends {
		if p.confirmed() && p.failed == nil {
			secure++
		}
	}
	x.ends[[]string{"both failed", "one secure, one failed", "both secure"}[secure]]++
}

func (x *explorer) report(w *world, fault string) { x.found = fault + w.story() }

// walk explores all that can happen to two ends.
func (p pair) walk(t *testing.T, faults int, past []letter, hack func(int, *Session)) *explorer {
	t.Helper()
	a, b := p.ends()
	w := &world{now: epoch, faults: faults, clear: p.clear, known: share(a, b), hack: hack, body: sessionAnatomy(), memo: newMemo()}
	for _, l := range past {
		w.see(l)
	}
	for i, cfg := range []Config{a, b} {
		w.ends[i] = &player{session: newEnd(t, "", cfg).Session}
	}
	if p.first != nil {
		p.first(w.ends[0].session, w.ends[1].session)
	}
	if p.announced {
		for i, e := range w.ends {
			e.session.ExpectHello([]string{w.ends[1-i].session.HelloHash()})
		}
	}
	for _, e := range w.ends {
		e.sumAt, e.sum = w.now, e.digest(w)
	}
	x := &explorer{visited: map[[16]byte]int8{}, onPath: map[[16]byte]int{}, ends: map[string]int{}}
	x.explore(w)
	return x
}

// earlierCall is what an attacker kept of a call of the same two phones.
func (p pair) earlierCall(t *testing.T) (letters []letter) {
	t.Helper()
	a, b := p.ends()
	a.Rand, b.Rand = testRand(101), testRand(102)
	l := newLink(t, a, b)
	if p.first != nil {
		p.first(l.a.Session, l.b.Session)
	}
	l.start()
	l.run(time.Second)
	if p.first == nil {
		l.wantSecure()
	} else {
		l.wantStream()
	}
	for _, e := range []*end{l.a, l.b} {
		for _, pkt := range e.sent {
			next := newLetter(pkt)
			if !slices.ContainsFunc(letters, func(o letter) bool { return o.id == next.id }) {
				letters = append(letters, next)
			}
		}
	}
	return letters
}

// share tells whether two phones share a secret.
func share(a, b Config) bool {
	if a.Retained == nil || b.Retained == nil {
		return false
	}
	ofB, knowsB := a.Retained(b.ZID)
	ofA, knowsA := b.Retained(a.ZID)
	return knowsA && knowsB && ofA.RS1.Equal(ofB.RS1)
}

// pair makes the two ends of a walk, the same each time.
type pair struct {
	ends      func() (a, b Config)
	announced bool // both Hellos, in signalling
	clear     bool // the users may go clear
	// first joins the two to a first stream.
	first func(a, b *Session)
	// fewer faults than others have: its walks are long.
	fewer int
}

// explored are the pairs of phones to walk through: those that never met, those
// that share a secret, those whose signalling announced the Hellos, and those
// that speak KEM mode. The role is the first one's under contention.
func explored(t *testing.T) map[string]pair {
	t.Helper()
	quick := Algorithms{KeyAgreements: []string{"X255"}, Hashes: []string{"S256"}}
	// Not X2M2: Go's own ML-KEM takes its random numbers elsewhere, and no two
	// states would be the same.
	strong := Algorithms{KeyAgreements: []string{"X1M1"}, Hashes: []string{"S384"}, Ciphers: []string{"AES3"}}
	return map[string]pair{
		"strangers, initiator": {ends: inRole(t, Initiator, quick, false)},
		"strangers, responder": {ends: inRole(t, Responder, quick, false), fewer: 1},
		"friends, initiator":   {ends: inRole(t, Initiator, quick, true), fewer: 1},
		"announced, responder": {ends: inRole(t, Responder, quick, true), announced: true},
		"KEM, initiator":       {ends: inRole(t, Initiator, strong, true), announced: true, fewer: 1},
		"KEM, responder":       {ends: inRole(t, Responder, strong, false), fewer: 1},
		"Preshared":            {ends: preshare(inRole(t, Initiator, quick, true)), fewer: 1},
		"Multistream":          {ends: further, first: joined(t, quick), fewer: 1},
		"clear":                {ends: allowClear(inRole(t, Initiator, quick, false)), clear: true, fewer: 1},
	}
}

// preshare lets two who know each other go without a key agreement.
func preshare(ends func() (a, b Config)) func() (a, b Config) {
	return func() (a, b Config) {
		a, b = ends()
		a.Preshared, b.Preshared = true, true
		a.Retained, b.Retained = remembers(verified()), remembers(verified())
		return a, b
	}
}

func allowClear(ends func() (a, b Config)) func() (a, b Config) {
	return func() (a, b Config) {
		a, b = ends()
		a.AllowClear, b.AllowClear = true, true
		return a, b
	}
}

// further are two ends of a further stream.
func further() (a, b Config) {
	a, b = configs()
	a.Algorithms = Algorithms{KeyAgreements: []string{"X255"}, Hashes: []string{"S256"}}
	b.Algorithms = a.Algorithms
	return furtherConfig(a, 1), furtherConfig(b, 1)
}

// joined makes a first stream, and joins two ends to it: each pair of them with a
// memory of nonces of its own, for the walks must not know of each other.
func joined(t *testing.T, algorithms Algorithms) func(a, b *Session) {
	return func(a, b *Session) {
		t.Helper()
		x, y := multistreamConfigs()
		x.Algorithms, y.Algorithms = algorithms, algorithms
		first := firstStream(t, x, y)
		if err := errors.Join(a.Join(epoch, sessionKey(t, first.a)), b.Join(epoch, sessionKey(t, first.b))); err != nil {
			t.Fatal(err)
		}
	}
}

// inRole looks for random numbers that give the first end a role.
func inRole(t *testing.T, role Role, algorithms Algorithms, known bool) func() (a, b Config) {
	t.Helper()
	for seed := range byte(64) {
		ends := func() (a, b Config) {
			a, b = configs()
			a.Algorithms, b.Algorithms = algorithms, algorithms
			a.Rand = testRand(seed)
			if known {
				a.Retained, b.Retained = keeps(1, 2), keeps(1, 2)
			}
			return a, b
		}
		a, b := ends()
		l := newLink(t, a, b)
		l.start()
		l.run(time.Second)
		if s, _ := l.wantSecure(); s.Role == role {
			return ends
		}
	}
	t.Fatalf("the first end never became %v", role)
	return nil
}

// Never secure with different keys, never secure after a failure, always able to
// end: whatever the network and an attacker who replays do.
func TestExplore(t *testing.T) {
	for name, p := range explored(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults := max(0, exploreFaults(t)-p.fewer)
			past := p.earlierCall(t)
			began := time.Now()
			x := p.walk(t, faults, past, nil)
			if x.found != "" {
				t.Fatal(x.found)
			}
			t.Logf("%d faults: %d states, %d steps in %v; ends: %v", faults, len(x.visited), x.steps, time.Since(began).Round(time.Millisecond), x.ends)
			if x.ends["both secure"] == 0 || faults > 0 && len(x.ends) < 3 {
				t.Errorf("the explorer saw too little: %v", x.ends)
			}
		})
	}
}
