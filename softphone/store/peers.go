package store

import (
	"errors"
	"fmt"
)

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
// to writing, and makes it the last one of its contact's, or of those that belong
// to none. A device not met yet is added, to no contact. The edit works on a
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
		st.take(own, zid)
		if c != nil {
			c.Peers = append(c.Peers, p)
		} else {
			st.addUnnamed(p)
		}
		return nil
	})
}

// Known returns the devices that know us by our ZID own.
func (s *Store) Known(own [12]byte) (all []Known) {
	s.read(func(st *state) {
		add := func(peers []Peer, contact string) {
			for _, p := range peers {
				if p.OwnZID == own {
					all = append(all, Known{clonePeer(p), contact})
				}
			}
		}
		for _, c := range st.contacts {
			add(c.Peers, c.Name)
		}
		add(st.unnamed, "")
	})
	return all
}

// Wipe clears the secrets of what Peer and Known returned.
func (p Peer) Wipe() { wipePeers([]Peer{p}) }

var errUnchanged = errors.New("nothing changed")

// EditPeers changes what is remembered of many devices in one step, as UpdatePeer
// does of one; edit tells whether it changed anything. Nothing is written if it
// never did.
func (s *Store) EditPeers(edit func(*Peer) bool) error {
	err := s.change(func(st *state) error {
		changed := editAll(st.unnamed, edit)
		for _, c := range st.contacts {
			changed = editAll(c.Peers, edit) || changed
		}
		if !changed {
			return errUnchanged
		}
		return nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

func editAll(peers []Peer, edit func(*Peer) bool) (changed bool) {
	for i := range peers {
		p := clonePeer(peers[i])
		if !edit(&p) {
			p.Wipe()
			continue
		}
		changed = true
		old := peers[i]
		p.OwnZID, p.ZID = old.OwnZID, old.ZID
		peers[i] = clonePeer(p)
		old.Wipe()
	}
	return changed
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
