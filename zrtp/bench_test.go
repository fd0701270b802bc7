package zrtp

import (
	"testing"
	"time"

	"karat/zrtp/wire"
)

// BenchmarkHandshake is the computing time of both ends together, from NewSession
// to Secure; what one call costs one phone is half of it.
func BenchmarkHandshake(b *testing.B) {
	for _, ka := range []string{"X255", "DH3k"} {
		b.Run(ka, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				one, two := configs()
				one.Algorithms = Algorithms{KeyAgreements: []string{ka}}
				two.Algorithms = one.Algorithms
				handshake(b, one, two)
			}
		})
	}
}

// handshake passes packets to and fro until both ends are secure.
func handshake(tb testing.TB, one, two Config) {
	ends := []*end{newEnd(tb, "one", one), newEnd(tb, "two", two)}
	now, secure := epoch, 0
	for _, e := range ends {
		e.Start(now)
	}
	for range 20 {
		for i, e := range ends {
			for pkt, ok := e.NextPacket(); ok; pkt, ok = e.NextPacket() {
				ends[1-i].Receive(now, pkt)
			}
			for event, ok := e.NextEvent(); ok; event, ok = e.NextEvent() {
				if _, is := event.(Secure); is {
					secure++
				}
			}
		}
		now = now.Add(time.Millisecond)
		if secure == 2 {
			return
		}
	}
	tb.Fatal("not secure")
}

// BenchmarkBogusCommit is what a false packet costs: a hash, and no key work.
func BenchmarkBogusCommit(b *testing.B) {
	one, two := configs()
	e, peer := newEnd(b, "one", one), newEnd(b, "two", two)
	e.Start(epoch)
	e.Receive(epoch, packet(two.SSRC, raw(peer.hello)))
	hello, err := wire.ParseHello(peer.hello)
	if err != nil {
		b.Fatal(err)
	}
	pkt := packet(two.SSRC, bogus(hello, 1)[1])
	b.ReportAllocs()
	for b.Loop() {
		e.Receive(epoch, pkt)
	}
}
