package softphone

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"karat/media"
	"karat/media/path"
	"karat/sip"
	"karat/sip/offer"
	"karat/softphone/assay"
	"karat/zrtp"
)

// dial sends our INVITE, with the hash of a fresh Hello.
func (c *call) dial() error {
	c.emit(Dialing{Head: c.head(), To: c.peer})
	local, err := c.phone.agent.MediaAddr(c.peer)
	if err != nil {
		return err
	}
	if err := c.openMedia(local); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), inviteTime)
	defer cancel()
	c.sip, err = c.phone.agent.Invite(ctx, c.peer, offer.Offer(c.local))
	return err
}

// ringIn looks at an incoming call before anybody hears of it.
func (c *call) ringIn() error {
	c.offered, c.facts.Offer = describe(c.sip.Offer())
	c.facts.HashSignalled = len(c.offered.ZRTPHashes) > 0
	in := Incoming{Head: c.head(), From: c.peer, Known: c.known()}
	if d := c.decide(); d.Action == assay.Refuse {
		in.Refused, in.Why = true, d.Why
		c.emit(in)
		c.refuse(d.Why)
		return nil
	}
	c.emit(in)
	c.assess()
	if c.phone.cfg.AutoAnswer {
		c.hearUser(answer{})
	}
	return nil
}

// known is what is known about a caller before anything private is sent.
func (c *call) known() []string {
	var out []string
	if c.facts.HashSignalled {
		out = append(out, "the caller's phone announces end-to-end encryption (ZRTP)")
	} else {
		out = append(out, "the caller's phone does not announce encryption; it may still agree on keys when you answer")
	}
	if c.facts.Direct {
		return append(out, "it comes without a provider")
	}
	return append(out, "it comes through your provider, who can see that it takes place")
}

// describe reads a peer's SDP into the kinds that policy tells apart.
func describe(sdp []byte) (offer.Description, assay.MediaOffer) {
	if len(sdp) == 0 {
		return offer.Description{}, assay.OfferNoAudio
	}
	d, err := offer.Parse(sdp)
	switch {
	case err != nil || d.Audio < 0 || d.OpusPT < 0:
		return d, assay.OfferNoAudio
	case d.Profile == offer.DTLS:
		return d, assay.OfferDTLS
	case d.Profile == offer.SRTP:
		return d, assay.OfferSDES
	case d.Profile == offer.RTP:
		return d, assay.OfferRTP
	default:
		return d, assay.OfferNoAudio
	}
}

// answer takes an incoming call: media opens, keys are agreed, and only then
// the microphone.
func (c *call) answer() error {
	if c.outgoing || c.path != nil {
		return nil // there is nothing to answer, or it is answered
	}
	local, err := c.sip.MediaAddr()
	if err != nil {
		return err
	}
	if err := c.openMedia(local); err != nil {
		return err
	}
	sdp, agreed, err := offer.Answer(c.offered, c.local)
	if err != nil {
		return err
	}
	c.agreed, c.fork = agreed, 1
	if err := c.sip.Answer(sdp); err != nil {
		return err
	}
	c.answered = time.Now()
	c.emit(Answered{Head: c.head()})
	c.connect()
	return nil
}

// openMedia opens the way of the media and makes what will run on it: a voice
// that is closed, and a key agreement whose Hello an offer can announce.
func (c *call) openMedia(local netip.Addr) error {
	if err := c.phone.takeMicrophone(c.id); err != nil {
		return err
	}
	p, err := c.phone.cfg.OpenPath(local)
	if err != nil {
		return fmt.Errorf("no port for the voice could be opened: %w", err)
	}
	c.path = p
	dev, err := c.phone.cfg.OpenDevice()
	if err != nil {
		return err
	}
	ssrc := randomSSRC()
	c.stream, err = media.New(media.Config{
		Path: p, Device: dev, SSRC: ssrc, Logger: c.log, Verdict: c.phone.cfg.Verdict,
	})
	if err != nil {
		dev.Close()
		return err
	}
	c.heard = c.stream.FirstAuthenticated()
	c.session, err = zrtp.NewSession(zrtp.Config{
		ZID: c.phone.ownZID(), SSRC: ssrc, Retained: c.retained, Expiry: zrtp.ExpiryNever,
	})
	if err != nil {
		return err
	}
	c.local = offer.Local{Address: p.Local(), ZRTPHash: c.session.HelloHash()}
	p.Receive(c.receive(c.stream))
	return nil
}

// receive sorts what arrives, on the path's goroutine.
func (c *call) receive(stream *media.Stream) path.Handler {
	return func(class path.Class, fork path.Fork, from netip.AddrPort, b []byte) {
		switch class {
		case path.RTP:
			stream.HandleRTP(fork, from, b)
		case path.ZRTP:
			select {
			case c.zrtpIn <- datagram{fork, from, append([]byte(nil), b...)}:
			default: // a flood; the peer retransmits
			}
		case path.Unknown, path.STUN, path.DTLS: // not spoken here
		}
	}
}

