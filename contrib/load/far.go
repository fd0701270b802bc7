package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"karat/media/codec"
	"karat/media/path"
	"karat/media/profile"
	"karat/media/wav"
	"karat/sip"
	"karat/sip/offer"
	"karat/testdata/speech"
	"karat/zrtp"
)

// far is the other end of some calls: an account that answers everybody. It agrees on
// keys as a Karat does and speaks as one, but what it says was encoded beforehand, and
// what it hears is only kept, with the time at which it came.
type far struct {
	agent *sip.Agent
	local netip.Addr
	says  [][]byte
	wg    sync.WaitGroup
	fault atomic.Pointer[error] // the first one

	mu    sync.Mutex // guards: calls
	calls []*farCall
}

// farCall is one of its calls. Its reader owns it until the call is over.
type farCall struct {
	far     *far
	sip     *sip.Call
	socket  *socket
	session *zrtp.Session
	ssrc    uint32
	remote  netip.AddrPort
	pt      uint8
	hanging chan struct{} // closed when the call is over

	mu    sync.Mutex // guards: keys, kept, heard
	keys  zrtp.Keys
	kept  []byte // what was heard, one datagram after the other
	heard []datagram
}

// keptAtFirst holds two and a half minutes of voice: while it is measured nothing grows.
const keptAtFirst = 1 << 20

// datagram is one that was heard, at an offset of what is kept.
type datagram struct {
	at   int64
	from int
}

func newFar(account *sip.Account, local netip.Addr, says [][]byte) (*far, error) {
	agent, err := sip.NewAgent(sip.Config{Account: account})
	if err != nil {
		return nil, err
	}
	return &far{agent: agent, local: local, says: says}, nil
}

// sayings is speech as payloads between Karats.
func sayings() ([][]byte, error) {
	said, err := voice(speech.Bob)
	if err != nil {
		return nil, err
	}
	p := &profile.Standard
	frame := make([]byte, p.Mix(profile.Least).Frame)
	e, err := codec.NewEncoder(p.Samples, len(frame), false)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for ; len(said) >= p.Samples; said = said[p.Samples:] {
		if err := e.Encode(frame, said[:p.Samples]); err != nil {
			return nil, err
		}
		payload := make([]byte, p.Bytes)
		p.Join(payload, &profile.Payload{Asks: profile.Least, Mix: profile.Least, Frame: frame})
		all = append(all, payload)
	}
	return all, nil
}

// voice is a recording at the rate of calls.
func voice(recording []byte) ([]int16, error) {
	a, err := wav.Read(bytes.NewReader(recording))
	if err != nil {
		return nil, err
	}
	return a.At48k(), nil
}

// start registers, and answers from then on.
func (f *far) start(ctx context.Context) error {
	if err := f.agent.Start(ctx); err != nil {
		return err
	}
	registered := make(chan error, 1)
	f.wg.Go(func() {
		for ev := range f.agent.Events() {
			switch ev := ev.(type) {
			case sip.Registered:
				select {
				case registered <- nil:
				default:
				}
			case sip.RegistrationLost:
				f.failed(fmt.Errorf("the far end is not registered: %w", ev.Why))
			case sip.Incoming:
				f.wg.Go(func() { f.answer(ev.Call) })
			}
		}
	})
	select {
	case err := <-registered:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *far) failed(err error) { f.fault.CompareAndSwap(nil, &err) }

// err is the first thing that went wrong.
func (f *far) err() error {
	if e := f.fault.Load(); e != nil {
		return *e
	}
	return nil
}

func (f *far) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = f.agent.Close(ctx) // the registrar forgets us anyway
	f.wg.Wait()
}

// answer takes a call and follows it to its end.
func (f *far) answer(sc *sip.Call) {
	c, err := f.take(sc)
	if err != nil {
		f.failed(fmt.Errorf("the far end could not answer: %w", err))
		sc.Decline()
		for range sc.Events() {
		}
		return
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.mu.Unlock()
	f.wg.Go(func() {
		if err := c.listen(); err != nil {
			f.failed(fmt.Errorf("the far end of a call ended: %w", err))
		}
	})
	for range sc.Events() {
	}
	close(c.hanging)
	c.socket.conn.Close()
}

func (f *far) take(sc *sip.Call) (*farCall, error) {
	theirs, err := offer.Parse(sc.Offer())
	if err != nil {
		return nil, err
	}
	s, err := openSocket(f.local)
	if err != nil {
		return nil, err
	}
	c := &farCall{far: f, sip: sc, socket: s, ssrc: random32(), hanging: make(chan struct{}), kept: make([]byte, 0, keptAtFirst)}
	c.session, err = zrtp.NewSession(zrtp.Config{ZID: randomZID(), SSRC: c.ssrc})
	if err != nil {
		return nil, err
	}
	ours, agreed, err := offer.Answer(theirs, offer.Local{Address: s.local(), ZRTPHash: c.session.HelloHash()})
	if err != nil {
		return nil, err
	}
	c.session.ExpectHello(agreed.RemoteZRTPHashes)
	c.remote, c.pt = agreed.Remote, uint8(agreed.VoicePT)
	return c, sc.Answer(ours)
}

// listen agrees on keys and keeps what is heard, until the call is over.
func (c *farCall) listen() error {
	defer c.session.Close()
	c.session.Start(time.Now())
	b := make([]byte, path.MaxDatagram)
	for {
		if err := c.serve(); err != nil {
			return err
		}
		n, at, err := c.socket.read(b, c.session.Deadline())
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.session.Advance(time.Now())
			continue
		case err != nil && c.over():
			return nil
		case err != nil:
			return err
		}
		switch path.Classify(b[:n]) {
		case path.ZRTP:
			c.session.Receive(time.Now(), b[:n])
		case path.RTP:
			c.keep(at, b[:n])
		case path.Unknown, path.STUN, path.DTLS:
			return errors.New("Karat sent what is neither ZRTP nor voice")
		}
	}
}

