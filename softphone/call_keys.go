package softphone

import (
	"errors"
	"time"

	"karat/media"
	"karat/zrtp"
)

// maxEarly bounds the ZRTP datagrams kept from before the answer, when it is
// not known yet who will be talked to.
const maxEarly = 16

// hearZRTP gives a datagram to the key agreement.
func (c *call) hearZRTP(d datagram) {
	switch {
	case c.session == nil || c.over:
	case !c.started:
		if len(c.early) < maxEarly {
			c.early = append(c.early, d)
		}
	default:
		c.feed(d)
		c.serveKeys()
	}
}

// feed gives the key agreement a datagram. The path follows its sender only if
// it brought the very Hello that signalling announced; anything else could be
// anyone's.
func (c *call) feed(d datagram) {
	bound := c.session.Bound()
	c.session.Receive(time.Now(), d.b)
	if !bound && c.session.Bound() {
		c.path.Authenticated(c.fork, d.from)
	}
}

// advance lets time pass for the key agreement.
func (c *call) advance() {
	if c.session != nil && c.started {
		c.session.Advance(time.Now())
		c.serveKeys()
	}
}

// serveKeys hears what the key agreement found and sends what it wants sent: what
// says that the keys are good (Conf2ACK) only after what they leave is stored, so
// that the peer can count on it. What ends the session is told before it ends.
func (c *call) serveKeys() {
	for c.session != nil {
		ev, ok := c.session.NextEvent()
		switch ev.(type) {
		case nil, zrtp.Failed, zrtp.Silent:
			c.sendKeys()
		}
		if !ok {
			return
		}
		c.hearKeys(ev)
	}
}

// sendKeys sends the key agreement's packets.
func (c *call) sendKeys() {
	for {
		pkt, ok := c.session.NextPacket()
		if !ok {
			return
		}
		if err := c.path.Send(c.fork, pkt); err != nil {
			c.log.Debug("a ZRTP packet could not be sent") // it is sent again; the error names an address
		}
	}
}

func (c *call) hearKeys(ev zrtp.Event) {
	switch ev := ev.(type) {
	case zrtp.PeerHello:
		c.facts.HashMatched = ev.Bound
	case zrtp.Mismatch:
		c.facts.Mismatch = true
		c.cut(voiceClosed)
		c.emit(Mismatch{Head: c.head(), Name: c.name()})
	case zrtp.KeysAgreed:
		if err := c.stream.ArmReceive(mediaKeys(ev.Keys), c.parameters()); err != nil {
			c.fail(err)
		}
	case zrtp.Secure:
		c.becomeSecure(ev)
	case zrtp.Silent:
		c.facts.NoHello = true
		c.goClear()
		c.decideVoice()
	case zrtp.Failed:
		c.keysFailed(ev)
	}
}

// mediaKeys hands the agreed keys over: the one place where zrtp's values
// become media's.
func mediaKeys(k zrtp.Keys) media.Keys {
	return media.Keys{
		SendKey: k.Send.Key, SendSalt: k.Send.Salt,
		ReceiveKey: k.Receive.Key, ReceiveSalt: k.Receive.Salt,
		TagBits: k.TagBits,
	}
}

// keysFailed ends a call whose keys could not be agreed on.
func (c *call) keysFailed(ev zrtp.Failed) {
	switch {
	case errors.Is(ev.Err, zrtp.ErrHelloHash):
		c.facts.HashMismatch = true
	default:
		c.facts.ZRTPFailed = sentence(ev.Err)
	}
	c.decideVoice()
}

// becomeSecure takes the result of the key agreement.
func (c *call) becomeSecure(s zrtp.Secure) {
	c.secure = &s
	f := &c.facts
	f.Secure = true
	f.VoiceBeforeSecure = int(c.stream.Stats().Sent)
	f.KeyAgreement, f.Hash, f.Cipher, f.AuthTag, f.SASType = s.KeyAgreement, s.Hash, s.Cipher, s.AuthTag, s.SASType
	f.Known, f.Continuity, f.Disclosed = s.Known, s.Continuity, s.Disclosed
	f.Mismatch = f.Mismatch || s.Mismatched
	f.Verified, f.PeerVerified = s.Remember.Verified && !s.Mismatched, s.PeerVerified
	c.recallPeer()
	if !f.Mismatch {
		c.remember()
	}
	c.sendKeys()
	c.emit(Secure{
		Head: c.head(), SAS: s.SAS,
		KeyAgreement: s.KeyAgreement, Hash: s.Hash, Cipher: s.Cipher, AuthTag: s.AuthTag, SASType: s.SASType,
		Verified: s.Verified, Continuity: s.Continuity, Elapsed: time.Since(c.hello),
	})
	c.decideVoice()
}

// sasCompared takes the user's word for the short authentication string.
func (c *call) sasCompared(equal bool) {
	if c.secure == nil {
		return
	}
	if !equal {
		c.forgetVerified()
		c.facts.Verified, c.facts.SASDiffers = false, true
		c.decideVoice()
		return
	}
	c.facts.Verified = true
	c.facts.MismatchResolved = c.facts.Mismatch || c.facts.NameChanged
	c.secure.Remember.Verified = true
	c.remember()
	c.markVerified()
	c.decideVoice()
}
