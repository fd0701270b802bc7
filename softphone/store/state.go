package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxUnnamed bounds the peers that belong to no contact: everyone who calls
// leaves one. The one that called longest ago goes first.
const maxUnnamed = 1000

// state is all that the store holds. It is never changed once it is in place:
// a change is made to a clone, which takes its place when it was written.
type state struct {
	generation uint64
	directZID  [12]byte
	accounts   []Account
	contacts   []Contact
	unnamed    []Peer // the last one updated is the last one in it
	settings   Settings
}

func (s *state) clone() *state {
	c := *s
	c.accounts = mapped(s.accounts, cloneAccount)
	c.contacts = mapped(s.contacts, cloneContact)
	c.unnamed = mapped(s.unnamed, clonePeer)
	return &c
}

func (s *state) wipe() {
	for _, a := range s.accounts {
		wipeAccount(a)
	}
	for _, c := range s.contacts {
		wipePeers(c.Peers)
	}
	wipePeers(s.unnamed)
}

func wipeAccount(a Account) {
	a.Password.Wipe()
	a.TLS.Key.Wipe()
	a.Relay.Password.Wipe()
	a.SOCKS.Password.Wipe()
}

func wipePeers(peers []Peer) {
	for _, p := range peers {
		p.RS1.Wipe()
		p.RS2.Wipe()
		for _, k := range p.Requests.Keys {
			k.Key.Wipe()
		}
	}
}

func cloneAccount(a Account) Account {
	a.Password = a.Password.Clone()
	a.Relay.Password = a.Relay.Password.Clone()
	a.SOCKS.Password = a.SOCKS.Password.Clone()
	a.CA = slices.Clone(a.CA)
	a.TLS.Certificate, a.TLS.Pin = slices.Clone(a.TLS.Certificate), slices.Clone(a.TLS.Pin)
	a.TLS.Key = a.TLS.Key.Clone()
	return a
}

func cloneContact(c Contact) Contact {
	c.URIs = slices.Clone(c.URIs)
	c.Peers = mapped(c.Peers, clonePeer)
	c.AnewUntil = plainTime(c.AnewUntil)
	return c
}

func clonePeer(p Peer) Peer {
	p.RS1, p.RS2 = p.RS1.Clone(), p.RS2.Clone()
	for i := range p.Requests.Keys {
		p.Requests.Keys[i].Key = p.Requests.Keys[i].Key.Clone()
	}
	p.RS1Expires, p.RS2Expires = plainTime(p.RS1Expires), plainTime(p.RS2Expires)
	return p
}

func (s *state) account(aor string) int {
	return slices.IndexFunc(s.accounts, func(a Account) bool { return a.AOR == aor })
}

func (s *state) contact(name string) int {
	return slices.IndexFunc(s.contacts, func(c Contact) bool { return c.Name == name })
}

// peer finds a peer and the contact it belongs to, nil for none.
func (s *state) peer(own, zid [12]byte) (*Peer, *Contact) {
	for i := range s.contacts {
		c := &s.contacts[i]
		if j := indexPeer(c.Peers, own, zid); j >= 0 {
			return &c.Peers[j], c
		}
	}
	if j := indexPeer(s.unnamed, own, zid); j >= 0 {
		return &s.unnamed[j], nil
	}
	return nil, nil
}

func indexPeer(peers []Peer, own, zid [12]byte) int {
	return slices.IndexFunc(peers, func(p Peer) bool { return p.OwnZID == own && p.ZID == zid })
}

// take removes a peer from where it is.
func (s *state) take(own, zid [12]byte) (Peer, bool) {
	take := func(peers *[]Peer) (Peer, bool) {
		i := indexPeer(*peers, own, zid)
		if i < 0 {
			return Peer{}, false
		}
		p := (*peers)[i]
		*peers = slices.Delete(*peers, i, i+1)
		return p, true
	}
	for i := range s.contacts {
		if p, ok := take(&s.contacts[i].Peers); ok {
			return p, true
		}
	}
	return take(&s.unnamed)
}

// addUnnamed adds a peer, and drops the oldest when there are too many.
func (s *state) addUnnamed(p Peer) {
	s.unnamed = append(s.unnamed, p)
	if over := len(s.unnamed) - maxUnnamed; over > 0 {
		s.unnamed = slices.Delete(s.unnamed, 0, over)
	}
}

// check finds what a file must not hold: whatever two lookups would disagree
// about, and text that would come back changed.
func (s *state) check() error {
	aors, names, peers := map[string]bool{}, map[string]bool{}, map[[24]byte]bool{}
	for _, a := range s.accounts {
		if err := checkAccount(a); err != nil {
			return err
		}
		if aors[a.AOR] {
			return fmt.Errorf("%w: two accounts have the address %q", ErrInvalid, a.AOR)
		}
		aors[a.AOR] = true
	}
	for _, c := range s.contacts {
		if err := checkContact(c); err != nil {
			return err
		}
		if names[c.Name] {
			return fmt.Errorf("%w: two contacts have the name %q", ErrInvalid, c.Name)
		}
		names[c.Name] = true
	}
	for _, p := range s.allPeers() {
		id := [24]byte(slices.Concat(p.OwnZID[:], p.ZID[:]))
		if peers[id] {
			return fmt.Errorf("%w: one device is in it twice", ErrInvalid)
		}
		peers[id] = true
		if !printable(p.VerifiedName) || !printable(p.BestKeyAgreement) {
			return fmt.Errorf("%w: a name is not UTF-8", ErrInvalid)
		}
	}
	if !printable(s.settings.Microphone) || !printable(s.settings.Speaker) {
		return fmt.Errorf("%w: a device's name is not UTF-8", ErrInvalid)
	}
	return nil
}

func (s *state) allPeers() []Peer {
	all := slices.Clone(s.unnamed)
	for _, c := range s.contacts {
		all = append(all, c.Peers...)
	}
	return all
}

var errControl = errors.New("has a control character, or is not UTF-8")

// checkLine: text of one line, since it is shown and sent.
func checkLine(s string) error {
	if !printable(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return errControl
	}
	return nil
}

func checkAccount(a Account) error {
	if a.AOR == "" {
		return fmt.Errorf("%w: an account needs an address", ErrInvalid)
	}
	for _, t := range []string{a.AOR, a.Registrar, a.AuthUser, a.ContactUser, a.Relay.URL, a.Relay.User, a.STUN, a.UserAgent, a.SOCKS.Address, a.SOCKS.User} {
		if err := checkLine(t); err != nil {
			return fmt.Errorf("%w: %q %w", ErrInvalid, t, err)
		}
	}
	// Without a relay the voice would go no way at all.
	if a.Relay.Only && a.Relay.URL == "" {
		return fmt.Errorf("%w: relay-only needs a relay", ErrInvalid)
	}
	// Without, the voice would go around the proxy.
	if a.SOCKS.Address != "" && (!a.Relay.Only || a.STUN != "") {
		return fmt.Errorf("%w: a SOCKS proxy needs relay-only, and no STUN server", ErrInvalid)
	}
	return nil
}

func checkContact(c Contact) error {
	if c.Name == "" || c.Name != strings.TrimSpace(c.Name) {
		return fmt.Errorf("%w: a contact needs a name that neither begins nor ends with a space", ErrInvalid)
	}
	for _, t := range append([]string{c.Name}, c.URIs...) {
		if err := checkLine(t); err != nil {
			return fmt.Errorf("%w: %q %w", ErrInvalid, t, err)
		}
	}
	return nil
}
