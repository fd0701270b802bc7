package softphone

import (
	"errors"
	"slices"
	"time"

	"karat/internal/secret"
	"karat/softphone/assay"
	"karat/softphone/request"
	"karat/softphone/store"
	"karat/zrtp"
)

// maxHashes is how many hashes of an offer are looked at: one for each version of
// ZRTP is the rule, and there is one version.
const maxHashes = 4

// errNoStamp: no request can be made now that would be recognised.
var errNoStamp = errors.New("too many requests at once, or the clock was set back")

// openKeys prepares the key agreement: of a call to a contact's Karat with a Hello
// that this phone will recognise, of a call from one with a ZID by which it
// recognises us, and otherwise with the ZID that we show to everybody.
func (c *call) openKeys() (err error) {
	cfg := keyAgreement()
	cfg.ZID, cfg.SSRC = c.zid, c.ssrc
	cfg.Retained, cfg.Recognised = c.retained, c.recognised
	switch {
	case c.outgoing:
		if c.friend = c.requestFor(); c.friend != nil {
			cfg.ZID = c.friend.identity.ZID
			cfg.H0 = secret.Copy(c.friend.identity.H0[:])
			defer cfg.H0.Wipe()
		}
	case c.friend != nil:
		cfg.ZID = c.friend.identity.AnswerZID(c.friend.hello)
	}
	if c.session, err = zrtp.NewSession(cfg); err != nil {
		return err
	}
	if c.outgoing && c.friend != nil {
		c.friend.hello, _ = zrtp.ParseHelloHash(c.session.HelloHash())
	}
	return nil
}

// renewKeys prepares it anew, for another address: what one phone recognises is not
// shown to another.
func (c *call) renewKeys() error {
	c.session.Close()
	c.friend.wipe()
	err := c.openKeys()
	if err == nil {
		c.local.ZRTPHash = c.session.HelloHash()
	}
	return err
}

// requestFor makes a request that the phone of the contact at c.peer will
// recognise; nil: there is none, or it cannot be made.
func (c *call) requestFor() *acquaintance {
	c.facts.Request = assay.RequestUnknown
	name, ok := c.contact()
	if !ok || c.anonymous { // who is not to be known must not be recognised
		return nil
	}
	if of, _ := c.phone.cfg.Store.Contact(name); anew(of) {
		return nil // the phone that this would be for is not the one that is looked for
	}
	p, several, ok := c.addressee(name)
	if !ok {
		if several {
			c.facts.Request = assay.RequestSeveral
		}
		return nil
	}
	a, err := c.phone.recogniser.request(time.Now(), c.zid, p)
	if err != nil {
		c.facts.Request = assay.RequestNotMade
		return nil
	}
	a.contact = name
	return a
}

// addressee chooses the phone of a contact that a request is made for. Only that
// one will recognise it, and to others we are a stranger: so where several would
// know our own ZID, it is shown to all.
func (c *call) addressee(contact string) (zid [12]byte, several, ok bool) {
	of, _ := c.phone.cfg.Store.Contact(contact)
	peers := slices.DeleteFunc(of.Peers, func(p store.Peer) bool { return p.OwnZID != c.zid })
	defer func() {
		for _, p := range of.Peers {
			p.Wipe()
		}
	}()
	karats, unmet := 0, false
	for _, p := range peers {
		if memoryOf(p).Sending().Key.Present() {
			zid = p.ZID // the last one: heard of last
			karats++
		}
		unmet = unmet || p.Requests.Unmet
	}
	return zid, karats > 0, karats > 0 && (len(peers) == 1 || unmet)
}

// request makes a request to a phone that knows us by our ZID own. Its stamp is written before it is used, and
// never used again.
func (r *recogniser) request(now time.Time, own, zid [12]byte) (*acquaintance, error) {
	a := &acquaintance{zid: zid}
	err := r.store.UpdatePeer(own, zid, func(p *store.Peer) error {
		stamp, ok := request.Next(now, request.Stamp(p.Requests.Sent))
		if !ok {
			return errNoStamp
		}
		e := memoryOf(*p).Sending()
		at, ok := e.Key.Advance(stamp.Hour())
		if !ok {
			return errNoStamp
		}
		defer at.Wipe()
		a.identity = at.Identity(stamp, e.Initiator, r.template.Name)
		p.Requests.Sent = uint64(stamp)
		return a.remember(*p, stamp.Hour())
	})
	if err != nil {
		a.wipe()
		return nil, err
	}
	return a, nil
}

