package zrtp

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// version is the one that is spoken here.
const version = "1.10"

// Session is one ZRTP exchange for one media stream. It is not safe for
// concurrent use: whoever owns the stream owns it.
type Session struct {
	cfg    Config
	offer  offer
	state  state
	chain  hashChain
	hello  []byte // our Hello
	peer   peer
	memory memory
	x      exchange
	// key is what the first stream of the call left: made here, or joined.
	key       *SessionKey
	clear     clearing
	relay     relay
	enrolment secret.Bytes // the pbxsecret that the user has not decided on

	sequence   uint16
	helloTimer retransmission // Hello, until it is acknowledged
	timer      retransmission // Commit, DHPart2, Confirm2 or Error
	helloEnd   time.Time      // when to stop waiting for the peer's Hello
	patience   time.Time      // the responder's, with a silent peer
	// helloExtended: there is evidence that the peer speaks ZRTP.
	helloExtended bool
	acked         ackedBy
	doubt         doubt
	kemSpent      int // see kemBudget

	// longMessage is our last message that needed fragments, and messageID its
	// number: its repetitions have the same.
	longMessage []byte
	messageID   uint16
	reassembly  wire.Reassembly

	packets [][]byte
	events  []Event
}

// ackedBy is who acknowledged our Hello. Anyone can send a HelloACK, so one
// from a stranger must not silence us for good.
type ackedBy struct {
	acked bool
	ssrc  uint32
}

// NewSession prepares a session and its Hello. It fails on an algorithm that
// does not exist, or for want of random numbers.
func NewSession(cfg Config) (*Session, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Retained == nil {
		// RFC 6189, Section 4.9.1: If a ZRTP endpoint does not support the caching
		// of shared secrets, it MUST set the cache expiration interval to zero.
		cfg.Expiry = 0
	}
	if cfg.Further {
		cfg.Retained, cfg.Recognised, cfg.AuxSecret = nil, nil, secret.Bytes{}
	}
	if cfg.H0.Present() { // H3 is the only nonce of a responder in Preshared mode
		cfg.Preshared = false
	}
	s := &Session{cfg: cfg}
	s.memory.aux = cfg.AuxSecret.Clone()
	s.cfg.AuxSecret = secret.Bytes{} // the caller's, not to be kept
	var err error
	if s.offer, err = newOffer(cfg.Algorithms); err != nil {
		return nil, err
	}
	if n := len(s.listed()); n > wire.MaxAlgorithms {
		return nil, fmt.Errorf("zrtp: a Hello has no room for %d key agreements and modes", n)
	}
	if s.chain, err = cfg.chain(); err != nil {
		return nil, err
	}
	s.cfg.H0 = secret.Bytes{} // the caller's, not to be kept
	var counts [4]byte
	if _, err = io.ReadFull(cfg.Rand, counts[:]); err != nil {
		return nil, err
	}
	// RFC 6189, Section 5: The count is initialized to a random value.
	s.sequence = binary.BigEndian.Uint16(counts[:])
	s.messageID = binary.BigEndian.Uint16(counts[2:])
	s.hello = s.newHello()
	return s, nil
}

// errH0 is about Config.H0.
var errH0 = errors.New("zrtp: H0 is for the first stream of a call, and has 32 octets")

// chain begins with the H0 that was given, or else with a random one.
func (c Config) chain() (hashChain, error) {
	switch {
	case !c.H0.Present():
		return newHashChain(c.Rand)
	case c.H0.Len() != 32 || c.Further:
		return hashChain{}, errH0
	}
	return hashChainOf([32]byte(c.H0.Expose())), nil
}

// ExpectHello replaces Config.PeerHelloHashes: an offer needs our hash before
// the answer brings the peer's. It has no effect once the peer's Hello has come.
func (s *Session) ExpectHello(hashes []string) {
	s.cfg.PeerHelloHashes = append([]string(nil), hashes...)
	if s.state == stateHello {
		s.extendHello()
	}
}

// Start begins to send Hello.
func (s *Session) Start(now time.Time) {
	if s.state != stateIdle {
		return
	}
	s.state = stateHello
	s.transmit(s.hello)
	s.helloTimer = newRetransmission(now, s.hello, helloSchedule)
	s.helloEnd = now.Add(helloSchedule.span())
	if len(s.cfg.PeerHelloHashes) > 0 {
		s.extendHello()
	}
}

// Receive takes one ZRTP datagram. It keeps nothing of pkt. What is no ZRTP, or
// is damaged, or is not from the peer, goes unnoticed.
func (s *Session) Receive(now time.Time, pkt []byte) {
	if s.state == stateIdle || s.state == stateClosed {
		return
	}
	p, err := wire.ParsePacket(pkt)
	switch {
	case err != nil:
		return
	case p.SSRC == s.cfg.SSRC && s.state != stateFailed:
		s.collision(now)
		return
	case s.peer.met && p.SSRC != s.peer.ssrc:
		return // RFC 6189, Section 5: another source, and another session
	}
	if f, ok := p.Fragment(); ok {
		p.Message = s.reassemble(now, f)
	}
	secret.Do(func() { s.receive(now, p.SSRC, p.Message) })
}

