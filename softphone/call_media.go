package softphone

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"time"

	"karat/media"
	"karat/media/device"
	"karat/media/path"
	"karat/sip/offer"
)

// closeMedia stops the voice, forgets the keys and gives back the socket.
func (c *call) closeMedia() {
	c.heard = nil
	c.move.end()
	if c.stream != nil {
		c.stream.Stop()
	}
	if c.handshake != nil {
		c.handshake.Close()
		c.handshake = nil
	}
	if c.path != nil {
		c.path.Close()
	}
	if c.stream != nil {
		if err := c.stream.Close(); err != nil {
			c.emit(Notice{Head: c.head(), Text: sentence(err)})
		}
	}
	if c.session != nil {
		c.session.Close()
	}
	c.friend.wipe()
	c.stream, c.path, c.session, c.secure, c.friend, c.early, c.way = nil, nil, nil, nil, nil, nil, nil
	c.wipeReadableKeys()
	c.phone.giveMicrophone(c)
}

// randomSSRC is a synchronisation source that tells nothing.
func randomSSRC() uint32 {
	var b [4]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint32(b[:])
}

// openMedia opens the way of the media and makes what will run on it: a voice
// that is closed, and a key agreement whose Hello an offer can announce.
func (c *call) openMedia(local netip.Addr, force bool) error {
	if err := c.phone.takeMicrophone(c, force); err != nil {
		return err
	}
	p, err := c.openWay(local)
	if err != nil {
		return err
	}
	c.path = p
	dev, err := c.openDevice()
	if err != nil {
		return err
	}
	c.ssrc = randomSSRC()
	c.stream, err = media.New(media.Config{
		Path: p, Device: dev, SSRC: c.ssrc, Profile: c.phone.packing, Effort: c.phone.cfg.Effort, Logger: c.log, Verdict: c.phone.cfg.Verdict,
	})
	if err != nil {
		dev.Close()
		return err
	}
	c.heard = c.stream.FirstAuthenticated()
	if err := c.openKeys(); err != nil {
		return err
	}
	c.local = offer.Local{Address: p.Local(), ZRTPHash: c.session.HelloHash(), ICE: c.ownICE()}
	if c.readable() {
		if err := c.prepareReadable(); err != nil {
			return err
		}
		c.dtlsIn = make(chan []byte, zrtpQueue)
	}
	if c.beside {
		c.local.Beside = newCryptos()
	}
	p.Receive(c.receive(c.stream, c.dtlsIn))
	return nil
}

// openDevice is the call's seat at the desk. Who sends back what it hears needs
// no microphone.
func (c *call) openDevice() (device.Device, error) {
	if c.phone.cfg.Echo {
		return c.phone.cfg.OpenDevice()
	}
	s, err := c.phone.desk.sit()
	if err != nil {
		return nil, err
	}
	c.seat = s
	c.phone.seated(c)
	return s, nil
}

// receive sorts what arrives, on the path's goroutine.
func (c *call) receive(stream *media.Stream, dtls chan<- []byte) path.Handler {
	return func(class path.Class, fork path.Fork, from netip.AddrPort, b []byte) {
		switch class {
		case path.RTP:
			stream.HandleRTP(fork, from, b)
		case path.ZRTP:
			select {
			case c.zrtpIn <- datagram{fork, from, append([]byte(nil), b...)}:
			default: // a flood; the peer retransmits
			}
		case path.DTLS: // dtls is nil where that is not spoken
			select {
			case dtls <- append([]byte(nil), b...):
			default:
			}
		case path.Unknown, path.STUN: // not spoken here
		}
	}
}

// connect begins the key agreement with the peer whose SDP is in c.offered, as
// soon as there is a way to it.
func (c *call) connect() {
	c.path.Remote(c.fork, c.agreed.Remote)
	c.path.Select(c.fork)
	c.facts.HashSignalled = len(c.agreed.RemoteZRTPHashes) > 0
	c.session.ExpectHello(c.announced())
	if !c.checkWay() {
		c.beginKeys()
	}
}

// beginKeys sends our first Hello.
func (c *call) beginKeys() {
	c.way = nil
	if c.started || c.session == nil {
		return
	}
	switch {
	case c.agreed.SDES != nil:
		c.takeReadableKeys()
		return
	case c.agreed.DTLS != nil:
		c.shakeHands()
		return
	case c.help:
		c.speakAtOnce()
		return
	}
	c.hello = time.Now()
	c.session.Start(c.hello)
	c.started = true
	for _, d := range c.early {
		c.feed(d)
	}
	c.early = nil
	c.serveKeys()
}
