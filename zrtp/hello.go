package zrtp

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"karat/zrtp/wire"
)

// clientID names no product: all installations of all versions send the same.
const clientID = "                "

// comparedVersion is how much of a version counts.
//
// RFC 6189, Section 4.1.1: When comparing protocol versions, a ZRTP endpoint
// MUST include only the first three octets of the version field.
const comparedVersion = 3

// peer is what is known of the other end.
type peer struct {
	met   bool
	ssrc  uint32
	hello wire.Hello
	raw   []byte // the Hello as it came
	offer offer  // what it offers
	bound bool
	// h2 and h1 are links of its chain, once they were revealed and checked.
	h2, h1 [32]byte
}

// newHello makes our Hello. Its flags are all 0: no signatures (S), no PBX (M),
// and we do commit (P).
func (s *Session) newHello() []byte {
	return seal(wire.Hello{
		Version:       version,
		Client:        [16]byte([]byte(clientID)),
		H3:            s.chain.h3,
		ZID:           s.cfg.ZID,
		Hashes:        s.offer.hashes,
		Ciphers:       s.offer.ciphers,
		AuthTags:      s.offer.authTags,
		KeyAgreements: s.listed(),
		SASTypes:      s.offer.sasTypes,
	}.Append(nil), s.chain.h2)
}

// listed are the key agreements of our Hello, and the modes that go without one.
// What every endpoint has need not be listed (Section 5.2): it makes room for what
// not all have.
func (s *Session) listed() []wire.Algorithm {
	list := slices.Clone(s.offer.keyAgreements)
	if s.cfg.Preshared && !s.cfg.Further {
		list = append(list, wire.Prsh)
	}
	if s.cfg.Further || s.keepsSession() {
		list = append(list, wire.Mult)
	}
	if len(list) > wire.MaxAlgorithms {
		list = slices.DeleteFunc(list, func(a wire.Algorithm) bool { return a == wire.DH3k })
	}
	return list
}

// HelloHash is the value for a=zrtp-hash: our version, and the hash of our
// Hello in hexadecimal (Section 8.1).
func (s *Session) HelloHash() string { return helloHash(s.hello) }

func helloHash(hello []byte) string {
	sum := implicitHash(hello)
	return version + " " + hex.EncodeToString(sum[:])
}

// ParseHelloHash returns the hash in an a=zrtp-hash value of our version; false
// for one of another version, and for what is none.
func ParseHelloHash(value string) (hash [32]byte, ok bool) {
	theirVersion, digits, _ := strings.Cut(strings.TrimSpace(value), " ")
	if len(theirVersion) < comparedVersion || theirVersion[:comparedVersion] != version[:comparedVersion] {
		return hash, false
	}
	b, err := hex.DecodeString(strings.TrimSpace(digits))
	if err != nil || len(b) != len(hash) {
		return hash, false
	}
	return [32]byte(b), true
}

// HelloTemplate is a Hello without H0 and ZID: what all Hellos of one
// configuration have in common.
type HelloTemplate struct{ message []byte }

// NewHelloTemplate makes the template of the Hellos that sessions with this
// configuration send.
func NewHelloTemplate(cfg Config) (HelloTemplate, error) {
	s, err := NewSession(cfg)
	if err != nil {
		return HelloTemplate{}, err
	}
	defer s.Close()
	return HelloTemplate{s.hello}, nil
}

// Where in a Hello what differs lies (see wire.Hello).
const (
	helloH3  = 32
	helloZID = helloH3 + 32
)

// Hash is the hash that a=zrtp-hash would have for a session with this H0 and
// ZID.
func (t HelloTemplate) Hash(h0 [32]byte, zid ZID) [32]byte {
	chain := hashChainOf(h0)
	hello := bytes.Clone(t.message)
	copy(hello[helloH3:], chain.h3[:])
	copy(hello[helloZID:], zid[:])
	return implicitHash(seal(hello, chain.h2))
}

// extendHello prolongs the wait: there is evidence that the peer speaks ZRTP.
func (s *Session) extendHello() {
	if s.helloExtended {
		return
	}
	s.helloExtended = true
	more := extendedHellos - helloSchedule.repeats
	s.helloEnd = s.helloEnd.Add(time.Duration(more) * helloSchedule.longest)
	if !s.helloTimer.due.IsZero() {
		s.helloTimer.left += more
	}
}