// reassemble returns the message that a fragment completes; nil if none. Nobody
// cuts up a Hello, and so nothing of strangers is kept; and after the exchange
// nothing long comes any more.
func (s *Session) reassemble(now time.Time, f wire.Fragment) []byte {
	if !s.peer.met || !s.state.exchanging() {
		return nil
	}
	return s.reassembly.Add(now, f)
}

// collision handles a packet that bears our own SSRC: our own reflected, or a
// peer that drew the same number.
//
// RFC 6189, Section 4.1: If a Hello message, or any other ZRTP message,
// indicates that there is a synchronization source (SSRC) collision, an Error
// message MUST be sent [...] and the ZRTP negotiation MUST be terminated.
func (s *Session) collision(now time.Time) {
	if s.state.exchanging() {
		s.fail(now, protocolError(wire.CodeSSRCCollision, nil))
	}
}

// receive sorts messages: those with an answer that does not depend on the
// state, and those that the state waits for.
func (s *Session) receive(now time.Time, ssrc uint32, msg []byte) {
	switch wire.TypeOf(msg) {
	case wire.TypeHello:
		s.handle(now, s.receiveHello(now, ssrc, msg))
	case wire.TypeHelloACK:
		s.handle(now, s.receiveHelloACK(now, ssrc, msg))
	case wire.TypePing:
		s.receivePing(ssrc, msg)
	case wire.TypeError:
		s.receiveError(now, msg)
	case wire.TypeErrorACK:
		s.receiveErrorACK(msg)
	case wire.TypeGoClear:
		s.receiveGoClear(msg)
	case wire.TypeClearACK:
		s.receiveClearACK(msg)
	case wire.TypeSASRelay:
		s.receiveSASRelay(msg)
	case wire.TypeCommit, wire.TypeDHPart1, wire.TypeDHPart2,
		wire.TypeConfirm1, wire.TypeConfirm2, wire.TypeConf2ACK:
		s.step(now, msg)
	default: // an answer to what we never send, or nothing we know
	}
}

// step gives a message of the exchange to the state that waits for it.
func (s *Session) step(now time.Time, msg []byte) {
	if s.x.answers(msg) {
		// RFC 6189, Section 6: Only the initiator performs retransmissions. The
		// responder repeats its answer when the question is repeated.
		s.hearResponderPeer(now)
		s.transmit(s.x.answer)
		return
	}
	next, err := s.wait(now, msg)
	if err == nil && next != s.state {
		s.state = next
		s.doubt = doubt{}
	}
	s.handle(now, err)
}

// wait calls the method of the state. What it returns is the next state.
func (s *Session) wait(now time.Time, msg []byte) (state, error) {
	switch s.state {
	case stateHelloACK:
		return s.waitReturnPath(now, msg)
	case stateCommit:
		return s.waitDHPart1(now, msg)
	case stateDHPart1:
		return s.waitDHPart2(now, msg)
	case stateDHPart2:
		return s.waitConfirm1(now, msg)
	case stateConfirm1:
		return s.waitConfirm2(now, msg)
	case stateConfirm2:
		return s.waitConf2ACK(now, msg)
	case stateClear:
		return s.waitGoSecure(now, msg)
	case stateIdle, stateHello, stateSilent, stateSecure, stateClearing, stateFailed, stateClosed:
		return s.state, errUnused
	}
	return s.state, errUnused
}

// handle acts on what a message led to.
func (s *Session) handle(now time.Time, err error) {
	if err == nil {
		return
	}
	var doubted doubtful
	var fault *ProtocolError
	switch {
	case errors.Is(err, errUnused):
	case errors.As(err, &doubted):
		s.suspect(now, Failed{Err: doubted.fault})
	case errors.As(err, &fault):
		s.fail(now, fault)
	case errors.Is(err, wire.ErrMalformed):
		s.suspect(now, Failed{Err: protocolError(wire.CodeMalformed, err)})
	default: // no random numbers: nothing is safe any more
		s.fail(now, protocolError(wire.CodeSoftware, err))
	}
}

// Advance tells that now has come. Call it when Deadline has passed; calling it
// more often does no harm.
func (s *Session) Advance(now time.Time) {
	if s.helloTimer.advance(now) == repeat {
		s.transmit(s.hello)
	}
	switch s.timer.advance(now) {
	case repeat:
		s.transmit(s.timer.message)
	case giveUp:
		s.timeout(now)
	case wait:
	}
	switch {
	case reached(now, s.doubt.until):
		s.believe(now)
	case reached(now, s.patience):
		s.timeout(now)
	case s.state == stateHello && reached(now, s.helloEnd):
		s.fallSilent()
	case s.state == stateHelloACK && !s.waitsForKey() && reached(now, s.helloEnd):
		s.timeout(now)
	}
}

// Deadline is when Advance wants to be called next; zero when nothing is
// pending.
func (s *Session) Deadline() time.Time {
	var helloEnd time.Time
	if s.state == stateHello || s.state == stateHelloACK && !s.waitsForKey() {
		helloEnd = s.helloEnd
	}
	return earliest(s.helloTimer.due, s.timer.due, s.patience, s.doubt.until, helloEnd)
}

