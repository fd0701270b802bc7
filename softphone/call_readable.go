package softphone

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"

	"karat/internal/secret"
	"karat/media"
	"karat/media/dtlssrtp"
	"karat/sip/offer"
	"karat/softphone/assay"
)

// Calls whose keys the provider may have, because the user said so of this one
// call (--allow provider): DTLS-SRTP (RFC 5763), where it would have to sit between,
// or SDES (RFC 4568), where it can read them. There is no ZRTP in them, so that
// nobody takes one for the other.

// errRekeyed: SRTP contexts are made once in a call.
var errRekeyed = errors.New("it brings new keys")

// readable tells whether this call has its keys in the signalling: one that we
// make, or one that comes and has no others.
func (c *call) readable() bool {
	return c.phone.cfg.Policy.AllowProvider && (c.outgoing || c.facts.Offer == assay.OfferSDES || c.facts.Offer == assay.OfferDTLS)
}

// refuseReadable ends a call of ours before its keys leave over signalling that
// everyone could read.
func (c *call) refuseReadable() bool {
	if !c.readable() || c.facts.SignallingTLS {
		return false
	}
	c.facts.Offer = assay.OfferSDES
	d := c.decide()
	c.assess()
	c.emit(Refused{Head: c.head(), Why: d.Why})
	c.end(d.Why, NotPrivate)
	return true
}

// prepareReadable makes what the signalling is to say of the keys: as the caller first
// the fingerprint, and the keys themselves only to a phone that refused that.
func (c *call) prepareReadable() error {
	if c.sdes || c.facts.Offer == assay.OfferSDES {
		c.local.Crypto, c.local.Fingerprint = newCryptos(), ""
		return nil
	}
	var err error
	c.certificate, err = dtlssrtp.NewCertificate()
	c.local.Fingerprint = c.certificate.Fingerprint()
	return err
}

// offerSDES calls once more with keys in the signalling: the other phone refused
// DTLS-SRTP. To who reads the signalling both are open, as the user allowed.
func (c *call) offerSDES() {
	c.sdes, c.sip = true, nil
	err := c.prepareReadable()
	if err == nil {
		err = c.invite()
	}
	if err != nil {
		c.sipDone = true
		c.fail(err)
	}
}

// shakeHands begins DTLS with the peer, whose fingerprints the signalling brought.
func (c *call) shakeHands() {
	c.session.Close()
	c.session, c.early, c.started = nil, nil, true
	p, fork := c.path, c.fork
	c.handshake = dtlssrtp.Start(dtlssrtp.Config{
		Certificate: c.certificate, Fingerprints: c.agreed.DTLS.Fingerprints, Active: c.agreed.DTLS.Active,
		Send: func(b []byte) error { return p.Send(fork, b) }, In: c.dtlsIn,
	})
}

// shaken is the handshake's result, once.
func (c *call) shaken() <-chan dtlssrtp.Result {
	if c.handshake == nil {
		return nil
	}
	return c.handshake.Done()
}

func (c *call) hearHandshake(r dtlssrtp.Result) {
	switch {
	case c.over:
		r.Keys.Wipe()
		return
	case r.Err != nil:
		c.facts.ZRTPFailed = sentence(r.Err)
		c.decideVoice()
		return
	}
	if err := c.stream.ArmReceive(r.Keys, c.parameters()); err != nil {
		c.fail(err)
		return
	}
	c.facts.ProviderKeys = true
	c.decideVoice()
}

// newCryptos makes a key for each suite.
func newCryptos() (all []offer.Crypto) {
	for i, s := range offer.Suites() {
		key := make([]byte, s.KeyBytes+s.SaltBytes)
		rand.Read(key)
		all = append(all, offer.Crypto{Tag: i + 1, Suite: s.Name, Key: key})
	}
	return all
}

// takeReadableKeys uses what both sides said in the signalling. The key agreement
// that was prepared is not needed.
func (c *call) takeReadableKeys() {
	c.session.Close()
	c.session, c.early, c.started = nil, nil, true
	if err := c.stream.ArmReceive(readableKeys(c.agreed.SDES), c.parameters()); err != nil {
		c.fail(err)
		return
	}
	// From now on it is this suite and these keys.
	c.local.Crypto = slices.DeleteFunc(c.local.Crypto, func(k offer.Crypto) bool { return k.Suite != c.agreed.SDES.Suite.Name })
	c.facts.ProviderKeys = true
	c.decideVoice()
}

// readableKeys hands the keys over: offer's values become media's.
func readableKeys(s *offer.SDES) media.Keys {
	n := s.Suite.KeyBytes
	k := media.Keys{
		SendKey: secret.Copy(s.Sending[:n]), SendSalt: secret.Copy(s.Sending[n:]),
		ReceiveKey: secret.Copy(s.Receive[:n]), ReceiveSalt: secret.Copy(s.Receive[n:]),
		TagBits: 80,
	}
	if s.Suite.AEAD {
		k.TagBits = 128
	}
	return k
}

// rekeyed tells whether a change of the session would change the keys.
func (c *call) rekeyed(agreed offer.Negotiated) bool {
	if a, b := c.agreed.DTLS, agreed.DTLS; a != nil || b != nil {
		return a == nil || b == nil || !slices.Equal(a.Fingerprints, b.Fingerprints)
	}
	before := c.agreed.SDES
	if before == nil || agreed.SDES == nil {
		return before != agreed.SDES
	}
	return before.Suite != agreed.SDES.Suite || !bytes.Equal(before.Sending, agreed.SDES.Sending) || !bytes.Equal(before.Receive, agreed.SDES.Receive)
}

// wipeReadableKeys forgets them as far as we hold them; the provider does not.
func (c *call) wipeReadableKeys() {
	for _, k := range c.local.Crypto {
		clear(k.Key)
	}
	if s := c.agreed.SDES; s != nil {
		clear(s.Sending)
		clear(s.Receive)
	}
	c.local.Crypto, c.agreed.SDES = nil, nil
}
