package zrtp

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"karat/zrtp/wire"
)

const ms = time.Millisecond

// sentAt notes when an end sends messages of a type, in milliseconds.
func (l *link) sentAt(e *end, typ wire.Type) *[]int {
	var times []int
	next := l.filter
	l.filter = func(from *end, n int, pkt []byte) []arrival {
		if from == e && messageType(pkt) == typ {
			times = append(times, int(l.now.Sub(epoch)/ms))
		}
		if next != nil {
			return next(from, n, pkt)
		}
		return []arrival{{pkt: pkt}}
	}
	return &times
}

// times adds up intervals: first, doubled up to longest, n times.
func times(first, longest, n int) []int {
	list, at, interval := []int{0}, 0, first
	for range n {
		at += interval
		list = append(list, at)
		interval = min(2*interval, longest)
	}
	return list
}

func wantTimes(t *testing.T, what string, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s sent at %v ms\nwant %v", what, got, want)
	}
}

// Section 6: T1 from 50 ms, doubled up to 200 ms, 20 repetitions: exhausted
// after 3.75 s, and given up when the last had time to be answered.
func TestHelloSchedule(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	sent := l.sentAt(l.a, wire.TypeHello)
	l.a.Start(l.now)
	l.drain(l.a)
	l.run(3949 * ms)
	if count[Failed](l.a) != 0 {
		t.Error("gave up early")
	}
	l.run(1 * ms)
	want := times(50, 200, 20)
	if want[20] != 3750 {
		t.Fatalf("the test itself is wrong: %v", want)
	}
	wantTimes(t, "Hello", *sent, want)
	l.wantSilent(l.a)
	if !l.a.Deadline().IsZero() {
		t.Error("a timer runs on")
	}
}

// wantSilent checks that an end has heard nothing and said so.
func (l *link) wantSilent(e *end) {
	l.t.Helper()
	if _, ok := find[Silent](e); !ok || len(e.events) != 1 || e.state != stateSilent {
		l.t.Error(e.story())
	}
}

// Section 6: with a Hello hash from signalling, at least 12 seconds.
func TestHelloScheduleExtended(t *testing.T) {
	a, b := configs()
	a.PeerHelloHashes = []string{"1.10 " + string(bytes.Repeat([]byte("0"), 64))}
	l := newLink(t, a, b)
	sent := l.sentAt(l.a, wire.TypeHello)
	l.a.Start(l.now)
	l.drain(l.a)
	l.run(20 * time.Second)
	want := times(50, 200, 62)
	if want[62] < 12_000 {
		t.Fatalf("the test itself is wrong: %v", want)
	}
	wantTimes(t, "Hello", *sent, want)
	l.wantSilent(l.a)
}

// Section 6: HelloACK ends the repetitions.
func TestHelloACKSilencesHello(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	sent := l.sentAt(l.a, wire.TypeHello)
	l.a.Start(l.now)
	l.drain(l.a)
	l.run(60 * ms)
	l.inject(l.a, packet(b.SSRC, wire.HelloACK{}), 0)
	l.run(10 * time.Second)
	wantTimes(t, "Hello", *sent, []int{0, 50})
	l.wantSilent(l.a) // nobody's Hello came
}

// The peer's first Hello is answered by ours at once: the peer may have begun to
// listen after our last. Its repetitions get HelloACK only.
func TestHelloAnsweredByHello(t *testing.T) {
	a, b := classicalConfigs()
	l := newLink(t, a, b)
	l.a.Start(l.now)
	l.drain(l.a)
	l.run(20 * ms)
	l.inject(l.a, packet(b.SSRC, raw(l.b.hello)), 0)
	l.run(1 * ms)
	want := []wire.Type{wire.TypeHello, wire.TypeHello, wire.TypeHelloACK, wire.TypeCommit}
	if got := l.a.types(); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	l.inject(l.a, packet(b.SSRC, raw(l.b.hello)), 0)
	l.run(1 * ms)
	if got := l.a.types(); !slices.Equal(got, append(want, wire.TypeHelloACK)) {
		t.Errorf("then sent %q", got[len(want):])
	}
}

