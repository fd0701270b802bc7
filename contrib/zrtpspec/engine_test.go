package main

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"

	"github.com/pion/srtp/v3"

	"karat/contrib/zrtpspec/spec"
	"karat/zrtp"
)

// engines is a spec.Source of phones around Karat's engine: what zrtp/doc.go
// tells the owner of a Session to do, and not a line more. They live in the
// bubble of a test.
type engines struct {
	// oneStream: the phone has no further streams, and does not say Mult. So is the
	// one that the tests start as a program: it fails one case, which they count on.
	oneStream bool
}

func (engines) Abilities() spec.Ability {
	return spec.Eyes | spec.Media | spec.Memory | spec.Signalling
}

func (e engines) Phone() (spec.Phone, error) {
	p := &enginePhone{known: map[zrtp.ZID]zrtp.Retained{}, oneStream: e.oneStream}
	_, _ = rand.Read(p.zid[:])
	return p, nil
}

// enginePhone is what lasts from one call to the next.
type enginePhone struct {
	zid   zrtp.ZID
	mu    sync.Mutex // guards: known
	known map[zrtp.ZID]zrtp.Retained

	// What the user allows: set before a call.
	preshared, clear, compares bool
	oneStream                  bool
}

// Permit is the user's word.
func (p *enginePhone) Permit(permission spec.Permission) {
	switch permission {
	case spec.Preshared:
		p.preshared, p.compares = true, true
	case spec.Clear:
		p.clear = true
	case spec.Compared:
		p.compares = true
	}
}

func (*enginePhone) Close() {}

func (p *enginePhone) retained(zid zrtp.ZID) (zrtp.Retained, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.known[zid]
	return r, ok
}

// keep stores what a call left, unless the user has an alarm to settle first.
func (p *enginePhone) keep(s zrtp.Secure) {
	if s.Mismatched {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Remember.Verified = s.Remember.Verified || p.compares
	p.known[s.Peer] = s.Remember
}

func (p *enginePhone) Call(announce []string) (spec.Call, error) {
	return p.stream(announce, nil)
}

// stream begins the first stream of a call, or another one of it.
func (p *enginePhone) stream(announce []string, first *engineCall) (*engineCall, error) {
	var ssrc [4]byte
	_, _ = rand.Read(ssrc[:])
	cfg := zrtp.Config{
		ZID:             p.zid,
		SSRC:            binary.BigEndian.Uint32(ssrc[:]),
		PeerHelloHashes: announce,
		Retained:        p.retained,
		Expiry:          zrtp.ExpiryNever,
		Multistream:     !p.oneStream,
		Preshared:       p.preshared,
		AllowClear:      p.clear,
		Further:         first != nil,
	}
	session, err := zrtp.NewSession(cfg)
	if err != nil {
		return nil, err
	}
	c := &engineCall{
		phone: p, session: session, hash: session.HelloHash(), ssrc: cfg.SSRC, first: first, owner: &sync.Mutex{},
		in: make(chan []byte, 64), out: make(chan []byte, 4096), stop: make(chan struct{}),
	}
	if first != nil {
		c.owner = first.owner
	}
	c.wg.Go(c.run)
	return c, nil
}

// Stream adds one.
func (c *engineCall) Stream(announce []string) (spec.Call, error) {
	further, err := c.phone.stream(announce, c)
	if err != nil {
		return nil, err
	}
	c.owner.Lock()
	defer c.owner.Unlock()
	c.further = append(c.further, further)
	return further, c.join(further)
}

// join gives a further stream the first one's key, once there is one, and wakes it.
func (c *engineCall) join(further *engineCall) error {
	if c.key == nil {
		return nil
	}
	defer further.wake()
	return further.session.Join(time.Now(), c.key)
}

// wake lets a call look at what its session has to say.
func (c *engineCall) wake() {
	select {
	case c.in <- nil:
	default:
	}
}

// engineCall owns a Session in one goroutine, and sends media once that is
// secure.
type engineCall struct {
	phone   *enginePhone
	session *zrtp.Session
	hash    string
	ssrc    uint32
	in, out chan []byte
	stop    chan struct{}
	wg      sync.WaitGroup

	// owner stands for the one goroutine that owns all streams of a call.
	owner   *sync.Mutex // guards: session, key, further, send, receive, secure
	key     *zrtp.SessionKey
	first   *engineCall // of a further stream
	further []*engineCall

	send, receive *srtp.Context
	secure        bool
	sequence      uint16

	mu     sync.Mutex // guards: sights
	sights []spec.Sight
}

func (c *engineCall) Announced() []string { return []string{c.hash} }

func (c *engineCall) Sights() []spec.Sight {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]spec.Sight(nil), c.sights...)
}

func (c *engineCall) Send(b []byte) error { c.in <- b; return nil }