// connect begins the key agreement with the peer whose SDP is in c.offered.
func (c *call) connect() {
	c.path.Remote(c.fork, c.agreed.Remote)
	c.path.Select(c.fork)
	c.facts.HashSignalled = len(c.agreed.RemoteZRTPHashes) > 0
	c.session.ExpectHello(c.agreed.RemoteZRTPHashes)
	c.hello = time.Now()
	c.session.Start(c.hello)
	c.started = true
	for _, d := range c.early {
		c.feed(d)
	}
	c.early = nil
	c.serveKeys()
}

// hearSIP takes what signalling says.
func (c *call) hearSIP(ev sip.CallEvent, open bool) {
	if !open {
		c.sipDone = true
		c.cutVoice()
		c.end("the connection to the other end is gone", Unreachable)
		return
	}
	switch ev := ev.(type) {
	case sip.Progress:
		c.progress(ev)
	case sip.Answered:
		c.hearAnswer(ev)
	case sip.Reoffered:
		c.reoffered(ev.SDP)
	case sip.Failed:
		c.hearFailure(ev)
	case sip.Ended:
		c.hearEnd(ev)
	}
}

// progress passes on that the other end rings; which of 180 and 183 it was says
// more about the other end than the user needs.
func (c *call) progress(ev sip.Progress) {
	if !c.over && !c.rang && ev.Code >= 180 {
		c.rang = true
		c.emit(Ringing{Head: c.head()})
	}
}

// hearAnswer: our call is up, and we learn whom to agree with. (The one that we
// answered is up when its caller acknowledges that, which changes nothing.)
func (c *call) hearAnswer(ev sip.Answered) {
	if c.over || !c.outgoing {
		return
	}
	c.answered = time.Now()
	c.emit(Answered{Head: c.head()})
	c.offered, c.facts.Offer = describe(ev.SDP)
	c.facts.HashSignalled = len(c.offered.ZRTPHashes) > 0
	if d := c.decide(); d.Action == assay.Refuse {
		c.refuse(d.Why)
		return
	}
	agreed, err := offer.Accept(c.local, c.offered)
	if err != nil {
		c.refuse(fmt.Sprintf("%v: the call was ended before a word was sent", err))
		return
	}
	c.agreed, c.fork = agreed, path.Fork(ev.Fork)
	c.connect()
}

// hearFailure: our call was not answered. To the user every refusal that says
// nothing about privacy is "no answer".
func (c *call) hearFailure(ev sip.Failed) {
	switch {
	case c.over:
	case ev.Code == 488 || ev.Code == 415 || ev.Code == 606:
		why := "the other phone does not accept a private call (it refused an offer of end-to-end encryption); ask for a phone with ZRTP at the other end"
		c.emit(Refused{Head: c.head(), Why: why})
		c.end(why, NotPrivate)
	case ev.Code == 0 || ev.Code == 401 || ev.Code == 403 || ev.Code == 407 || ev.Code >= 500 && ev.Code < 600:
		c.end(sentence(ev.Why), Unreachable)
	default:
		c.end("no answer", NotAnswered)
	}
	c.sipDone = true
}

func (c *call) hearEnd(ev sip.Ended) {
	c.cutVoice()
	c.sipDone = true
	why := "you hung up"
	outcome := c.outcome()
	switch {
	case ev.Why != nil:
		why, outcome = sentence(ev.Why), max(outcome, outcomeOf(ev.Why))
	case c.answered.IsZero():
		why = "the caller gave up"
	case ev.ByPeer:
		why = "the other end hung up"
	}
	c.end(why, outcome)
}

// reoffered answers a re-INVITE: what keeps the call as private as it is, is
// accepted; what asks for less ends it, the microphone first.
func (c *call) reoffered(sdp []byte) {
	d, kind := describe(sdp)
	if offer.Downgrade(c.offered, d) != nil || kind != assay.OfferRTP {
		c.cutVoice()
		c.facts.Downgrade = true
		c.turnDown()
		c.decideVoice()
		return
	}
	answer, agreed, err := offer.Answer(d, c.local)
	if err != nil {
		c.turnDown()
		return
	}
	c.offered, c.agreed = d, agreed
	c.path.Remote(c.fork, agreed.Remote)
	if err := c.sip.Accept(answer); err != nil {
		c.fail(err)
		return
	}
	c.applyMute()
}

// turnDown refuses a re-INVITE; the call stays as it was.
func (c *call) turnDown() {
	if err := c.sip.Refuse(); err != nil {
		c.log.Debug("refusing a re-INVITE", "error", err)
	}
}