// Section 6: T2 from 150 ms, doubled up to 1200 ms, 10 repetitions, of Commit,
// DHPart2 and Confirm2: exhausted after 9.45 s.
func TestRequestSchedule(t *testing.T) {
	for _, tc := range []struct{ request, answer wire.Type }{
		{wire.TypeCommit, wire.TypeDHPart1},
		{wire.TypeDHPart2, wire.TypeConfirm1},
		{wire.TypeConfirm2, wire.TypeConf2ACK},
	} {
		t.Run(string(tc.request), func(t *testing.T) {
			a, b := classicalConfigs()
			l := newLink(t, a, b)
			l.filter = func(from *end, _ int, pkt []byte) []arrival {
				if messageType(pkt) == tc.answer {
					return nil
				}
				return []arrival{{pkt: pkt}}
			}
			atA, atB := l.sentAt(l.a, tc.request), l.sentAt(l.b, tc.request)
			l.start()
			l.run(10_649 * ms)
			initiator, sent := l.a, atA
			if l.a.x.role == Responder || l.a.state == stateDHPart1 {
				initiator, sent = l.b, atB
			}
			if count[Failed](initiator) > 0 {
				t.Errorf("gave up early: %s", initiator.story())
			}
			want := times(150, 1200, 10)
			if want[10] != 9450 {
				t.Fatalf("the test itself is wrong: %v", want)
			}
			wantTimes(t, string(tc.request), *sent, want)
			l.run(1 * ms)
			f, ok := find[Failed](initiator)
			if !ok || !errors.Is(f.Err, ErrTimeout) {
				t.Errorf("no timeout: %s", initiator.story())
			}
		})
	}
}

// Section 6: a peer whose Hello came, but who acknowledges nothing, may not have
// ours: it is given at least 12 seconds, and a late Commit is still accepted.
func TestLateCommit(t *testing.T) {
	for _, late := range []bool{false, true} {
		a, b := configs()
		l := newLink(t, a, b)
		cut := true
		l.filter = func(from *end, _ int, pkt []byte) []arrival {
			if cut && (from == l.a || messageType(pkt) != wire.TypeHello) {
				return nil
			}
			return []arrival{{pkt: pkt}}
		}
		l.a.Start(l.now)
		l.drain(l.a)
		l.inject(l.a, packet(b.SSRC, raw(l.b.hello)), 0)
		l.run(12 * time.Second)
		if count[Failed](l.a) > 0 {
			t.Fatalf("gave up before 12 s: %s", l.a.story())
		}
		if late {
			cut = false
			l.b.Start(l.now)
			l.drain(l.b)
			l.inject(l.b, packet(a.SSRC, raw(l.a.hello)), 0)
			l.run(5 * time.Second)
			l.wantSecure()
			continue
		}
		l.run(349 * ms)
		if count[Failed](l.a) > 0 {
			t.Errorf("gave up before the last Hello could be answered: %s", l.a.story())
		}
		l.run(1 * ms)
		if f := l.wantFailed(l.a); !errors.Is(f.Err, ErrTimeout) {
			t.Errorf("failed with %v", f.Err)
		}
	}
}

// Section 6: Error is repeated on T2 until ErrorACK.
func TestErrorSchedule(t *testing.T) {
	a, b := configs()
	for _, acked := range []bool{false, true} {
		l := newLink(t, a, b)
		sent := l.sentAt(l.a, wire.TypeError)
		l.a.Start(l.now)
		l.drain(l.a)
		l.inject(l.a, packet(a.SSRC, raw(l.b.hello)), 0) // collision
		if acked {
			l.inject(l.a, packet(b.SSRC, wire.ErrorACK{}), 500*ms)
		}
		l.run(20 * time.Second)
		want := times(150, 1200, 10)
		if acked {
			want = want[:3]
		}
		wantTimes(t, "Error", *sent, want)
	}
}

// Section 6: only the initiator performs retransmissions. The responder repeats
// its answer, octet for octet, when the question is repeated; after 10 s of
// silence it gives up.
func TestResponderRepeatsAnswers(t *testing.T) {
	for _, tc := range []struct{ question, answer, lost wire.Type }{
		{wire.TypeCommit, wire.TypeDHPart1, wire.TypeDHPart1},
		{wire.TypeDHPart2, wire.TypeConfirm1, wire.TypeConfirm1},
		{wire.TypeConfirm2, wire.TypeConf2ACK, wire.TypeConf2ACK},
	} {
		t.Run(string(tc.question), func(t *testing.T) {
			a, b := configs()
			l := newLink(t, a, b)
			var answers [][]byte
			l.filter = func(from *end, _ int, pkt []byte) []arrival {
				if messageType(pkt) == tc.answer {
					p, _ := wire.ParsePacket(pkt)
					answers = append(answers, p.Message)
				}
				if messageType(pkt) == tc.lost && len(answers) < 4 {
					return nil
				}
				return []arrival{{pkt: pkt}}
			}
			l.start()
			l.run(20 * time.Second)
			l.wantSecure()
			if len(answers) != 4 {
				t.Fatalf("answered %d times, want 4", len(answers))
			}
			for _, answer := range answers {
				if !bytes.Equal(answer, answers[0]) {
					t.Error("an answer was not repeated as it was")
				}
			}
		})
	}
}

