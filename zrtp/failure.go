package zrtp

import (
	"errors"
	"time"

	"karat/zrtp/wire"
)

// doubt is a failure that waits to be believed. Error messages, Hellos and
// Confirms with a wrong MAC can be made by anyone who can reach the port. To
// obey them at once would let a stranger end any call; to ignore them would
// leave a real fault unnoticed. So they count once doubtTime has passed without
// a message that only the peer can have sent.
type doubt struct {
	failure Failed
	until   time.Time
}

// suspect notes a fault. The first one stands, so that more of them prolong
// nothing.
func (s *Session) suspect(now time.Time, f Failed) {
	if s.state.exchanging() && s.doubt.until.IsZero() {
		s.doubt = doubt{f, now.Add(doubtTime)}
	}
}

// believe acts on a fault that no good message refuted.
func (s *Session) believe(now time.Time) {
	failure := s.doubt.failure
	s.doubt = doubt{}
	var fault *ProtocolError
	if failure.ByPeer || !errors.As(failure.Err, &fault) {
		s.abandon(failure)
		return
	}
	s.fail(now, fault)
}

// fail ends the session and tells the peer why.
func (s *Session) fail(now time.Time, fault *ProtocolError) {
	if !s.state.exchanging() {
		return
	}
	s.abandon(Failed{Err: fault})
	s.request(now, wire.Error{Code: wire.ErrorCode(fault.Code)}.Append(nil))
}

// abandon ends the session.
//
// RFC 6189, Section 4.7.1: The termination of a ZRTP key agreement exchange
// results in no updates to the cached shared secrets and deletion of all crypto
// context for that media stream.
func (s *Session) abandon(f Failed) {
	if !s.state.exchanging() {
		return
	}
	s.quiesce()
	s.wipe()
	s.state = stateFailed
	s.emit(f)
}

// receiveError acknowledges an Error. Nothing proves who sent it, so it is
// doubted first; after the keys are confirmed it means nothing.
//
// RFC 6189, Section 4.7.1: A denial of service is possible by injecting fake
// Error messages.
func (s *Session) receiveError(now time.Time, msg []byte) {
	e, err := wire.ParseError(msg)
	if err != nil {
		return
	}
	s.transmit(wire.ErrorACK{}.Append(nil))
	s.suspect(now, Failed{Err: protocolError(e.Code, nil), ByPeer: true})
}

// receiveErrorACK stops the repetition of our Error.
func (s *Session) receiveErrorACK(msg []byte) {
	if _, err := wire.ParseErrorACK(msg); err == nil && s.state == stateFailed {
		s.timer = retransmission{}
	}
}

// receivePing answers a proxy's question who is here.
//
// RFC 6189, Section 5.15: every ZRTP endpoint MUST respond to a Ping message
// with a PingACK message.
func (s *Session) receivePing(ssrc uint32, msg []byte) {
	ping, err := wire.ParsePing(msg)
	if err != nil {
		return
	}
	ours := implicitHash(s.cfg.ZID[:])
	s.transmit(wire.PingACK{
		Version:      version,
		EndpointHash: [8]byte(ours[:8]),
		ReceivedHash: ping.EndpointHash,
		ReceivedSSRC: ssrc,
	}.Append(nil))
}
