package zrtp

// Bound tells whether the peer's Hello has come and is one that signalling
// announced: the address it came from is the peer's.
func (s *Session) Bound() bool { return s.peer.bound }
