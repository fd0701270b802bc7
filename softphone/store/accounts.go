package store

import (
	"crypto/rand"
	"fmt"
	"slices"
)

// read runs a look at the state.
func (s *Store) read(look func(*state)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	look(s.state)
}

// Accounts returns all accounts, in the order in which they were added.
func (s *Store) Accounts() (all []Account) {
	s.read(func(st *state) { all = mapped(st.accounts, cloneAccount) })
	return all
}

// Account returns the account with an address.
func (s *Store) Account(aor string) (a Account, found bool) {
	s.read(func(st *state) {
		if i := st.account(aor); i >= 0 {
			a, found = cloneAccount(st.accounts[i]), true
		}
	})
	return a, found
}

// SetAccount adds an account, or changes the one with that address. The ZID is
// the store's business: a new account gets a random one, which then stays, and
// a.ZID is ignored.
func (s *Store) SetAccount(a Account) error {
	return s.change(func(st *state) error {
		a := cloneAccount(a)
		i := st.account(a.AOR)
		if i >= 0 {
			a.ZID = st.accounts[i].ZID
			wipeAccount(st.accounts[i])
			st.accounts[i] = a
			return nil
		}
		rand.Read(a.ZID[:])
		st.accounts = append(st.accounts, a)
		return nil
	})
}

// RemoveAccount removes an account, and all that is remembered of devices under
// its ZID: no call will show that ZID again.
func (s *Store) RemoveAccount(aor string) error {
	return s.change(func(st *state) error {
		i := st.account(aor)
		if i < 0 {
			return fmt.Errorf("%w: the account %q", ErrUnknown, aor)
		}
		zid := st.accounts[i].ZID
		wipeAccount(st.accounts[i])
		st.accounts = slices.Delete(st.accounts, i, i+1)
		st.forget(zid)
		return nil
	})
}

// forget removes the peers that know us by a ZID.
func (s *state) forget(own [12]byte) {
	under := func(p Peer) bool {
		if p.OwnZID != own {
			return false
		}
		wipePeers([]Peer{p})
		return true
	}
	s.unnamed = slices.DeleteFunc(s.unnamed, under)
	for i := range s.contacts {
		s.contacts[i].Peers = slices.DeleteFunc(s.contacts[i].Peers, under)
	}
}

// DirectZID is the ZID shown in calls without an account.
func (s *Store) DirectZID() (zid [12]byte) {
	s.read(func(st *state) { zid = st.directZID })
	return zid
}

// Settings returns the user's settings.
func (s *Store) Settings() (set Settings) {
	s.read(func(st *state) { set = st.settings })
	return set
}

// SetSettings replaces the user's settings.
func (s *Store) SetSettings(set Settings) error {
	return s.change(func(st *state) error {
		st.settings = set
		return nil
	})
}