func (c *farCall) over() bool {
	select {
	case <-c.hanging:
		return true
	default:
		return false
	}
}

// serve does what the key agreement wants.
func (c *farCall) serve() error {
	for pkt, ok := c.session.NextPacket(); ok; pkt, ok = c.session.NextPacket() {
		if _, err := c.socket.conn.WriteToUDPAddrPort(pkt, c.remote); err != nil {
			return err
		}
	}
	for event, ok := c.session.NextEvent(); ok; event, ok = c.session.NextEvent() {
		switch event := event.(type) {
		case zrtp.KeysAgreed:
			c.mu.Lock()
			c.keys = event.Keys
			c.mu.Unlock()
		case zrtp.Secure:
			sealing, err := newContext(c.keys.Send, c.keys.TagBits)
			if err != nil {
				return err
			}
			c.far.wg.Go(func() {
				if err := c.speak(sealing); err != nil && !c.over() {
					c.far.failed(fmt.Errorf("the far end of a call fell silent: %w", err))
				}
			})
		case zrtp.Failed:
			return event.Err
		}
	}
	return nil
}

func newContext(d zrtp.Direction, tagBits int) (*srtp.Context, error) {
	profiles := map[[2]int]srtp.ProtectionProfile{
		{16, 80}: srtp.ProtectionProfileAes128CmHmacSha1_80, {32, 80}: srtp.ProtectionProfileAes256CmHmacSha1_80,
		{16, 32}: srtp.ProtectionProfileAes128CmHmacSha1_32, {32, 32}: srtp.ProtectionProfileAes256CmHmacSha1_32,
	}
	return srtp.CreateContext(d.Key.Expose(), d.Salt.Expose(), profiles[[2]int{d.Key.Len(), tagBits}])
}

// announceAt are the packets after which the far end says that it is a Karat, in the
// manner of package media.
var announceAt = map[int]bool{5: true, 25: true, 50: true}

// speak says what was encoded beforehand, over and over.
func (c *farCall) speak(sealing *srtp.Context) error {
	tick := time.NewTicker(period)
	defer tick.Stop()
	h := rtp.Header{Version: 2, PayloadType: c.pt, SSRC: c.ssrc, SequenceNumber: 1000, Timestamp: random32()}
	plain, sealed := make([]byte, 0, path.MaxDatagram), make([]byte, 0, path.MaxDatagram)
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-c.hanging:
			return nil
		}
		head, err := h.Marshal()
		if err != nil {
			return err
		}
		plain = append(append(plain[:0], head...), c.far.says[n%len(c.far.says)]...)
		b, err := sealing.EncryptRTP(sealed[:0], plain, nil)
		if err != nil {
			return err
		}
		if _, err := c.socket.conn.WriteToUDPAddrPort(b, c.remote); err != nil {
			return err
		}
		h.SequenceNumber++
		h.Timestamp += perTick
		if announceAt[n] {
			if err := c.announce(sealing, h.Timestamp, n); err != nil {
				return err
			}
		}
	}
}

func (c *farCall) announce(sealing *srtp.Context, timestamp uint32, n int) error {
	plain, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: c.ssrc, RTPTime: timestamp, PacketCount: uint32(n)},
		rtcp.NewCNAMESourceDescription(c.ssrc, "far"),
		&rtcp.ApplicationDefined{SubType: 1, SSRC: c.ssrc, Name: "KRAT"},
	})
	if err != nil {
		return err
	}
	b, err := sealing.EncryptRTCP(nil, plain, nil)
	if err != nil {
		return err
	}
	_, err = c.socket.conn.WriteToUDPAddrPort(b, c.remote)
	return err
}

// keep notes a datagram for later.
func (c *farCall) keep(at int64, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = append(c.heard, datagram{at, len(c.kept)})
	c.kept = append(c.kept, b...)
}

// packets opens what was kept: every one must be Karat's. said is the voice that was
// in them.
func (c *farCall) packets() (arrivals []arrival, said [][]byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	opening, err := newContext(c.keys.Receive, c.keys.TagBits)
	if err != nil {
		return nil, nil, err
	}
	var h rtp.Header
	var tick int64
	var last uint32
	for i, d := range c.heard {
		end := len(c.kept)
		if i+1 < len(c.heard) {
			end = c.heard[i+1].from
		}
		b := c.kept[d.from:end]
		if b[1] >= 192 && b[1] <= 223 { // RTCP
			continue
		}
		opened, err := opening.DecryptRTP(nil, b, &h)
		if err != nil {
			return nil, nil, fmt.Errorf("a packet came that is not Karat's: %w", err)
		}
		if len(arrivals) > 0 {
			tick += int64(int32(h.Timestamp-last)) / perTick
		}
		last = h.Timestamp
		arrivals = append(arrivals, arrival{tick: tick, seq: h.SequenceNumber, at: d.at})
		said = append(said, opened[h.MarshalSize():])
	}
	return arrivals, said, nil
}
