package request

import "karat/internal/secret"

// Entry is what one exchange left: a retained secret, and the request key that
// belongs to it. They are kept and lost together.
type Entry struct {
	Secret secret.Bytes
	Key    Key
	// Initiator: we were the ZRTP initiator of the exchange.
	Initiator bool
}

// Present tells whether there is an entry. Of one that only requests are still
// accepted by, the secret need not be kept.
func (e Entry) Present() bool { return e.Secret.Present() || e.Key.Present() }

// Memory is what an end keeps of one peer. Either end may miss what a call left:
// the message that lets it keep that may be the last one. So the two may be one
// call apart, and neither knows. These rules have them recognise each other
// nonetheless, and still tell when a store was rolled back or copied.
type Memory struct {
	// Newest is of the last exchange that we completed. Matched is the one that had
	// matched in it: the peer has that, whatever it missed. Before was Matched
	// before: a peer that missed our last update may still ask by it.
	Newest, Matched, Before Entry
	// Proven: the peer has kept Newest. It has sent voice, which it does only after
	// it has written what the call left.
	Proven bool
}

// Sending is the entry to make one's next request with: the newest that the peer
// has proven to hold.
func (m Memory) Sending() Entry {
	if m.Proven || !m.Matched.Present() {
		return m.Newest
	}
	return m.Matched
}

// Accepting are the entries that the peer's request may be made with.
func (m Memory) Accepting() (all []Entry) {
	for _, e := range []Entry{m.Newest, m.Matched, m.Before} {
		if e.Present() {
			all = append(all, e)
		}
	}
	return all
}

// Expected are the retained secrets for the next exchange, rs1 and rs2. Of a peer
// that has proven to hold the newest only that is taken: one that shows an older one
// has been rolled back, or there are two of it. unproven: nothing is expected, since
// the peer may never have kept anything.
func (m Memory) Expected() (rs1, rs2 Entry, unproven bool) {
	if m.Proven {
		return m.Newest, Entry{}, false
	}
	return m.Newest, m.Matched, !m.Matched.Present()
}

// Update is what is kept after an exchange in which matched was s1; absent after a
// first contact, and after a mismatch that the user has cleared.
func (m Memory) Update(fresh Entry, matched secret.Bytes) Memory {
	switch {
	case matched.Equal(m.Newest.Secret):
		return Memory{Newest: fresh, Matched: m.Newest, Before: m.Matched}
	case matched.Equal(m.Matched.Secret):
		return Memory{Newest: fresh, Matched: m.Matched, Before: m.Before}
	default:
		return Memory{Newest: fresh}
	}
}