// fallSilent ends the repetition of a Hello that nobody answers. Nothing of it is an
// error yet: the other end may be late.
//
// RFC 6189, Section 6: If this extended Hello retry schedule is exhausted without
// receiving a HelloACK or Commit message, a late Commit message from the peer SHOULD
// still be accepted.
func (s *Session) fallSilent() {
	s.helloTimer, s.helloEnd = retransmission{}, time.Time{}
	s.state = stateSilent
	s.emit(Silent{})
}

// timeout ends an exchange in which the peer fell silent. As long as it may not
// even have our Hello, it is given the whole Hello schedule.
func (s *Session) timeout(now time.Time) {
	if s.state == stateCommit && !s.acked.acked && now.Before(s.helloEnd) {
		s.patience = s.helloEnd
		return
	}
	if s.state == stateClearing {
		// RFC 6189, Section 4.7.2: In the event a ClearACK is not received before the
		// retransmissions of GoClear are exhausted, the key material is deleted.
		s.becomeClear(false)
	}
	if s.state.exchanging() {
		s.fail(now, protocolError(wire.CodeTimeout, ErrTimeout))
	}
}

// NextPacket returns the next datagram to send to the peer. Drain it after
// Start, Receive, ReceivedSRTP and Advance.
func (s *Session) NextPacket() ([]byte, bool) {
	if len(s.packets) == 0 {
		return nil, false
	}
	pkt := s.packets[0]
	s.packets = s.packets[1:]
	return pkt, true
}

// NextEvent returns the next event, in the order in which they happened. Drain
// it likewise.
func (s *Session) NextEvent() (Event, bool) {
	if len(s.events) == 0 {
		return nil, false
	}
	event := s.events[0]
	s.events[0] = nil
	s.events = s.events[1:]
	return event, true
}

// Close wipes what is secret and ends the session; nothing is sent afterwards.
// Keys and secrets that events handed out belong to who took them; those in
// events that nobody took are wiped.
func (s *Session) Close() {
	for _, event := range s.events {
		switch e := event.(type) {
		case KeysAgreed:
			e.Keys.Wipe()
		case Secure:
			e.Remember.RS1.Wipe()
			e.Remember.RS2.Wipe()
			e.SessionKey.Wipe()
			e.Remember.PBXSecret.Wipe()
			e.Remember.RequestKey.Wipe()
		}
	}
	s.events, s.packets = nil, nil
	s.quiesce()
	s.wipe()
	s.clear = clearing{}
	s.relay.wipe()
	s.enrolment.Wipe()
	s.state = stateClosed
}

// quiesce stops all timers, and waits for nothing.
func (s *Session) quiesce() {
	s.helloTimer, s.timer = retransmission{}, retransmission{}
	s.patience, s.helloEnd = time.Time{}, time.Time{}
	s.doubt = doubt{}
	s.reassembly = wire.Reassembly{}
}

// wipe clears all that is secret and not yet handed out.
func (s *Session) wipe() {
	s.chain = hashChain{}
	s.memory.wipe()
	s.x.wipe()
}

// transmit queues a message in a packet of its own, or in several if it is long.
func (s *Session) transmit(msg []byte) {
	fragments := wire.Split(s.messageID, msg)
	if fragments == nil {
		s.frame(0, msg)
		return
	}
	if !bytes.Equal(msg, s.longMessage) {
		s.longMessage = msg
		s.messageID++
	}
	for _, f := range fragments {
		f.MessageID = s.messageID
		s.frame(wire.FragmentMark, f.Append(nil))
	}
}

// frame queues a packet.
func (s *Session) frame(unused uint16, msg []byte) {
	s.packets = append(s.packets, wire.AppendPacket(nil, wire.Packet{
		Unused:   unused,
		Sequence: s.sequence,
		SSRC:     s.cfg.SSRC,
		Message:  msg,
	}))
	s.sequence++
}

// request sends a message and repeats it until its answer arrives.
func (s *Session) request(now time.Time, msg []byte) {
	s.transmit(msg)
	s.timer = newRetransmission(now, msg, s.requestSchedule())
}

// requestSchedule is that of the RFC, unless the peer is a Karat too.
func (s *Session) requestSchedule() schedule {
	if s.bothKarat() {
		return flatSchedule
	}
	return requestSchedule
}

// bothKarat tells whether both Hellos list X2M2, which nobody else does.
func (s *Session) bothKarat() bool {
	return slices.Contains(s.offer.keyAgreements, wire.X2M2) && slices.Contains(s.peer.hello.KeyAgreements, wire.X2M2)
}

// respond sends the answer to question, and keeps both for when the question is
// repeated.
func (s *Session) respond(now time.Time, question, answer []byte) {
	s.x.question, s.x.answer = question, answer
	s.transmit(answer)
	s.hearResponderPeer(now)
}

// hearResponderPeer notes that the initiator is still there.
func (s *Session) hearResponderPeer(now time.Time) {
	if s.state.exchanging() {
		s.patience = now.Add(responderPatience)
	}
}

func (s *Session) emit(e Event) { s.events = append(s.events, e) }
