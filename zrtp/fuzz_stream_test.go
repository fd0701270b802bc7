package zrtp

import (
	"encoding/binary"
	"testing"
	"time"

	"karat/zrtp/wire"
)

// What an instruction of FuzzTwoEngines does, by its first octet; the lowest bit
// chooses the end.
const (
	opTime    = iota // the next octet: how many hundredths of a second pass
	opArrive         // what is under way to the end arrives
	opLose           // what is under way to the end is lost
	opMessage        // the next octet: how many words follow, a message of the peer's
	opPiece          // the same, a fragment
	opRaw            // the next octet: how many octets follow, a datagram
	opAgain          // two octets: which of all packets arrives, and where it is changed
	opSRTP           // SRTP of the other end's authenticates, if that is secure
	opCount
)

// FuzzTwoEngines feeds two engines from one stream of octets: packets of their
// own and of the stream's, and steps of time, in whatever order the stream says.
// However that ends, there is no panic, the two never have different keys, and
// once the stream is over and the network is well again both come to rest, each
// either secure or failed.
func FuzzTwoEngines(f *testing.F) {
	good := []byte{}
	for range 12 {
		good = append(good, 2*opArrive, 2*opArrive+1, 2*opTime, 5)
	}
	f.Add(good)
	f.Add([]byte{2 * opLose, 2*opLose + 1, 2 * opTime, 200, 2 * opArrive, 2 * opAgain, 1, 0, 2 * opAgain, 2, 77})
	f.Add([]byte{2 * opArrive, 2*opArrive + 1, 2 * opArrive, 2*opArrive + 1, 2 * opSRTP, 2 * opAgain, 0, 0})
	for _, r := range recordings(f) {
		var stream []byte
		for _, rec := range r.packets {
			p, err := wire.ParsePacket(rec.packet)
			if err != nil || len(p.Message) > 4*255 {
				continue
			}
			stream = append(stream, 2*opMessage+rec.from[0]&1, byte(len(p.Message)/4))
			stream = append(stream, p.Message...)
			stream = append(stream, 2*opTime, 2)
		}
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		const longest = 8 << 10 // more only takes longer
		s := stirred{link: newStirred(t), stream: stream[:min(len(stream), longest)]}
		for len(s.stream) > 0 {
			s.instruct()
		}
		s.run(2 * time.Minute)
		if next := s.next(); !next.IsZero() {
			t.Errorf("still busy: %s; %s", s.a.story(), s.b.story())
		}
		s.judge(t)
	})
}

// stirred is a link that a stream of octets stirs.
type stirred struct {
	*link
	stream []byte
}

// newStirred is a link whose packets wait for the stream to say when they arrive.
func newStirred(t *testing.T) *link {
	a, b := configs()
	a.Algorithms = Algorithms{KeyAgreements: []string{"X1M1", "X255"}, Hashes: []string{"S384", "S256"}, Ciphers: []string{"AES3", "AES1"}}
	b.Algorithms = a.Algorithms
	l := newLink(t, a, b)
	l.delay = time.Second
	l.start()
	return l
}

// next octet; 0 at the end of the stream.
func (s *stirred) octet() byte {
	if len(s.stream) == 0 {
		return 0
	}
	b := s.stream[0]
	s.stream = s.stream[1:]
	return b
}

func (s *stirred) octets(n int) []byte {
	n = min(n, len(s.stream))
	b := s.stream[:n]
	s.stream = s.stream[n:]
	return b
}

// instruct takes one instruction off the stream and does it.
func (s *stirred) instruct() {
	op := s.octet()
	to := s.a
	if op&1 == 1 {
		to = s.b
	}
	ssrc := s.other(to).cfg.SSRC
	switch op / 2 % opCount {
	case opTime:
		s.run(time.Duration(s.octet()) * 10 * ms)
	case opArrive:
		for _, pkt := range s.underWay(to) {
			s.give(to, pkt)
		}
	case opLose:
		s.underWay(to)
	case opMessage:
		msg := s.octets(4 * int(s.octet()))
		if len(msg) >= 12 { // with a true header, or it would not be looked at
			msg = append([]byte(nil), msg...)
			binary.BigEndian.PutUint16(msg, 0x505a)
			binary.BigEndian.PutUint16(msg[2:], uint16(len(msg)/4))
		}
		s.give(to, wire.AppendPacket(nil, wire.Packet{SSRC: ssrc, Message: msg}))
	case opPiece:
		piece := s.octets(4 * int(s.octet()))
		s.give(to, wire.AppendPacket(nil, wire.Packet{Unused: wire.FragmentMark, SSRC: ssrc, Message: piece}))
	case opRaw:
		s.give(to, s.octets(int(s.octet())))
	case opAgain:
		n, at := int(s.octet()), int(s.octet())
		sent := s.other(to).sent
		s.give(to, changed(sent[n%len(sent)], at, byte(at)))
	case opSRTP:
		if count[Secure](s.other(to)) > 0 {
			to.ReceivedSRTP(s.now)
			s.drain(to)
		}
	}
}

// underWay takes all that is under way to an end.
func (s *stirred) underWay(to *end) (pkts [][]byte) {
	var rest []flight
	for _, f := range s.queue {
		if f.to == to {
			pkts = append(pkts, f.pkt)
		} else {
			rest = append(rest, f)
		}
	}
	s.queue = rest
	return pkts
}

func (s *stirred) give(to *end, pkt []byte) {
	to.Receive(s.now, pkt)
	s.drain(to)
}

// judge checks what the two ends came to.
func (l *link) judge(t *testing.T) {
	t.Helper()
	for _, e := range []*end{l.a, l.b} {
		e.wantOrder(t)
		// Who heard nothing at all is Silent; a late Hello may still make it more.
		silent := e.state == stateSilent && count[Silent](e) == 1 && count[KeysAgreed](e) == 0
		if n := count[Failed](e) + count[Secure](e); n > 1 || n == 0 && !silent {
			t.Errorf("neither failed nor secure, or both: %s", e.story())
		}
	}
	if count[Secure](l.a)+count[Secure](l.b) == 2 {
		l.wantSecure()
	}
}