func TestResponderPatience(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.filter = func(from *end, _ int, pkt []byte) []arrival {
		if messageType(pkt) == wire.TypeDHPart2 {
			return nil
		}
		return []arrival{{pkt: pkt}}
	}
	l.start()
	l.run(9999 * ms)
	responder := l.a
	if l.b.state == stateDHPart1 {
		responder = l.b
	}
	if responder.state != stateDHPart1 {
		t.Fatalf("not waiting: %s", responder.story())
	}
	n := len(responder.sent)
	l.run(1 * ms)
	if f := l.wantFailed(responder); !errors.Is(f.Err, ErrTimeout) {
		t.Errorf("failed with %v", f.Err)
	}
	if got := responder.types()[n:]; !slices.Equal(got, []wire.Type{wire.TypeError}) {
		t.Errorf("then sent %q, want one Error", got)
	}
}

// Section 5: the sequence number counts packets, repetitions too, and wraps.
func TestSequenceNumbers(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.a.sequence = 0xfffe
	l.start()
	l.run(time.Second)
	l.wantSecure()
	for i, pkt := range l.a.sent {
		p, err := wire.ParsePacket(pkt)
		if want := uint16(0xfffe + i); err != nil || p.Sequence != want {
			t.Errorf("packet %d has sequence %d, want %d (%v)", i, p.Sequence, want, err)
		}
	}
}

// One that is woken late repeats once, and goes on from there.
func TestLateWakeUp(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.a.Start(l.now)
	l.drain(l.a)
	l.a.Advance(l.now.Add(2 * time.Second))
	l.drain(l.a)
	if n := len(l.a.sent); n != 2 {
		t.Errorf("sent %d packets, want 2", n)
	}
	if got, want := l.a.Deadline(), l.now.Add(2100*ms); !got.Equal(want) {
		t.Errorf("next deadline %v, want %v", got, want)
	}
}

// packet frames a message from someone.
func packet(ssrc uint32, m wire.Message) []byte {
	return wire.AppendPacket(nil, wire.Packet{SSRC: ssrc, Message: m.Append(nil)})
}

// raw is a message that is bytes already.
func raw(msg []byte) wire.Message {
	m, err := wire.ParseRaw(msg)
	if err != nil {
		panic(err)
	}
	return m
}

// Section 6: a Commit that comes 30 s late is still accepted, whoever makes it, and
// whatever is lost again.
func TestLateHello(t *testing.T) {
	for lost := range 6 {
		for _, offered := range []Algorithms{withoutKEM(), DefaultAlgorithms()} {
			a, b := configs()
			a.Algorithms, b.Algorithms = offered, offered
			l := newLink(t, a, b)
			l.a.Start(l.now)
			l.filter = func(*end, int, []byte) []arrival { return nil }
			l.drain(l.a)
			l.run(30 * time.Second)
			if count[Silent](l.a) != 1 || !l.next().IsZero() {
				t.Fatalf("%s", l.a.story())
			}
			sent := len(l.a.sent)
			l.filter = func(from *end, n int, pkt []byte) []arrival {
				if from == l.a && n <= sent+lost {
					return nil
				}
				return []arrival{{pkt: pkt}}
			}
			l.b.Start(l.now)
			l.drain(l.b)
			l.run(10 * time.Second)
			l.wantSecure()
		}
	}
}

// A Hello that is late and false is doubted as an early one is, and does not keep the
// true one away.
func TestLateFalseHello(t *testing.T) {
	for _, thenTrue := range []bool{true, false} {
		a, b := classicalConfigs()
		l := newLink(t, a, b)
		l.a.Start(l.now)
		l.filter = func(*end, int, []byte) []arrival { return nil }
		l.drain(l.a)
		l.run(30 * time.Second)
		l.filter = nil
		h := parseHello(t, l.b.Session)
		h.Version = "0.90"
		l.inject(l.a, packet(b.SSRC, h), 0)
		l.run(0)
		if thenTrue {
			l.b.Start(l.now)
			l.drain(l.b)
			l.run(10 * time.Second)
			l.wantSecure()
			continue
		}
		l.run(10 * time.Second)
		wantCode(t, l.wantFailed(l.a), wire.CodeVersion)
	}
}

// Where Hellos were exchanged and nothing follows, the exchange ends when its timers
// are spent, with an Error to the peer; a Commit 30 s after that begins nothing.
func TestCommitAfterTheEnd(t *testing.T) {
	a, b := classicalConfigs()
	l := newLink(t, a, b)
	var late []byte
	l.filter = func(from *end, _ int, pkt []byte) []arrival {
		switch messageType(pkt) {
		case wire.TypeCommit:
			if from == l.b {
				late = pkt
			}
			return nil
		case wire.TypeError:
			return nil
		}
		return []arrival{{pkt: pkt}}
	}
	l.start()
	l.run(60 * time.Second)
	wantCode(t, l.wantFailed(l.a), wire.CodeTimeout)
	if len(l.a.sentOf(wire.TypeError)) == 0 {
		t.Error("the peer is not told")
	}
	l.filter = nil
	n := len(l.a.sent)
	l.inject(l.a, late, 0)
	l.run(30 * time.Second)
	if len(l.a.sent) != n || count[Failed](l.a) != 1 || l.a.state != stateFailed {
		t.Error(l.a.story())
	}
}