// hearRequest looks whether an incoming call is a request of a phone that we know.
func (c *call) hearRequest() {
	for _, announced := range c.offered.ZRTPHashes[:min(len(c.offered.ZRTPHashes), maxHashes)] {
		hello, ok := zrtp.ParseHelloHash(announced)
		if !ok {
			continue
		}
		if c.friend = c.phone.recogniser.recognise(time.Now(), c.zid, hello); c.friend != nil {
			c.facts.Request, c.friend.announced = assay.RequestRecognised, announced
			return
		}
	}
	if name, ok := c.contact(); ok {
		if _, karat, _ := c.addressee(name); karat {
			c.facts.Request = assay.RequestStrange
		}
	}
}

// announced are the hashes that the peer's Hello may have. Of a request that was
// recognised it is the one by which it was, whatever else was written beside it.
func (c *call) announced() []string {
	if c.outgoing || c.friend == nil {
		return c.agreed.RemoteZRTPHashes
	}
	return []string{c.friend.announced}
}

// recognised is what the key agreement may know about a caller with this Hello:
// asked by the session, in the call's goroutine. If signalling did not bring its
// hash, we have shown our own ZID, and the caller goes by that.
func (c *call) recognised(hello [32]byte) (zrtp.Retained, bool) {
	switch {
	case c.outgoing:
		return zrtp.Retained{}, false
	case c.friend != nil:
		return c.friend.retained, c.friend.hello == hello
	}
	if c.friend = c.phone.recogniser.recognise(time.Now(), c.zid, hello); c.friend == nil {
		return zrtp.Retained{}, false
	}
	c.facts.Request = assay.RequestStripped
	return c.friend.plain, true
}

// retained is what the key agreement may know about a peer that shows this ZID:
// asked by the session, in the call's goroutine. Whoever answers a request that was
// made for another has only seen a ZID that was made for that one, and can know
// nothing of us.
func (c *call) retained(peer zrtp.ZID) (zrtp.Retained, bool) {
	if c.outgoing && c.friend != nil {
		return c.answering(peer)
	}
	p, _, ok := c.phone.cfg.Store.Peer(c.zid, peer)
	if !ok || p.Requests.Unmet {
		return zrtp.Retained{}, false
	}
	return retainedOf(p), true
}

// answering is retained for our request to a contact's phone.
func (c *call) answering(peer zrtp.ZID) (zrtp.Retained, bool) {
	switch a := c.friend; {
	case peer == a.identity.AnswerZID(a.hello):
		c.facts.Request = assay.RequestRecognised
		return a.retained, true
	case peer == a.zid:
		// RFC 6189, Section 4.3.2: a known ZID with none of the secrets is the alarm.
		c.facts.Request = assay.RequestMissed
		return a.plain, !a.unmet
	}
	c.facts.Request = assay.RequestElsewhere
	return zrtp.Retained{}, false
}

// place is where what this call leaves belongs in the store; false: nowhere,
// because the other phone would not know us by it.
func (c *call) place() (zid [12]byte, ok bool) {
	switch {
	case c.anonymous:
		return c.secure.Peer, false // there is nothing that we could be recognised by
	case c.facts.Request != assay.RequestElsewhere && c.friend != nil:
		return c.friend.zid, true
	case c.facts.Request != assay.RequestElsewhere:
		return c.secure.Peer, true
	case !c.secure.Remember.RequestKey.Present():
		return c.secure.Peer, false // it knows a ZID that we never show again
	}
	p, _, known := c.phone.cfg.Store.Peer(c.zid, c.secure.Peer)
	defer p.Wipe()
	// Another contact's phone, that knows us from other calls, is left alone.
	return c.secure.Peer, !known || p.Requests.Unmet
}