func (c *engineCall) Receive(wait time.Duration) []byte {
	select {
	case b := <-c.out:
		return b
	case <-time.After(wait):
		return nil
	}
}

func (c *engineCall) Hangup() {
	close(c.stop)
	c.wg.Wait()
}

const frame = 20 * time.Millisecond

// run is the goroutine of the call.
func (c *engineCall) run() {
	defer c.owned(c.end)
	ticker := time.NewTicker(frame)
	defer ticker.Stop()
	c.owned(func() { c.session.Start(time.Now()) })
	for {
		var wake <-chan time.Time
		c.owned(func() {
			c.drain()
			if at := c.session.Deadline(); !at.IsZero() {
				wake = time.After(time.Until(at))
			}
		})
		select {
		case b := <-c.in:
			c.owned(func() { c.take(b) })
		case <-wake:
			c.owned(func() { c.session.Advance(time.Now()) })
		case <-ticker.C:
			c.owned(c.voice)
		case <-c.stop:
			return
		}
	}
}

func (c *engineCall) owned(f func()) {
	c.owner.Lock()
	defer c.owner.Unlock()
	f()
}

// end wipes what the stream had, and with the first one what the call had.
func (c *engineCall) end() {
	c.session.Close()
	if c.first == nil {
		c.key.Wipe()
	}
}

// take sorts what arrives as RFC 7983 says.
func (c *engineCall) take(b []byte) {
	switch {
	case len(b) > 0 && b[0] >= 128 && b[0] <= 191:
		if c.receive == nil {
			return
		}
		if _, err := c.receive.DecryptRTP(nil, b, nil); err == nil {
			c.session.ReceivedSRTP(time.Now())
		}
	default:
		c.session.Receive(time.Now(), b)
	}
}

func (c *engineCall) drain() {
	for pkt, ok := c.session.NextPacket(); ok; pkt, ok = c.session.NextPacket() {
		c.put(pkt)
	}
	for e, ok := c.session.NextEvent(); ok; e, ok = c.session.NextEvent() {
		c.event(e)
	}
}

// put loses what nobody takes, as a network does.
func (c *engineCall) put(b []byte) {
	select {
	case c.out <- b:
	default:
	}
}

func (c *engineCall) event(e zrtp.Event) {
	switch e := e.(type) {
	case zrtp.Mismatch:
		c.show(spec.Sight{Kind: spec.SawMismatch})
	case zrtp.KeysAgreed:
		c.send, c.receive = newSRTP(e.Keys.Send, e.Keys.TagBits), newSRTP(e.Keys.Receive, e.Keys.TagBits)
		e.Keys.Wipe()
	case zrtp.Secure:
		c.secure, c.key = true, e.SessionKey
		c.phone.keep(e)
		for _, further := range c.further {
			_ = further.session.Join(time.Now(), c.key)
			further.wake()
		}
		c.show(spec.Sight{
			Kind: spec.SawSecure, SAS: e.SAS,
			Verified: e.Verified, Disclosed: e.Disclosed, Continuity: e.Continuity,
		})
	case zrtp.StreamSecure:
		c.secure = true
	case zrtp.Cleared: // the user confirms nothing, so nothing is sent
		c.secure = false
	case zrtp.Failed:
		c.show(spec.Sight{Kind: spec.SawFailed, Why: e.Err.Error()})
	}
}

func (c *engineCall) show(s spec.Sight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sights = append(c.sights, s)
}

// voice sends a frame.
func (c *engineCall) voice() {
	if !c.secure {
		return
	}
	packet := make([]byte, 12+40)
	packet[0], packet[1] = 0x80, 96
	binary.BigEndian.PutUint16(packet[2:], c.sequence)
	binary.BigEndian.PutUint32(packet[8:], c.ssrc)
	c.sequence++
	encrypted, err := c.send.EncryptRTP(nil, packet, nil)
	if err != nil {
		panic(err) // keys of the wrong length: a fault of this test
	}
	c.put(encrypted)
}

func newSRTP(d zrtp.Direction, tagBits int) *srtp.Context {
	profile := map[[2]int]srtp.ProtectionProfile{
		{16, 32}: srtp.ProtectionProfileAes128CmHmacSha1_32,
		{16, 80}: srtp.ProtectionProfileAes128CmHmacSha1_80,
		{32, 32}: srtp.ProtectionProfileAes256CmHmacSha1_32,
		{32, 80}: srtp.ProtectionProfileAes256CmHmacSha1_80,
	}[[2]int{d.Key.Len(), tagBits}]
	c, err := srtp.CreateContext(d.Key.Expose(), d.Salt.Expose(), profile)
	if err != nil {
		panic(err) // keys of the wrong length: a fault of this test
	}
	return c
}
