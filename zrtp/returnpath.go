package zrtp

// Key encapsulation is work, and its messages are long. Neither is done for who
// may have lied about where it is: a Hello of a hundred octets in another's name
// would bring that one a dozen packets of fourteen hundred. So a Commit with a
// public key waits until the peer has shown that it hears us.

// returnPath tells whether it has. It has if signalling announced its Hello, for
// then it and we have already spoken; if the caller knows (STUN asked and was
// answered); or if it has acknowledged our Hello. The last can be done blindly by
// who guesses that we are there, and so it is not all that protects us: no
// session does more key work than kemBudget.
func (s *Session) returnPath() bool {
	return s.peer.bound || s.cfg.ReturnPath || s.acked.acked && s.acked.ssrc == s.peer.ssrc
}

// kemBudget is how many times a session encapsulates. An exchange needs one, and
// no exchange begins again by itself: who fails has to call again, else a man in
// the middle could try until both SAS are equal.
const kemBudget = 1

// spendKEM takes one encapsulation from the budget.
func (s *Session) spendKEM() bool {
	if s.kemSpent >= kemBudget {
		return false
	}
	s.kemSpent++
	return true
}
