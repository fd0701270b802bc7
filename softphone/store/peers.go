package store

import "fmt"

// Peer returns what is remembered of the device with a ZID that knows us by
// our ZID own, and the name of the contact it belongs to: empty for someone not
// named yet.
func (s *Store) Peer(own, zid [12]byte) (p Peer, contact string, found bool) {
	s.read(func(st *state) {
		at, c := st.peer(own, zid)
		if at == nil {
			return
		}
		p, found = clonePeer(*at), true
		if c != nil {
			contact = c.Name
		}
	})
	return p, contact, found
}

// Unnamed returns the devices that belong to no contact, the one heard of last
// at the end.
func (s *Store) Unnamed() (all []Peer) {
	s.read(func(st *state) { all = mapped(st.unnamed, clonePeer) })
	return all
}

// UpdatePeer changes what is remembered of a device, in one step from reading
// to writing. A device not met yet is added, to no contact. The edit works on a
// copy of its own; an error from it leaves everything as it is. It must not
// call the store. The ZIDs it cannot change.
func (s *Store) UpdatePeer(own, zid [12]byte, edit func(*Peer) error) error {
	return s.change(func(st *state) error {
		at, c := st.peer(own, zid)
		if at == nil {
			at = &Peer{OwnZID: own, ZID: zid}
		}
		p := clonePeer(*at)
		if err := edit(&p); err != nil {
			return err // p may hold secrets of the caller's by now: not ours to wipe
		}
		old := *at
		p.OwnZID, p.ZID = own, zid
		p = clonePeer(p) // what the edit put in may be shared with the caller
		wipePeers([]Peer{old})
		if c != nil {
			*at = p
			return nil
		}
		st.take(own, zid)
		st.addUnnamed(p)
		return nil
	})
}

// SetPeer replaces what is remembered of a device. Where it builds on what was
// remembered before, UpdatePeer is the one that loses nothing.
func (s *Store) SetPeer(p Peer) error {
	return s.UpdatePeer(p.OwnZID, p.ZID, func(at *Peer) error {
		*at = p
		return nil
	})
}

// RemovePeer forgets a device.
func (s *Store) RemovePeer(own, zid [12]byte) error {
	return s.change(func(st *state) error {
		p, found := st.take(own, zid)
		if !found {
			return fmt.Errorf("%w: this device", ErrUnknown)
		}
		wipePeers([]Peer{p})
		return nil
	})
}

// NamePeer makes a device one of a contact's, which is added if need be. The
// name that its SAS was compared under, if it was, stays.
func (s *Store) NamePeer(own, zid [12]byte, name string) error {
	return s.change(func(st *state) error {
		if at, _ := st.peer(own, zid); at == nil {
			return fmt.Errorf("%w: this device", ErrUnknown)
		}
		st.assign(st.contactOrNew(name), Peer{OwnZID: own, ZID: zid})
		return nil
	})
}

// Verify marks a device as one whose SAS was compared with the person of that
// name, and makes it one of that contact's, which is added if need be.
func (s *Store) Verify(own, zid [12]byte, name string) error {
	return s.change(func(st *state) error {
		if at, _ := st.peer(own, zid); at == nil {
			return fmt.Errorf("%w: this device", ErrUnknown)
		}
		p := st.assign(st.contactOrNew(name), Peer{OwnZID: own, ZID: zid})
		p.Verified, p.VerifiedName = true, name
		return nil
	})
}

// Unverify takes that mark away: after a mismatch, or because the user wants to
// compare again.
func (s *Store) Unverify(own, zid [12]byte) error {
	return s.change(func(st *state) error {
		at, _ := st.peer(own, zid)
		if at == nil {
			return fmt.Errorf("%w: this device", ErrUnknown)
		}
		at.Verified, at.VerifiedName = false, ""
		return nil
	})
}
