package zrtp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"karat/zrtp/wire"
)

// epoch is when every test begins.
var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// testRand is a source of random octets that is the same in every run.
func testRand(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// end is one end of a link: a session, and what it told its owner.
type end struct {
	*Session
	name   string
	events []Event
	sent   [][]byte // all packets, in order
}

// link joins two sessions with a delay in each direction, under a clock of its
// own. Nothing in it sleeps.
type link struct {
	t     *testing.T
	now   time.Time
	delay time.Duration
	a, b  *end
	queue []flight
	// filter, if set, sees every packet when it is sent and says what arrives
	// instead, and how much later.
	filter func(from *end, n int, pkt []byte) []arrival
}

type flight struct {
	at  time.Time
	to  *end
	pkt []byte
}

type arrival struct {
	pkt   []byte
	later time.Duration
}

func newEnd(t testing.TB, name string, cfg Config) *end {
	t.Helper()
	s, err := NewSession(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &end{Session: s, name: name}
}

// withoutKEM is what DefaultAlgorithms were without anything post-quantum: RFC
// 6189 to the octet and the millisecond.
func withoutKEM() Algorithms {
	all := DefaultAlgorithms()
	all.KeyAgreements = slices.DeleteFunc(all.KeyAgreements, func(name string) bool { return wire.Named(name).KEM() })
	return all
}

// classicalConfigs are configs for Diffie-Hellman.
func classicalConfigs() (a, b Config) {
	a, b = configs()
	a.Algorithms, b.Algorithms = withoutKEM(), withoutKEM()
	return a, b
}

// configs are two ends that never met and keep what they learn.
func configs() (a, b Config) {
	none := func(ZID) (Retained, bool) { return Retained{}, false }
	a = Config{ZID: ZID{1, 'a'}, SSRC: 0xaaaaaaaa, Retained: none, Expiry: ExpiryNever, Rand: testRand('a')}
	b = Config{ZID: ZID{2, 'b'}, SSRC: 0xbbbbbbbb, Retained: none, Expiry: ExpiryNever, Rand: testRand('b')}
	return a, b
}

func newLink(t *testing.T, a, b Config) *link {
	t.Helper()
	return &link{t: t, now: epoch, a: newEnd(t, "a", a), b: newEnd(t, "b", b)}
}

func (l *link) other(e *end) *end {
	if e == l.a {
		return l.b
	}
	return l.a
}

// start starts both ends at once.
func (l *link) start() {
	l.a.Start(l.now)
	l.drain(l.a)
	l.b.Start(l.now)
	l.drain(l.b)
}

// drain takes what an end has to say.
func (l *link) drain(e *end) {
	for {
		pkt, ok := e.NextPacket()
		if !ok {
			break
		}
		e.sent = append(e.sent, pkt)
		arrivals := []arrival{{pkt: pkt}}
		if l.filter != nil {
			arrivals = l.filter(e, len(e.sent), pkt)
		}
		for _, a := range arrivals {
			l.inject(l.other(e), a.pkt, l.delay+a.later)
		}
	}
	for {
		event, ok := e.NextEvent()
		if !ok {
			return
		}
		e.events = append(e.events, event)
	}
}

// inject lets a packet arrive at an end after a while.
func (l *link) inject(to *end, pkt []byte, after time.Duration) {
	at := l.now.Add(after)
	i := len(l.queue)
	for i > 0 && l.queue[i-1].at.After(at) {
		i--
	}
	l.queue = append(l.queue[:i], append([]flight{{at, to, pkt}}, l.queue[i:]...)...)
}

// next is when something will happen.
func (l *link) next() time.Time {
	deadline := earliest(l.a.Deadline(), l.b.Deadline())
	if len(l.queue) > 0 {
		deadline = earliest(deadline, l.queue[0].at)
	}
	return deadline
}

// run lets time pass up to a duration, or until nothing is pending.
func (l *link) run(d time.Duration) {
	l.t.Helper()
	end := l.now.Add(d)
	for range 100_000 {
		next := l.next()
		if next.IsZero() || next.After(end) {
			l.now = end
			return
		}
		l.now = next
		l.turn()
	}
	l.t.Fatal("the two ends never come to rest")
}

// turn does all that is due now.
func (l *link) turn() {
	for len(l.queue) > 0 && !l.queue[0].at.After(l.now) {
		f := l.queue[0]
		l.queue = l.queue[1:]
		f.to.Receive(l.now, f.pkt)
		l.drain(f.to)
	}
	for _, e := range []*end{l.a, l.b} {
		if reached(l.now, e.Deadline()) {
			e.Advance(l.now)
			l.drain(e)
		}
	}
}

// find returns the only event of type E, if there is one.
func find[E Event](e *end) (found E, ok bool) {
	for _, event := range e.events {
		if typed, is := event.(E); is {
			found, ok = typed, true
		}
	}
	return found, ok
}

func count[E Event](e *end) (n int) {
	for _, event := range e.events {
		if _, is := event.(E); is {
			n++
		}
	}
	return n
}

// wantSecure checks that both ends agreed on everything that they must.
func (l *link) wantSecure() (a, b Secure) {
	l.t.Helper()
	a, okA := find[Secure](l.a)
	b, okB := find[Secure](l.b)
	if !okA || !okB {
		l.t.Fatalf("secure: a %v, b %v\na: %s\nb: %s", okA, okB, l.a.story(), l.b.story())
	}
	if a.SAS != b.SAS || a.SAS == "" {
		l.t.Errorf("SAS %q and %q", a.SAS, b.SAS)
	}
	if a.Role == b.Role {
		l.t.Errorf("both are %v", a.Role)
	}
	keysA, _ := find[KeysAgreed](l.a)
	keysB, _ := find[KeysAgreed](l.b)
	wantSame(l.t, "a to b", keysA.Keys.Send, keysB.Keys.Receive)
	wantSame(l.t, "b to a", keysB.Keys.Send, keysA.Keys.Receive)
	if keysA.Keys.Send.Key.Equal(keysA.Keys.Receive.Key) {
		l.t.Error("both directions have one key")
	}
	if a.Remember.RS1.Present() && !a.Remember.RS1.Equal(b.Remember.RS1) {
		l.t.Error("the new retained secrets differ")
	}
	for _, e := range []*end{l.a, l.b} {
		e.wantOrder(l.t)
	}
	return a, b
}

// wantOrder checks that KeysAgreed comes once and before Secure.
func (e *end) wantOrder(t *testing.T) {
	t.Helper()
	if count[Secure](e) > 1 || count[KeysAgreed](e) > 1 || count[Failed](e) > 1 || count[PeerHello](e) > 1 {
		t.Errorf("%s: an event came twice: %s", e.name, e.story())
	}
	agreed := false
	for _, event := range e.events {
		switch event.(type) {
		case KeysAgreed:
			agreed = true
		case Secure:
			if !agreed {
				t.Errorf("%s: Secure before KeysAgreed", e.name)
			}
		}
	}
}

func wantSame(t *testing.T, what string, a, b Direction) {
	t.Helper()
	if !a.Key.Equal(b.Key) || !a.Salt.Equal(b.Salt) {
		t.Errorf("%s: sender and receiver have different keys", what)
	}
}

// wantFailed checks that an end has failed and has no keys.
func (l *link) wantFailed(e *end) Failed {
	l.t.Helper()
	f, ok := find[Failed](e)
	if !ok {
		l.t.Fatalf("%s did not fail: %s", e.name, e.story())
	}
	if count[KeysAgreed](e)+count[Secure](e) > 0 {
		l.t.Errorf("%s has keys although it failed: %s", e.name, e.story())
	}
	return f
}

// story tells what an end sent and what it said.
func (e *end) story() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s, state %v, sent", e.name, e.state)
	for _, pkt := range e.sent {
		fmt.Fprintf(&b, " %s", messageType(pkt))
	}
	b.WriteString("; events")
	for _, event := range e.events {
		fmt.Fprintf(&b, " %T", event)
		if f, ok := event.(Failed); ok {
			fmt.Fprintf(&b, "(%v)", f.Err)
		}
	}
	return b.String()
}

// messageType is the type of the message that a packet carries or begins.
func messageType(pkt []byte) wire.Type {
	p, err := wire.ParsePacket(pkt)
	if err != nil {
		return "damaged"
	}
	if f, ok := p.Fragment(); ok {
		if f.Offset > 0 {
			return "more"
		}
		p.Message = f.Data
	}
	return wire.TypeOf(p.Message)
}

// types are the types of all packets that an end sent.
func (e *end) types() []wire.Type {
	var types []wire.Type
	for _, pkt := range e.sent {
		types = append(types, messageType(pkt))
	}
	return types
}
