package softphone

import (
	"karat/softphone/assay"
	"karat/softphone/store"
	"karat/zrtp"
)

// retained is what the key agreement may know about a peer: called by the
// session, in the call's goroutine.
func (c *call) retained(peer zrtp.ZID) (zrtp.Retained, bool) {
	p, _, ok := c.phone.cfg.Store.Peer(c.zid, peer)
	if !ok {
		return zrtp.Retained{}, false
	}
	return zrtp.Retained{
		RS1: p.RS1, RS2: p.RS2, RS1Expires: p.RS1Expires, RS2Expires: p.RS2Expires, Verified: p.Verified,
	}, true
}

// recallPeer adds to the facts what is kept about the peer besides secrets.
func (c *call) recallPeer() {
	p, _, ok := c.phone.cfg.Store.Peer(c.zid, c.secure.Peer)
	c.facts.VerifiedElsewhere = c.verifiedElsewhere()
	if !ok {
		return
	}
	c.facts.BestBefore = p.BestKeyAgreement
	// An address that got a contact's name since is not another name.
	if name := c.name(); p.Verified && p.VerifiedName != "" && p.VerifiedName != name && p.VerifiedName != bareURI(c.peer) {
		c.facts.NameChanged, c.facts.VerifiedName = true, p.VerifiedName
	}
}

// remember stores the retained secrets of this call, and whether its code was
// compared.
func (c *call) remember() {
	s := c.secure
	if c.anonymous {
		return // there is nothing that it could be recognised by
	}
	err := c.phone.cfg.Store.UpdatePeer(c.zid, s.Peer, func(p *store.Peer) error {
		p.RS1, p.RS2 = s.Remember.RS1, s.Remember.RS2
		p.RS1Expires, p.RS2Expires = s.Remember.RS1Expires, s.Remember.RS2Expires
		p.Verified = s.Remember.Verified
		switch {
		case !p.Verified:
			p.VerifiedName = ""
		case p.VerifiedName == "" || c.facts.MismatchResolved:
			p.VerifiedName = c.name()
		}
		p.BestKeyAgreement = assay.Stronger(p.BestKeyAgreement, s.KeyAgreement)
		return nil
	})
	c.stored("what this call taught about the other phone", err)
}

// markVerified binds the compared code to the contact, when there is one.
func (c *call) markVerified() {
	if contact, ok := c.contact(); ok && !c.anonymous {
		err := c.phone.cfg.Store.Verify(c.zid, c.secure.Peer, contact)
		c.stored("that the code was compared", err)
	}
}

// forgetVerified takes the verification back: the codes differed.
func (c *call) forgetVerified() {
	if _, _, ok := c.phone.cfg.Store.Peer(c.zid, c.secure.Peer); !ok {
		return
	}
	c.stored("that the codes differed", c.phone.cfg.Store.Unverify(c.zid, c.secure.Peer))
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
func (c *call) verifiedElsewhere() string {
	name, known := c.contact()
	if !known {
		return ""
	}
	contact, _ := c.phone.cfg.Store.Contact(name)
	verified := ""
	for _, p := range contact.Peers {
		switch {
		case p.Verified && p.ZID == c.secure.Peer:
			return ""
		case p.Verified:
			verified = name
		}
	}
	return verified
}

// contact is the contact with the address that was called or that calls.
func (c *call) contact() (string, bool) {
	uri := bareURI(c.peer)
	for _, contact := range c.phone.cfg.Store.Contacts() {
		for _, u := range contact.URIs {
			if bareURI(u) == uri {
				return contact.Name, true
			}
		}
	}
	return "", false
}
