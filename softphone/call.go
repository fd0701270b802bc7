package softphone

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"karat/media"
	"karat/media/dtlssrtp"
	"karat/media/path"
	"karat/sip"
	"karat/sip/offer"
	"karat/softphone/assay"
	"karat/softphone/store"
	"karat/zrtp"
)

// message is what others ask of a call.
type message interface{ message() }

type (
	answer   struct{ auto bool } // auto: nobody pressed a key
	decline  struct{}
	hangup   struct{}
	mute     struct{ on bool }
	compared struct{ equal bool }
	hold     struct{ on bool }
	consents struct{ yes bool }    // to a transfer, or a redirection
	transfer struct{ to string }   // the peer is to call somebody else
	connect  struct{ other line }  // the peer is to take over another call
	digits   struct{ keys string } // of a telephone
	moved    struct{ again bool }  // the network changed; again: so did our connection
	replaced struct{}              // another call has taken the place of this one
)

func (answer) message()   {}
func (decline) message()  {}
func (hangup) message()   {}
func (mute) message()     {}
func (compared) message() {}
func (hold) message()     {}
func (consents) message() {}
func (transfer) message() {}
func (connect) message()  {}
func (digits) message()   {}
func (moved) message()    {}
func (replaced) message() {}

const (
	// inboxSize is more than a person can press.
	inboxSize = 8
	// zrtpQueue holds the ZRTP datagrams that arrived and were not looked at
	// yet. An exchange has 6; more than this is a flood and is dropped.
	zrtpQueue = 64
	// inviteTime is how long our INVITE may take from dialling to an answer.
	inviteTime = 3 * time.Minute
)

// datagram is one ZRTP datagram, copied out of the path's buffer.
type datagram struct {
	fork path.Fork
	from netip.AddrPort
	b    []byte
}

// call is one call. Its goroutine, run, owns every field below inbox; the media
// path's goroutine only fills zrtpIn and calls stream.HandleRTP.
type call struct {
	phone   *Phone
	account *account
	log     *slog.Logger
	id      string
	inbox   chan message
	zrtpIn  chan datagram
	taken   chan struct{} // another call took the microphone
	done    chan struct{} // closed when run has ended

	outgoing bool
	// anonymous: the call does not say who calls; nothing that other calls have may
	// be in it.
	anonymous bool
	help      bool     // an emergency: nobody waits for keys
	zid       [12]byte // shown to the other phone
	peer      string   // what the other end is called; nobody has checked it
	sip       *sip.Call
	sipDone   bool // sip's last event has come

	changes changes
	move    move
	consent consent
	// Of a call that follows a transfer: who wants to know, and what it takes the
	// place of (their call, ours).
	onTransfer func(code int)
	inPlaceOf  string
	replaces   *call
	transferTo string // where the peer is being sent

	redirections int

	// media and keys
	seat    *seat // nil: an echo
	path    path.Path
	stream  *media.Stream
	heard   <-chan struct{} // the stream's FirstAuthenticated
	ssrc    uint32          // of our voice
	friend  *acquaintance   // whose request this is, or whom ours is for; nil: a stranger
	session *zrtp.Session
	started bool       // session.Start was called
	early   []datagram // ZRTP that came before we knew whom we talk to
	hello   time.Time  // when our first Hello went out
	fork    path.Fork
	way     <-chan struct{} // closed when ICE has found a way; nil: nothing to wait for
	local   offer.Local
	offered offer.Description // what the peer's SDP said last
	agreed  offer.Negotiated

	// what is known and what follows from it
	facts  assay.Facts
	report *assay.Report
	secure *zrtp.Secure
	// remembered: what the call leaves is in the store. proven: in the peer's, too.
	remembered, proven bool
	voice              voice
	muted              bool // by the user
	answered           time.Time
	rang               bool // Ringing was emitted
	over               bool // Ended was emitted
	owing              bool // the caller was turned away and waits for its answer
	silence            silence
	figures            <-chan time.Time

	beside bool // the caller wants keys in the signalling beside ZRTP's: nobody uses them

	// Of a call whose keys the provider may have.
	sdes        bool // the other phone refused DTLS-SRTP: keys in the signalling
	certificate dtlssrtp.Certificate
	handshake   *dtlssrtp.Handshake
	dtlsIn      chan []byte // datagrams of DTLS that came
}

