package zrtp

import (
	"reflect"
	"testing"
	"time"

	"karat/zrtp/wire"
)

func TestFragmentsOfOtherSizes(t *testing.T) {
	for _, size := range []int{4, 600, 900, 1400} {
		for _, loss := range []uint64{0, 5} {
			a, b := configs()
			l := newLink(t, a, b)
			random := testRand(byte(size))
			pieces := map[*end]*wire.Reassembly{l.a: {}, l.b: {}}
			l.filter = func(from *end, _ int, pkt []byte) (arrivals []arrival) {
				p, _ := wire.ParsePacket(pkt)
				f, ok := p.Fragment()
				if !ok {
					return []arrival{{pkt: pkt}}
				}
				msg := pieces[from].Add(l.now, f)
				for at := 0; at < len(msg); at += size {
					f := wire.Fragment{MessageID: f.MessageID, Total: f.Total, Offset: uint16(at / 4), Data: msg[at:min(at+size, len(msg))]}
					p := wire.Packet{Unused: wire.FragmentMark, SSRC: p.SSRC, Message: f.Append(nil)}
					for range 1 + random.Uint64()%2 {
						if size == 4 || loss == 0 || random.Uint64()%loss > 0 {
							arrivals = append(arrivals, arrival{wire.AppendPacket(nil, p), time.Duration(random.Uint64()%20) * ms})
						}
					}
				}
				return arrivals
			}
			l.start()
			l.run(10 * time.Second)
			if s, _ := l.wantSecure(); s.KeyAgreement != "X2M2" {
				t.Errorf("fragments of %d: %s", size, s.KeyAgreement)
			}
		}
	}
}

func TestFragmentsSent(t *testing.T) {
	a, b := configs()
	a.Algorithms = DefaultAlgorithms()
	a.Algorithms.KeyAgreements = []string{"X3M3"} // has two long messages
	b.Algorithms = a.Algorithms
	l := newLink(t, a, b)
	ids := map[*end]map[wire.Type]map[uint16]bool{l.a: {}, l.b: {}}
	l.filter = func(from *end, _ int, pkt []byte) []arrival {
		if len(pkt) > wire.MaxDatagram {
			t.Errorf("a datagram of %d octets", len(pkt))
		}
		p, _ := wire.ParsePacket(pkt)
		typ := messageType(pkt)
		if f, ok := p.Fragment(); ok && typ != "more" {
			if ids[from][typ] == nil {
				ids[from][typ] = map[uint16]bool{}
			}
			ids[from][typ][f.MessageID] = true
			if len(ids[from][typ]) > 1 || typ != wire.TypeCommit && typ != wire.TypeDHPart1 {
				t.Errorf("%s: ids %v", typ, ids[from][typ])
			}
		}
		if typ == wire.TypeDHPart1 && l.now.Sub(epoch) < time.Second {
			return nil // the Commit is repeated
		}
		return []arrival{{pkt: pkt}}
	}
	l.start()
	l.run(3 * time.Second)
	l.wantSecure()
	_, responder := l.roles()
	if len(ids[responder]) != 2 {
		t.Errorf("the responder sent %v in fragments", ids[responder])
	}
	for id := range ids[responder][wire.TypeCommit] {
		if ids[responder][wire.TypeDHPart1][id] {
			t.Error("two messages have one id")
		}
	}

	a, b = classicalConfigs()
	l = newLink(t, a, b)
	l.start()
	l.run(time.Second)
	l.wantSecure()
	for _, e := range []*end{l.a, l.b} {
		for _, pkt := range e.sent {
			if pkt[0] != 0x10 || pkt[1] != 0 {
				t.Errorf("without KEM: a packet begins %x", pkt[:2])
			}
		}
	}
}

func TestFragmentsOfStrangers(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	half := func(ssrc uint32) []byte {
		f := wire.Fragment{Total: 300, Data: make([]byte, 400)}
		return wire.AppendPacket(nil, wire.Packet{Unused: wire.FragmentMark, SSRC: ssrc, Message: f.Append(nil)})
	}
	empty := func() bool { return reflect.DeepEqual(l.a.reassembly, wire.Reassembly{}) }
	l.a.Start(l.now)
	l.drain(l.a)
	l.a.Receive(l.now, half(b.SSRC))
	if !empty() {
		t.Error("kept before Hello")
	}
	l.b.Start(l.now)
	l.drain(l.b)
	l.until(l.a, stateHelloACK)
	l.a.Receive(l.now, half(b.SSRC+1))
	if !empty() {
		t.Error("kept of another source")
	}
	l.a.Receive(l.now, half(b.SSRC))
	if empty() {
		t.Error("not kept in the exchange")
	}
	l.run(time.Second)
	l.wantSecure()
	l.a.Receive(l.now, half(b.SSRC))
	if !empty() {
		t.Error("kept after the exchange")
	}

	l = newLink(t, a, b)
	l.start()
	l.until(l.a, stateHelloACK)
	l.a.Receive(l.now, half(b.SSRC))
	if empty() {
		t.Error("not kept in the exchange")
	}
	l.a.Close()
	if !empty() {
		t.Error("kept after Close")
	}
}
