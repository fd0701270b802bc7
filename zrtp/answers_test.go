package zrtp

import (
	"slices"
	"testing"
	"time"

	"karat/zrtp/wire"
)

// A false HelloACK from a stranger's SSRC does not silence our Hello for good.
func TestFalseHelloACK(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.a.Start(l.now)
	l.drain(l.a)
	l.inject(l.a, packet(0x666, wire.HelloACK{}), 0)
	l.run(time.Second)
	l.b.Start(l.now)
	l.drain(l.b)
	l.run(5 * time.Second)
	l.wantSecure()
}

// Acknowledgements that come out of turn, beside every packet, have no effect.
func TestMessagesOutOfTurn(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.filter = func(from *end, n int, pkt []byte) []arrival {
		arrivals := []arrival{{pkt: pkt}}
		for _, m := range []wire.Message{wire.Conf2ACK{}, wire.ErrorACK{}, wire.ClearACK{}, wire.PingACK{Version: version}} {
			arrivals = append([]arrival{{pkt: packet(from.cfg.SSRC, m)}}, arrivals...)
		}
		return arrivals
	}
	l.start()
	l.run(5 * time.Second)
	l.wantSecure()
}

// Section 4.7.1: an Error is acknowledged at once, believed when nothing better
// follows, and means nothing once the keys are confirmed.
func TestError(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.a.Start(l.now)
	l.drain(l.a)
	l.inject(l.a, packet(b.SSRC, wire.Error{Code: wire.CodeServiceUnavailable}), 10*ms)
	l.run(1509 * ms)
	if types := l.a.types(); !slices.Contains(types, wire.TypeErrorACK) {
		t.Errorf("no ErrorACK: %q", types)
	}
	if count[Failed](l.a) > 0 {
		t.Error("believed at once")
	}
	l.run(1 * ms)
	f := l.wantFailed(l.a)
	wantCode(t, f, wire.CodeServiceUnavailable)
	if !f.ByPeer || slices.Contains(l.a.types(), wire.TypeError) {
		t.Errorf("failed with %+v: %s", f, l.a.story())
	}

	secure := newLink(t, a, b)
	secure.start()
	secure.run(time.Second)
	secure.inject(secure.a, packet(b.SSRC, wire.Error{Code: wire.CodeTimeout}), 0)
	secure.run(10 * time.Second)
	secure.wantSecure()
	if count[Failed](secure.a) > 0 {
		t.Error("an Error ended a secure session")
	}
}

// Section 4.7.2 (attack A13): GoClear is refused with 0x100, whoever sends it.
func TestGoClearIsRefused(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	n := len(l.a.sent)
	l.inject(l.a, packet(b.SSRC, wire.GoClear{}), 0)
	l.run(time.Second)
	p, _ := wire.ParsePacket(l.a.sent[n])
	if e, err := wire.ParseError(p.Message); err != nil || e.Code != wire.CodeGoClearRefused || len(l.a.sent) != n+1 {
		t.Errorf("answered %s", l.a.story())
	}
	if l.a.state != stateSecure || count[Failed](l.a) > 0 {
		t.Error("left the secure state")
	}
}

// Sections 5.15 and 5.16: a Ping is answered in every state.
func TestPing(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	ask := func() wire.PingACK {
		n := len(l.a.sent)
		l.inject(l.a, packet(b.SSRC, wire.Ping{Version: "1.10", EndpointHash: [8]byte{7}}), 0)
		l.run(0)
		p, _ := wire.ParsePacket(l.a.sent[n])
		ack, err := wire.ParsePingACK(p.Message)
		if err != nil {
			t.Fatalf("%s: %v", l.a.state, err)
		}
		return ack
	}
	l.a.Start(l.now)
	l.drain(l.a)
	first := ask()
	if first.Version != "1.10" || first.ReceivedHash != [8]byte{7} || first.ReceivedSSRC != b.SSRC || first.EndpointHash == [8]byte{} {
		t.Errorf("answered %+v", first)
	}
	l.b.Start(l.now)
	l.drain(l.b)
	l.run(time.Second)
	l.wantSecure()
	if again := ask(); again != first {
		t.Errorf("answered %+v, then %+v", first, again)
	}
}

// Section 5: packets of another source are not the peer's.
func TestOtherSource(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	n := len(l.a.sent)
	for _, m := range []wire.Message{wire.Ping{Version: version}, wire.Error{}, raw(l.b.hello), wire.GoClear{}} {
		l.inject(l.a, packet(0x666, m), 0)
	}
	l.run(time.Second)
	if len(l.a.sent) != n {
		t.Errorf("answered a stranger: %q", l.a.types()[n:])
	}
}

// A fault is forgotten with the next message that only the peer can have sent:
// here a false Error comes beside each packet of an exchange that lasts seconds.
func TestDoubtIsRefuted(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.delay = 700 * ms
	l.filter = func(from *end, n int, pkt []byte) []arrival {
		if messageType(pkt) == wire.TypeErrorACK {
			return nil
		}
		return []arrival{{pkt: pkt}, {packet(from.cfg.SSRC, wire.Error{Code: wire.CodeTimeout}), ms}}
	}
	l.start()
	l.run(30 * time.Second)
	l.wantSecure()
}
