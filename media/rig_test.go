package media_test

import (
	"context"
	"math"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/media"
	"karat/media/codec"
	"karat/media/device"
	"karat/media/path"
	"karat/media/profile"
	"karat/media/wav"
)

const (
	ms            = time.Millisecond
	packetSamples = 960 // of profile.Standard, and of the peers here
)

// keys makes the keys of two ends that fit each other.
func keys(keyBytes, tagBits int) (a, b media.Keys) {
	fill := func(n int, v byte) secret.Bytes {
		k := make([]byte, n)
		for i := range k {
			k[i] = v + byte(i)
		}
		return secret.Own(k)
	}
	end := func(send, receive byte) media.Keys {
		return media.Keys{
			SendKey: fill(keyBytes, send), SendSalt: fill(14, send+100),
			ReceiveKey: fill(keyBytes, receive), ReceiveSalt: fill(14, receive+100),
			TagBits: tagBits,
		}
	}
	return end(1, 2), end(2, 1)
}

var agreed = media.Parameters{SendPT: 96, ReceivePT: 97, EventPT: 101, RTCPMux: true}

// mirrored are the parameters of the other end.
var mirrored = media.Parameters{SendPT: 97, ReceivePT: 96, EventPT: 101, RTCPMux: true}

// sound is a device in memory that keeps time by ticks: the microphone gives a
// sound and silence after it, the speaker is kept.
type sound struct {
	device.Device // null: it keeps the time

	mu     sync.Mutex // guards what follows
	mic    []int16
	played []int16
	broken error
}

func newSound(t testing.TB, mic []int16) *sound {
	t.Helper()
	null, err := device.Open("null", "null", device.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &sound{Device: null, mic: mic}
}

func (s *sound) Read(f *device.Frame) error {
	if err := s.Device.Read(f); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mic = s.mic[copy(f[:], s.mic):]
	return s.broken
}

func (s *sound) Play(fill func(samples []int16)) { s.Device.Play(device.Then(fill, s.keep)) }

func (s *sound) keep(samples []int16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.played = append(s.played, samples...)
}

// heard is what was played so far.
func (s *sound) heard() []int16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int16(nil), s.played...)
}

func (s *sound) breakDown(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// sent is a datagram that left an end.
type sent struct {
	at time.Duration // since the rig began
	b  []byte
}

// end is one phone's voice in a rig.
type end struct {
	*media.Stream
	t     testing.TB
	path  path.Path
	addr  netip.AddrPort
	sound *sound
	keys  media.Keys
	ssrc  uint32

	mu   sync.Mutex // guards sent
	sent []sent
}

// packets are those sent so far.
func (e *end) packets() []sent {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]sent(nil), e.sent...)
}

// voice is packets without RTCP.
func (e *end) voice() (v []sent) {
	for _, p := range e.packets() {
		if p.b[1] < 192 || p.b[1] > 223 {
			v = append(v, p)
		}
	}
	return v
}

// rig is two ends on a network in memory, in a synctest bubble.
type rig struct {
	t          testing.TB
	net        *simnet.Network
	start      time.Time
	alice, bob *end
}

// inRig runs a test in a bubble with two ends that are not armed.
func inRig(t *testing.T, plan simnet.Plan, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, net: simnet.New(simnet.Config{Plan: plan}), start: time.Now()}
		ka, kb := keys(32, 80)
		r.alice = r.newEnd("10.0.0.1", ka, 0xA11CE)
		r.bob = r.newEnd("10.0.0.2", kb, 0xB0B)
		r.alice.path.Remote(1, r.bob.addr)
		r.bob.path.Remote(1, r.alice.addr)
		test(r)
		for _, e := range []*end{r.alice, r.bob} {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			if err := e.path.Close(); err != nil {
				t.Error(err)
			}
		}
		r.net.Close()
	})
}