// receiveHello acknowledges the peer's Hello and commits.
func (s *Session) receiveHello(now time.Time, ssrc uint32, msg []byte) error {
	if s.peer.met {
		if bytes.Equal(msg, s.peer.raw) {
			s.transmit(wire.HelloACK{}.Append(nil))
		}
		return nil // only the first Hello counts, and its repetitions
	}
	if s.state != stateHello && s.state != stateSilent {
		return errUnused
	}
	hello, err := wire.ParseHello(msg)
	if err != nil {
		return err
	}
	if hello.Version[:comparedVersion] > version[:comparedVersion] {
		// RFC 6189, Section 4.1.1: an unsupported version number that is higher
		// [...] MUST be ignored.
		return errUnused
	}
	bound := s.announced(msg)
	if fault := s.judgeHello(hello, bound); fault != nil {
		if bound {
			return fault
		}
		return doubtful{fault}
	}
	s.meet(now, peer{met: true, ssrc: ssrc, hello: hello, raw: bytes.Clone(msg), offer: peerOffer(hello), bound: bound})
	return s.answerHello(now)
}

// announced tells whether signalling announced this Hello.
func (s *Session) announced(msg []byte) bool {
	hash := helloHash(msg)
	for _, announced := range s.cfg.PeerHelloHashes {
		theirVersion, digits, _ := strings.Cut(strings.TrimSpace(announced), " ")
		if len(theirVersion) < comparedVersion || theirVersion[:comparedVersion] != version[:comparedVersion] {
			continue // the Hello of another version
		}
		if strings.EqualFold(version+" "+strings.TrimSpace(digits), hash) {
			return true
		}
	}
	return false
}

// judgeHello looks for faults that end the session.
func (s *Session) judgeHello(h wire.Hello, bound bool) *ProtocolError {
	switch {
	case h.Version[:comparedVersion] < version[:comparedVersion]:
		// RFC 6189, Section 4.1.1: an unsupported version number that is lower
		// [...] the endpoint MUST send an Error message.
		return protocolError(wire.CodeVersion, fmt.Errorf("the peer speaks version %q", h.Version))
	case ZID(h.ZID) == s.cfg.ZID:
		return protocolError(wire.CodeEqualZIDs, nil)
	case len(s.cfg.PeerHelloHashes) > 0 && !bound:
		return protocolError(wire.CodeHelloMismatch, ErrHelloHash)
	}
	return s.judgeZID(h)
}

// meet takes a Hello as the peer's.
func (s *Session) meet(now time.Time, p peer) {
	s.peer = p
	s.doubt = doubt{}
	if retained, ok := s.cfg.retained(p); ok {
		s.memory.recall(now, retained)
	}
	s.emit(PeerHello{ZID: ZID(p.hello.ZID), Bound: p.bound, Client: printable(p.hello.Client[:])})
	s.extendHello()
	if s.acked.acked && s.acked.ssrc == p.ssrc {
		return
	}
	if s.state == stateSilent {
		s.helloEnd = now.Add(helloSchedule.span())
	}
	if s.acked.acked || s.state == stateSilent { // by someone else, or given up
		s.acked = ackedBy{}
		s.helloTimer = newRetransmission(now, s.hello, helloSchedule)
	}
	// The peer may have begun to listen after our last Hello: do not let it wait
	// for the next.
	if s.bothKarat() {
		s.helloTimer = newRetransmission(now, s.hello, flatSchedule)
	}
	s.transmit(s.hello)
}

// retained is what the caller knows of a peer: by its Hello, or by its ZID.
func (c Config) retained(p peer) (Retained, bool) {
	if c.Recognised != nil {
		if r, ok := c.Recognised(implicitHash(p.raw)); ok {
			return r, true
		}
	}
	if c.Retained == nil {
		return Retained{}, false
	}
	return c.Retained(ZID(p.hello.ZID))
}

// receiveHelloACK stops the repetition of our Hello.
func (s *Session) receiveHelloACK(now time.Time, ssrc uint32, msg []byte) error {
	if _, err := wire.ParseHelloACK(msg); err != nil || !s.state.exchanging() || s.acked.acked {
		return errUnused
	}
	s.acked = ackedBy{acked: true, ssrc: ssrc}
	s.helloTimer = retransmission{}
	if s.state == stateHelloACK && !s.waitsForKey() {
		return s.commit(now)
	}
	return nil
}

// printable keeps what is harmless of a name that a stranger chose.
func printable(b []byte) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b))
	return strings.TrimSpace(text)
}
