package softphone

import (
	"time"

	"karat/softphone/assay"
	"karat/softphone/store"
)

// recallPeer adds to the facts what is kept about the peer besides secrets.
func (c *call) recallPeer() {
	zid, _ := c.place()
	p, _, ok := c.phone.cfg.Store.Peer(c.zid, zid)
	c.facts.VerifiedElsewhere = c.verifiedElsewhere(zid)
	if !ok {
		return
	}
	defer p.Wipe()
	c.facts.BestBefore = p.BestKeyAgreement
	// An address that got a contact's name since is not another name.
	if name := c.name(); p.Verified && p.VerifiedName != "" && p.VerifiedName != name && p.VerifiedName != bareURI(c.peer) {
		c.facts.NameChanged, c.facts.VerifiedName = true, p.VerifiedName
	}
}

// remember stores what this call leaves, and whether its code was compared.
func (c *call) remember() {
	s := c.secure
	zid, ok := c.place()
	if !ok {
		return
	}
	err := c.phone.cfg.Store.UpdatePeer(c.zid, zid, func(p *store.Peer) error {
		if !c.remembered {
			learn(p, *s, c.proven)
			p.Requests.Unmet = c.hidden(*p)
			p.BestKeyAgreement = assay.Stronger(p.BestKeyAgreement, s.KeyAgreement)
		}
		p.Verified = s.Remember.Verified
		switch {
		case !p.Verified:
			p.VerifiedName = ""
		case p.VerifiedName == "" || c.facts.MismatchResolved:
			p.VerifiedName = c.name()
		}
		return nil
	})
	c.remembered = c.remembered || err == nil
	c.stored("what this call taught about the other phone", err)
	c.bindPeer(zid)
	c.phone.recogniser.learned()
}

// hidden tells whether the peer would not know the ZID that we show to everybody.
func (c *call) hidden(p store.Peer) bool {
	switch c.facts.Request {
	case assay.RequestElsewhere:
		return true
	case assay.RequestRecognised, assay.RequestStripped, assay.RequestMissed:
		return p.Requests.Unmet
	case assay.RequestUnknown, assay.RequestStrange, assay.RequestSeveral, assay.RequestNotMade:
	}
	return false // this call has shown it
}

// bindPeer gives the phone that answered a call to a contact to that contact, if no
// other one is known there: that is what its requests are made for. It says nothing
// about who speaks.
func (c *call) bindPeer(zid [12]byte) {
	name, ok := c.contact()
	if !ok || !c.outgoing || !c.remembered {
		return
	}
	contact, _ := c.phone.cfg.Store.Contact(name)
	taken := false
	for _, p := range contact.Peers {
		taken = taken || p.OwnZID == c.zid
		p.Wipe()
	}
	_, of, known := c.phone.cfg.Store.Peer(c.zid, zid)
	switch {
	case !known || of != "":
	case anew(contact):
		err := c.phone.cfg.Store.TakeAnew(c.zid, zid, name)
		c.stored("whose phone this is", err)
		if err == nil {
			c.emit(Notice{Head: c.head(), Text: "This phone is now " + name + "'s, as you asked, and those known before are forgotten. Nothing but comparing the code tells whether it is theirs."})
		}
	case !taken:
		c.stored("whose phone this is", c.phone.cfg.Store.NamePeer(c.zid, zid, name))
	}
}

// anew tells whether the next phone that answers for a contact is taken for theirs.
func anew(c store.Contact) bool { return c.AnewUntil.After(time.Now()) }

// prove notes that the peer has kept what this call leaves: its voice is heard, and
// it sends none before it has.
func (c *call) prove() {
	c.proven = true
	if c.secure == nil || !c.remembered {
		return // remember will note it
	}
	zid, ok := c.place()
	fresh := c.secure.Remember
	if !ok || !fresh.RequestKey.Present() {
		return
	}
	err := c.phone.cfg.Store.UpdatePeer(c.zid, zid, func(p *store.Peer) error {
		if p.RS1.Equal(fresh.RS1) { // and not another call's
			p.Requests.Proven = true
		}
		return nil
	})
	c.stored("what this call taught about the other phone", err)
}

// markVerified binds the compared code to the contact, when there is one.
func (c *call) markVerified() {
	zid, ok := c.place()
	switch {
	case c.anonymous:
		return
	case !ok:
		c.emit(Notice{Head: c.head(), Text: "The other phone met yours under a name that is used once, and was not the one that you called: that you compared the code holds for this call only."})
		return
	}
	if contact, ok := c.contact(); ok {
		err := c.phone.cfg.Store.Verify(c.zid, zid, contact)
		c.stored("that the code was compared", err)
	}
}

// forgetVerified takes the verification back: the codes differed.
func (c *call) forgetVerified() {
	zid, ok := c.place()
	p, _, known := c.phone.cfg.Store.Peer(c.zid, zid)
	if !ok || !known {
		return
	}
	p.Wipe()
	c.stored("that the codes differed", c.phone.cfg.Store.Unverify(c.zid, zid))
}

// stored says what could not be stored. The call goes on: what is on the disk
// is what was there before.
func (c *call) stored(what string, err error) {
	if err != nil {
		c.emit(Notice{Head: c.head(), Text: what + " could not be stored: " + sentence(err)})
	}
}

// name is whom the user believes to talk to: the contact, else the address.
func (c *call) name() string {
	if contact, ok := c.contact(); ok {
		return contact
	}
	return bareURI(c.peer)
}

// verifiedElsewhere is the contact, if the code was compared with phones of theirs
// and this is none of them.
func (c *call) verifiedElsewhere(zid [12]byte) string {
	name, known := c.contact()
	if !known {
		return ""
	}
	contact, _ := c.phone.cfg.Store.Contact(name)
	verified := ""
	for _, p := range contact.Peers {
		switch {
		case p.Verified && p.ZID == zid:
			return ""
		case p.Verified:
			verified = name
		}
	}
	return verified
}

// contact is the contact with the address that was called or that calls.
func (c *call) contact() (string, bool) { return contactAt(c.phone.cfg.Store, c.peer) }

// contactAt is the name of the contact with an address.
func contactAt(s *store.Store, address string) (string, bool) {
	uri := bareURI(address)
	for _, contact := range s.Contacts() {
		for _, u := range contact.URIs {
			if bareURI(u) == uri {
				return contact.Name, true
			}
		}
	}
	return "", false
}