func (r *rig) newEnd(host string, k media.Keys, ssrc uint32) *end {
	r.t.Helper()
	conn, err := r.net.Host(host).ListenPacket(context.Background(), "udp", ":4000")
	if err != nil {
		r.t.Fatal(err)
	}
	e := &end{t: r.t, keys: k, ssrc: ssrc, sound: newSound(r.t, nil)}
	e.addr = netip.AddrPortFrom(netip.MustParseAddr(host), 4000)
	e.path = path.Tapped(path.NewUDP(conn), func(out bool, _ path.Class, _ netip.AddrPort, b []byte) {
		if !out {
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.sent = append(e.sent, sent{time.Since(r.start), append([]byte(nil), b...)})
	})
	e.Stream, err = media.New(media.Config{Path: e.path, Device: e.sound, SSRC: ssrc})
	if err != nil {
		r.t.Fatal(err)
	}
	e.path.Receive(func(class path.Class, fork path.Fork, from netip.AddrPort, b []byte) {
		if class == path.RTP {
			e.HandleRTP(fork, from, b)
		}
	})
	return e
}

// arm gives both ends their keys.
func (r *rig) arm() {
	r.t.Helper()
	if err := r.alice.ArmReceive(r.alice.keys, agreed); err != nil {
		r.t.Fatal(err)
	}
	if err := r.bob.ArmReceive(r.bob.keys, mirrored); err != nil {
		r.t.Fatal(err)
	}
}

// talk arms and starts both ends, unmuted.
func (r *rig) talk() {
	r.t.Helper()
	r.arm()
	for _, e := range []*end{r.alice, r.bob} {
		if err := e.Start(1); err != nil {
			r.t.Fatal(err)
		}
		e.SetMuted(false)
	}
}

// peer is a phone of another make: it seals what a test tells it to.
type peer struct {
	t      testing.TB
	ctx    *srtp.Context
	header rtp.Header
	opus   *codec.Encoder
}

// newPeer speaks with the sending keys k.
func newPeer(t testing.TB, k media.Keys, pt uint8) *peer {
	t.Helper()
	ctx, err := srtp.CreateContext(k.SendKey.Expose(), k.SendSalt.Expose(), srtp.ProtectionProfileAes256CmHmacSha1_80)
	if err != nil {
		t.Fatal(err)
	}
	opus, err := codec.NewEncoder(packetSamples, 60, false)
	if err != nil {
		t.Fatal(err)
	}
	return &peer{t: t, ctx: ctx, opus: opus, header: rtp.Header{Version: 2, PayloadType: pt, SSRC: 0xCAFE, SequenceNumber: 100, Timestamp: 5000}}
}

// voice seals the next packet of a tone.
func (p *peer) voice() []byte {
	p.t.Helper()
	var b [60]byte
	if err := p.opus.Encode(b[:], tone(packetSamples)); err != nil {
		p.t.Fatal(err)
	}
	return p.seal(b[:])
}

// seal seals any payload as the next packet.
func (p *peer) seal(payload []byte) []byte {
	p.t.Helper()
	plain, err := (&rtp.Packet{Header: p.header, Payload: payload}).Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	p.header.SequenceNumber++
	p.header.Timestamp += packetSamples
	b, err := p.ctx.EncryptRTP(nil, plain, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// opener decrypts what an end sent, to look inside.
func opener(t testing.TB, k media.Keys) *srtp.Context {
	t.Helper()
	profile := srtp.ProtectionProfileAes256CmHmacSha1_80
	ctx, err := srtp.CreateContext(k.SendKey.Expose(), k.SendSalt.Expose(), profile)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// decode decrypts and decodes all voice that an end sent.
func decode(t testing.TB, k media.Keys, packets []sent) (pcm []int16) {
	t.Helper()
	d, err := codec.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	var out [codec.MaxSamples]int16
	for _, payload := range payloads(t, k, packets) {
		if _, v, ok := profile.Split(payload); ok {
			payload = v.Frame
		}
		n, err := d.Decode(&out, payload)
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, out[:n]...)
	}
	return pcm
}

// payloads decrypts all voice that an end sent.
func payloads(t testing.TB, k media.Keys, packets []sent) (all [][]byte) {
	t.Helper()
	ctx := opener(t, k)
	for _, s := range packets {
		plain, err := ctx.DecryptRTP(nil, s.b, nil)
		if err != nil {
			t.Fatal(err)
		}
		var p rtp.Packet
		if err := p.Unmarshal(plain); err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Payload)
	}
	return all
}

// period is the time between packets that an end chose for its call.
func (e *end) period() time.Duration {
	e.t.Helper()
	v := e.voice()
	if len(v) < 2 {
		e.t.Fatal("no packets to tell the pace from")
	}
	p := v[1].at - v[0].at
	if off := p - 20*ms; off > 1000 || off < -1000 { // 50 millionths, in ns
		e.t.Errorf("packets are %v apart, beyond 50 ppm of 20 ms", p)
	}
	return p
}

func speech(t testing.TB, name string) []int16 {
	t.Helper()
	a, err := wav.ReadFile("../testdata/speech/" + name + ".wav")
	if err != nil {
		t.Fatal(err)
	}
	return a.At48k()
}

func tone(n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/48000))
	}
	return out
}

// peak is the highest level, in dBFS.
func peak(pcm []int16) float64 {
	var p int
	for _, v := range pcm {
		p = max(p, int(v), -int(v))
	}
	return 20 * math.Log10(math.Max(float64(p), 1e-3)/32768)
}
