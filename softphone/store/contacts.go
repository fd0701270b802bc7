package store

import (
	"fmt"
	"slices"
)

// Contacts returns all contacts, in the order in which they were added.
func (s *Store) Contacts() (all []Contact) {
	s.read(func(st *state) { all = mapped(st.contacts, cloneContact) })
	return all
}

// Contact returns the contact with a name.
func (s *Store) Contact(name string) (c Contact, found bool) {
	s.read(func(st *state) {
		if i := st.contact(name); i >= 0 {
			c, found = cloneContact(st.contacts[i]), true
		}
	})
	return c, found
}

// SetContact adds a contact, or changes the one with that name: its addresses
// become c.URIs, and the devices in c.Peers become its own. It takes no device
// away, and what is remembered of a device that the store has already it leaves
// alone: c may be an old copy, and a call may have changed the secrets since.
func (s *Store) SetContact(c Contact) error {
	return s.change(func(st *state) error {
		i := st.contactOrNew(c.Name)
		st.contacts[i].URIs = slices.Clone(c.URIs)
		for _, p := range c.Peers {
			st.assign(i, p)
		}
		return nil
	})
}

func (s *state) contactOrNew(name string) int {
	if i := s.contact(name); i >= 0 {
		return i
	}
	s.contacts = append(s.contacts, Contact{Name: name})
	return len(s.contacts) - 1
}

// assign makes a peer one of contact i's, with what the store has of it, or
// else as it is given.
func (s *state) assign(i int, given Peer) *Peer {
	p, known := s.take(given.OwnZID, given.ZID)
	if !known {
		p = clonePeer(given)
	}
	peers := append(s.contacts[i].Peers, p)
	s.contacts[i].Peers = peers
	return &peers[len(peers)-1]
}

// RenameContact gives a contact another name. Devices that were verified under
// the old name are so under the new one: it is the user who renames.
func (s *Store) RenameContact(from, to string) error {
	return s.change(func(st *state) error {
		i := st.contact(from)
		if i < 0 {
			return fmt.Errorf("%w: the contact %q", ErrUnknown, from)
		}
		st.contacts[i].Name = to
		for j := range st.contacts[i].Peers {
			if p := &st.contacts[i].Peers[j]; p.VerifiedName == from {
				p.VerifiedName = to
			}
		}
		return nil
	})
}

// RemoveContact forgets a contact and all its devices. A later call with one of
// them is a first one for us, and raises an alarm at their end.
func (s *Store) RemoveContact(name string) error {
	return s.change(func(st *state) error {
		i := st.contact(name)
		if i < 0 {
			return fmt.Errorf("%w: the contact %q", ErrUnknown, name)
		}
		wipePeers(st.contacts[i].Peers)
		st.contacts = slices.Delete(st.contacts, i, i+1)
		return nil
	})
}
