package main

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"karat/media/codec"
	"karat/media/path"
	"karat/media/profile"
	"karat/media/wav"
	"karat/testdata/speech"
	"karat/zrtp"
)

const (
	// beat is how often the chorus wakes up: what it says may be so late.
	beat = 2500 * time.Microsecond
	// listenEvery is how often it looks at what came in calls that have their keys.
	listenEvery = 100 * time.Millisecond
	// keptAtFirst holds two and a half minutes of voice: while it is measured nothing
	// grows.
	keptAtFirst = 1 << 20
)

// chorus is the voice of all far ends: it agrees on keys as a Karat does and speaks as
// one, but what it says was encoded beforehand, and what it hears is only kept, with
// the time at which it came. One goroutine does all that at a steady beat, so that
// Karat is disturbed as little as can be.
type chorus struct {
	says [][]byte
	done chan struct{}
	wg   sync.WaitGroup

	mu    sync.Mutex // guards: calls, fault, and the calls themselves
	calls []*farCall
	fault error // the first one
}

// farCall is one call at the far end.
type farCall struct {
	socket  *socket
	session *zrtp.Session
	ssrc    uint32
	pt      uint8
	over    chan struct{} // closed when it is
	ended   bool          // and the chorus knows
	began   bool

	keys    zrtp.Keys
	sealing *srtp.Context // nil: no keys yet
	next    time.Time     // when it speaks, and
	looked  time.Time     // when it last listened
	header  rtp.Header
	said    int // packets

	kept  []byte // what was heard, one datagram after the other
	heard []datagram
}

// datagram is one that was heard, at an offset of what is kept.
type datagram struct {
	at   int64
	from int
}

func newChorus() (*chorus, error) {
	says, err := sayings()
	if err != nil {
		return nil, err
	}
	c := &chorus{says: says, done: make(chan struct{})}
	c.wg.Go(c.run)
	return c, nil
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

// join adds a call.
func (c *chorus) join(f *farCall) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, f)
}

// close ends all calls.
func (c *chorus) close() {
	close(c.done)
	c.wg.Wait()
}

func (c *chorus) run() {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.turn(time.Now(), false)
		case <-c.done:
			c.turn(time.Now(), true)
			return
		}
	}
}

// turn gives each call its turn; last: it is the last one.
func (c *chorus) turn(now time.Time, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.calls {
		if f.ended {
			continue
		}
		if err := f.turn(now, c.says); err != nil && c.fault == nil && !f.isOver() {
			c.fault = fmt.Errorf("the far end of a call: %w", err)
		}
		if last || f.isOver() {
			f.ended = true
			f.session.Close()
			f.socket.close()
		}
	}
}

// err is the first thing that went wrong.
func (c *chorus) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// all are the calls as they are now, with what was heard until now: what is heard
// while they are looked at does not change them.
func (c *chorus) all() ([]farCall, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []farCall
	for _, f := range c.calls {
		if err := f.listen(time.Now()); err != nil {
			return nil, err
		}
		all = append(all, *f)
	}
	return all, nil
}

func (f *farCall) isOver() bool {
	select {
	case <-f.over:
		return true
	default:
		return false
	}
}

// turn does what is to be done at a beat.
func (f *farCall) turn(now time.Time, says [][]byte) error {
	if !f.began {
		f.began = true
		f.session.Start(now)
	}
	if f.sealing == nil || now.Sub(f.looked) >= listenEvery {
		f.looked = now
		if err := f.listen(now); err != nil {
			return err
		}
	}
	if at := f.session.Deadline(); !at.IsZero() && !now.Before(at) {
		f.session.Advance(now)
	}
	if err := f.serve(now); err != nil {
		return err
	}
	for f.sealing != nil && !now.Before(f.next) {
		if err := f.speak(says); err != nil {
			return err
		}
		f.next = f.next.Add(period)
	}
	return nil
}

// listen takes what has come.
func (f *farCall) listen(now time.Time) error {
	var b [path.MaxDatagram]byte
	for !f.ended {
		n, at, ok, err := f.socket.read(b[:])
		if err != nil || !ok {
			return err
		}
		switch path.Classify(b[:n]) {
		case path.ZRTP:
			f.session.Receive(now, b[:n])
		case path.RTP:
			f.heard = append(f.heard, datagram{at, len(f.kept)})
			f.kept = append(f.kept, b[:n]...)
		case path.Unknown, path.STUN, path.DTLS:
			return errors.New("what came from Karat is neither ZRTP nor voice")
		}
	}
	return nil
}

// serve does what the key agreement wants.
func (f *farCall) serve(now time.Time) error {
	for pkt, ok := f.session.NextPacket(); ok; pkt, ok = f.session.NextPacket() {
		if err := f.socket.write(pkt); err != nil {
			return err
		}
	}
	for event, ok := f.session.NextEvent(); ok; event, ok = f.session.NextEvent() {
		switch event := event.(type) {
		case zrtp.KeysAgreed:
			f.keys = event.Keys
		case zrtp.Secure:
			var err error
			if f.sealing, err = newContext(f.keys.Send, f.keys.TagBits); err != nil {
				return err
			}
			f.next = now
			f.header = rtp.Header{Version: 2, PayloadType: f.pt, SSRC: f.ssrc, SequenceNumber: 1000, Timestamp: random32()}
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

// speak says the next of what was encoded beforehand, over and over.
func (f *farCall) speak(says [][]byte) error {
	head, err := f.header.Marshal()
	if err != nil {
		return err
	}
	b, err := f.sealing.EncryptRTP(nil, append(head, says[f.said%len(says)]...), nil)
	if err != nil {
		return err
	}
	f.said++
	f.header.SequenceNumber++
	f.header.Timestamp += perTick
	if err := f.socket.write(b); err != nil || !announceAt[f.said] {
		return err
	}
	return f.announce()
}

func (f *farCall) announce() error {
	plain, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.SenderReport{SSRC: f.ssrc, RTPTime: f.header.Timestamp, PacketCount: uint32(f.said)},
		rtcp.NewCNAMESourceDescription(f.ssrc, "far"),
		&rtcp.ApplicationDefined{SubType: 1, SSRC: f.ssrc, Name: "KRAT"},
	})
	if err != nil {
		return err
	}
	b, err := f.sealing.EncryptRTCP(nil, plain, nil)
	if err != nil {
		return err
	}
	return f.socket.write(b)
}

// packets opens what was kept: every one must be Karat's. said is the voice that was
// in them.
func (f *farCall) packets() (arrivals []arrival, said [][]byte, err error) {
	opening, err := newContext(f.keys.Receive, f.keys.TagBits)
	if err != nil {
		return nil, nil, err
	}
	var h rtp.Header
	var tick int64
	var last uint32
	for i, d := range f.heard {
		end := len(f.kept)
		if i+1 < len(f.heard) {
			end = f.heard[i+1].from
		}
		b := f.kept[d.from:end]
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