func newCall(p *Phone, a *account, id string, outgoing bool) *call {
	c := &call{
		zid:      a.zid,
		phone:    p,
		account:  a,
		log:      p.log.With("call", id),
		id:       id,
		outgoing: outgoing,
		inbox:    make(chan message, inboxSize),
		zrtpIn:   make(chan datagram, zrtpQueue),
		taken:    make(chan struct{}, 1),
		done:     make(chan struct{}),
		facts:    a.facts(),
	}
	c.facts.Outgoing = outgoing
	c.facts.KeyFile = p.cfg.Store.Sealing() == store.KeyFile
	if outgoing && (p.cfg.Anonymous || !a.direct() && a.settings.Anonymous) {
		c.anonymous, c.facts.Anonymous = true, true
		rand.Read(c.zid[:]) // one that was never seen, and never will be
	}
	return c
}

// run is the call's life, in its own goroutine.
func (c *call) run(begin func() error) {
	defer close(c.done)
	defer c.closeMedia()
	defer func() {
		if c.owing {
			c.phone.owing.Add(-1)
		}
	}()
	if err := begin(); err != nil {
		c.fail(err)
	}
	c.loop()
}

// loop runs until signalling is over. A call that is over for the user may
// still owe the caller its one answer.
func (c *call) loop() {
	if c.over && c.sip == nil {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	closing := c.phone.done
	for !c.sipDone {
		c.arm(timer)
		select {
		case ev, open := <-c.signals():
			c.hearSIP(ev, open)
		case <-c.taken:
			c.setHold(true)
		case <-c.changes.again:
			c.changes.again = nil
			c.reconcile()
		case <-c.consent.until:
			c.consented(false)
		case err := <-c.move.gathered:
			c.hearGathered(err)
		case m := <-c.inbox:
			c.hearUser(m)
		case d := <-c.zrtpIn:
			c.hearZRTP(d)
		case <-c.heard:
			c.heard = nil
			if c.session != nil {
				c.session.ReceivedSRTP(time.Now())
				c.serveKeys()
				c.prove()
			}
		case code := <-c.keys():
			c.hearKey(code)
		case <-c.way:
			c.beginKeys()
		case r := <-c.shaken():
			c.hearHandshake(r)
		case <-timer.C:
			c.advance()
		case <-c.figures:
			c.measure()
		case <-closing:
			closing = nil
			c.leave("you switched the phone off")
		}
	}
}

// signals are what signalling says; nil while a call waits to be redirected.
func (c *call) signals() <-chan sip.CallEvent {
	if c.sip == nil {
		return nil
	}
	return c.sip.Events()
}

// post gives the call's goroutine a message; false: the call is over.
func (c *call) post(m message) bool {
	select {
	case c.inbox <- m:
		return true
	case <-c.done:
		return false
	}
}

// arm sets the timer to the key agreement's next deadline.
func (c *call) arm(timer *time.Timer) {
	timer.Stop()
	if c.session == nil || !c.started {
		return
	}
	if at := c.session.Deadline(); !at.IsZero() {
		timer.Reset(time.Until(at))
	}
}

// hearUser does what the user asked for.
func (c *call) hearUser(m message) {
	if c.over {
		return
	}
	switch m := m.(type) {
	case answer:
		switch err := c.answer(!m.auto); {
		case errors.Is(err, ErrInCall): // it rings on
			c.emit(Notice{Head: c.head(), Text: sentence(err)})
		case err != nil:
			c.fail(err)
		}
	case decline:
		c.decline()
	case hangup:
		c.leave("you hung up")
	case mute:
		c.muted = m.on
		c.applyMute()
	case compared:
		c.sasCompared(m.equal)
	case hold:
		c.setHold(m.on)
	case consents:
		c.consented(m.yes)
	case transfer:
		c.transfer(m.to, func() error { return c.sip.Transfer(m.to) })
	case connect:
		c.transfer(m.other.peer, func() error { return c.sip.TransferTo(m.other.sip) })
	case digits:
		c.sendDigits(m.keys)
	case moved:
		c.follow(m.again)
	case replaced:
		c.leave("another call took the place of this one")
	}
}

// keys of the peer; nil while there is no stream.
func (c *call) keys() <-chan byte {
	if c.stream == nil {
		return nil
	}
	return c.stream.Keys()
}

func (c *call) emit(ev Event) { c.phone.emit(ev) }

func (c *call) head() Head { return c.phone.head(c.id) }
