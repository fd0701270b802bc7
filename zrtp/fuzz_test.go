package zrtp

import (
	"bytes"
	"testing"
	"time"

	"karat/zrtp/wire"
)

// FuzzReceive changes a call as the input says: of each packet the next octets
// say whether it is lost, doubled, late, or changed and where. Whatever happens,
// there is no panic, the two ends never have different keys, an end never has
// keys after it failed, and both come to rest.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 2, 0, 3, 9})
	f.Add([]byte{0, 0, 0, 4, 60, 8, 5, 70, 1, 4, 30, 16})
	f.Add([]byte{6, 40, 1, 6, 3, 9, 7, 7, 7, 7})
	f.Add(bytes.Repeat([]byte{1}, 42)) // all Hellos of both are lost
	f.Fuzz(func(t *testing.T, script []byte) {
		a, b := configs()
		l := newLink(t, a, b)
		l.filter = func(_ *end, _ int, pkt []byte) []arrival { return disturbed(&script, pkt) }
		l.start()
		l.run(2 * time.Minute)
		if next := l.next(); !next.IsZero() {
			t.Errorf("still busy: %s; %s", l.a.story(), l.b.story())
		}
		l.judge(t)
	})
}

// disturbed is what becomes of one packet. With the script at its end, packets
// arrive as they are.
func disturbed(script *[]byte, pkt []byte) []arrival {
	next := func() int {
		if len(*script) == 0 {
			return 0
		}
		n := (*script)[0]
		*script = (*script)[1:]
		return int(n)
	}
	switch next() % 8 {
	case 1:
		return nil
	case 2:
		return []arrival{{pkt: pkt}, {pkt, time.Duration(next()) * ms}}
	case 3:
		return []arrival{{pkt, time.Duration(10*next()) * ms}}
	case 4, 5: // one octet of the message changed, with a good CRC
		return []arrival{{pkt: changed(pkt, next()<<1|next()&1, byte(next()))}}
	case 6: // cut short, with a good CRC
		p, _ := wire.ParsePacket(pkt)
		p.Message = p.Message[:next()%(len(p.Message)+1)]
		return []arrival{{pkt: wire.AppendPacket(nil, p)}, {pkt: pkt}}
	case 7: // changed, and the true one after it
		return []arrival{{pkt: changed(pkt, next()<<1|next()&1, byte(next()))}, {pkt: pkt}}
	}
	return []arrival{{pkt: pkt}}
}

func changed(pkt []byte, at int, by byte) []byte {
	p, err := wire.ParsePacket(pkt)
	if err != nil {
		return pkt
	}
	p.Message = append([]byte(nil), p.Message...)
	p.Message[at%len(p.Message)] ^= by
	return wire.AppendPacket(nil, p)
}

// FuzzReceiveBytes gives arbitrary datagrams to a session in each state.
func FuzzReceiveBytes(f *testing.F) {
	for _, r := range recordings(f) {
		for _, rec := range r.packets {
			f.Add(rec.packet, byte(len(rec.packet)))
		}
	}
	f.Fuzz(func(t *testing.T, pkt []byte, turns byte) {
		a, b := configs()
		l := newLink(t, a, b)
		l.start()
		for range turns % 16 {
			if len(l.queue) == 0 {
				break
			}
			next := l.queue[0]
			l.queue = l.queue[1:]
			next.to.Receive(l.now, next.pkt)
			l.drain(next.to)
		}
		if p, err := wire.ParsePacket(pkt); err == nil {
			p.SSRC = b.SSRC // else it is not even looked at
			pkt = wire.AppendPacket(nil, p)
		}
		before := len(l.a.sent)
		l.a.Receive(l.now, pkt)
		l.drain(l.a)
		if n := len(l.a.sent) - before; n > 3 {
			t.Errorf("%d packets in answer to one", n)
		}
		l.a.wantOrder(t)
	})
}
