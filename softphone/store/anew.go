package store

import (
	"fmt"
	"time"
)

// Reintroduce says until when the next phone that answers a call to a contact is to
// be taken for theirs, in place of those that are known; the zero time: no longer.
func (s *Store) Reintroduce(name string, until time.Time) error {
	return s.change(func(st *state) error {
		i := st.contact(name)
		if i < 0 {
			return fmt.Errorf("%w: the contact %q", ErrUnknown, name)
		}
		st.contacts[i].AnewUntil = plainTime(until)
		return nil
	})
}

// TakeAnew makes a device the only one of a contact's, and forgets those that were
// known before: the contact has been re-introduced.
func (s *Store) TakeAnew(own, zid [12]byte, name string) error {
	return s.change(func(st *state) error {
		i := st.contact(name)
		if i < 0 {
			return fmt.Errorf("%w: the contact %q", ErrUnknown, name)
		}
		p, found := st.take(own, zid)
		if !found {
			return fmt.Errorf("%w: this device", ErrUnknown)
		}
		c := &st.contacts[i]
		wipePeers(c.Peers)
		p.Reintroduced = true
		c.Peers, c.AnewUntil = []Peer{p}, time.Time{}
		return nil
	})
}
