//go:build !race

// The race detector lets sync.Pool forget at random, and so makes packages that
// use one allocate: counting says nothing then.

package media

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/media/device"
	"karat/media/path"
	"karat/media/wav"
)

// line is two streams whose goroutines do not run: a test turns the crank.
type line struct {
	from, to *Stream
	last     []byte // what left
	clock    time.Time
}

// pipe is a path whose packets stay in its line.
type pipe struct {
	path.Path
	l *line
}

func (p pipe) Send(_ path.Fork, b []byte) error {
	p.l.last = append(p.l.last[:0], b...)
	return nil
}

func (p pipe) Authenticated(path.Fork, netip.AddrPort) {}

func newLine(t testing.TB) *line {
	t.Helper()
	l := &line{last: make([]byte, 0, 2048), clock: time.Now()}
	d, err := device.Open("null", "null", device.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k := make([]byte, 32)
	k[0] = 1
	p := Parameters{SendPT: 96, ReceivePT: 96, RTCPMux: true}
	for _, s := range []**Stream{&l.from, &l.to} {
		if *s, err = New(Config{Path: pipe{l: l}, Device: d, SSRC: 1}); err != nil {
			t.Fatal(err)
		}
		ctx, err := newContext(secret.Own(k), secret.Own(k[:14]), 80)
		if err != nil {
			t.Fatal(err)
		}
		clock := newReporter((*s).out.clock)
		(*s).out.arm(ctx, 1, p, clock)
		(*s).in.arm(ctx, p, 2, clock)
		if err := (*s).out.prepare(); err != nil {
			t.Fatal(err)
		}
		(*s).SetMuted(false)
	}
	return l
}

// send does all that happens to a frame from the microphone to the path.
func (l *line) send(f *device.Frame) error {
	for range l.from.out.profile.Samples / len(f) {
		l.from.out.mic.push(l.clock, f[:])
	}
	if err := l.from.out.makeReady(l.clock); err != nil {
		return err
	}
	return l.from.transmit(1)
}

var peerAddr = netip.MustParseAddrPort("10.0.0.1:4000")

// receive does all that happens to it from the path to the speaker.
func (l *line) receive(f *device.Frame) {
	l.to.receive(l.clock, 1, peerAddr, l.last)
	for range l.from.out.profile.Samples / len(f) {
		l.clock = l.clock.Add(device.FrameSamples * time.Second / device.SampleRate)
		l.to.nextBlock(l.clock, f[:])
	}
}

func TestNoAllocations(t *testing.T) {
	l := newLine(t)
	f := new(device.Frame)
	for i := range f {
		f[i] = int16(i * 13)
	}
	send := testing.AllocsPerRun(500, func() {
		if err := l.send(f); err != nil {
			t.Error(err)
		}
	})
	receive := testing.AllocsPerRun(500, func() {
		if err := l.send(f); err != nil {
			t.Error(err)
		}
		l.receive(f)
	})
	if send != 0 || receive != 0 {
		t.Errorf("%v allocations a frame sent, %v sent and received, want none", send, receive)
	}
	if st, played := l.to.Stats(), l.to.in.buffer.Stats().Played; played < 450 || st.Unauthenticated+st.Replayed > 0 {
		t.Errorf("not what was to be measured: %d played, %+v", played, st)
	}
}

func benchFrames(b *testing.B) []*device.Frame {
	a, err := wav.ReadFile("../testdata/speech/alice.wav")
	if err != nil {
		b.Fatal(err)
	}
	var all []*device.Frame
	for pcm := a.At48k(); len(pcm) >= device.FrameSamples; pcm = pcm[device.FrameSamples:] {
		all = append(all, (*device.Frame)(pcm))
	}
	return all
}

// BenchmarkSend is one frame from the microphone to the path.
func BenchmarkSend(b *testing.B) {
	l, frames := newLine(b), benchFrames(b)
	b.ReportAllocs()
	before, n := cpu(b), 0
	for b.Loop() {
		if err := l.send(frames[n%len(frames)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric((cpu(b)-before).Seconds()/float64(n)*50, "cpu-s/call-s")
}

// BenchmarkReceive is one packet from the path to the speaker.
func BenchmarkReceive(b *testing.B) {
	l, frames := newLine(b), benchFrames(b)
	out := new(device.Frame)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		b.StopTimer()
		if err := l.send(frames[n%len(frames)]); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		l.receive(out)
		n++
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(n)*50, "cpu-s/call-s")
}

// realCall is two phones' voices in real time over real sockets.
func realCall(b *testing.B) ([]*Stream, []*path.UDP) {
	b.Helper()
	ends := make([]*Stream, 2)
	paths := make([]*path.UDP, 2)
	for i := range ends {
		d, err := device.Open("file:../testdata/speech/alice.wav", "null", device.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if paths[i], err = path.ListenUDP("udp4", "127.0.0.1:0"); err != nil {
			b.Fatal(err)
		}
		if ends[i], err = New(Config{Path: paths[i], Device: d, SSRC: uint32(i)}); err != nil {
			b.Fatal(err)
		}
		paths[i].Receive(func(_ path.Class, fork path.Fork, from netip.AddrPort, p []byte) {
			ends[i].HandleRTP(fork, from, p)
		})
	}
	key := func(v byte) secret.Bytes {
		k := make([]byte, 32)
		k[0] = v
		return secret.Own(k)
	}
	salt := func(v byte) secret.Bytes { return secret.Own(append([]byte(nil), key(v).Expose()[:14]...)) }
	for i, s := range ends {
		me, you := byte(1+i), byte(2-i)
		paths[i].Remote(1, paths[1-i].Local())
		k := Keys{SendKey: key(me), SendSalt: salt(me), ReceiveKey: key(you), ReceiveSalt: salt(you), TagBits: 80}
		if err := s.ArmReceive(k, Parameters{SendPT: 96, ReceivePT: 96, RTCPMux: true}); err != nil {
			b.Fatal(err)
		}
		if err := s.Start(1); err != nil {
			b.Fatal(err)
		}
		s.SetMuted(false)
	}
	return ends, paths
}

// BenchmarkCall runs two phones' voices for two seconds of real time over real
// sockets, and reports the CPU time of one, goroutines, timers and all.
func BenchmarkCall(b *testing.B) {
	ends, paths := realCall(b)
	before, n := cpu(b), 0
	for b.Loop() {
		<-time.After(2 * time.Second)
		n++
	}
	b.ReportMetric((cpu(b)-before).Seconds()/2/float64(n)/2, "cpu-s/call-s")
	for i, s := range ends {
		if st := s.Stats(); st.Received == 0 {
			b.Errorf("nothing was received: %+v", st)
		}
		s.Close()
		paths[i].Close()
	}
}

// BenchmarkJunk sends a phone 100,000 packets a second that are not its peer's while
// two talk, and reports how many of the peer's are lost meanwhile, and the CPU time
// of a second of the flood, its sender's among it.
func BenchmarkJunk(b *testing.B) {
	const perMillisecond = 100
	for name, forge := range map[string]func(p []byte, n int){
		"noise":      func([]byte, int) {},
		"any source": func(p []byte, _ int) { p[0], p[1] = 0x80, 96 },
		"peer's source": func(p []byte, n int) {
			p[0], p[1], p[2], p[3], p[8], p[9], p[10], p[11] = 0x80, 96, byte(n>>8), byte(n), 0, 0, 0, 1
		},
	} {
		b.Run(name, func(b *testing.B) {
			ends, paths := realCall(b)
			conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(paths[0].Local()))
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			random := rand.NewChaCha8([32]byte{1})
			packet := make([]byte, 104)
			time.Sleep(time.Second)
			first := ends[0].Stats()
			used, sent := cpu(b), 0
			start := time.Now()
			for b.Loop() {
				due := int(time.Since(start)/time.Millisecond) * perMillisecond
				for ; sent < due; sent++ {
					_, _ = random.Read(packet) // never fails
					packet[0] |= 0x80
					forge(packet, sent)
					_, _ = conn.Write(packet) // a full buffer is the point
				}
				time.Sleep(time.Millisecond)
			}
			took := time.Since(start).Seconds()
			last := ends[0].Stats()
			lost, came := last.Lost-first.Lost, last.Received-first.Received
			b.ReportMetric(float64(sent)/took, "junk/s")
			b.ReportMetric(100*float64(lost)/float64(max(lost+came, 1)), "%lost")
			b.ReportMetric((cpu(b)-used).Seconds()/took, "cpu-s/s")
			for i, s := range ends {
				s.Close()
				paths[i].Close()
			}
		})
	}
}

// cpu is the time that the process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// FuzzHandleRTP gives a stream any bytes, and wraps them as a genuine packet of
// any header too.
func FuzzHandleRTP(f *testing.F) {
	f.Add([]byte{0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x78, 1, 2, 3})
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 1})
	f.Add([]byte{0xBF, 0xFF, 0, 0})
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 0x10, 0, 0, 0})
	f.Add(make([]byte, 3000))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := newLine(t)
		l.to.HandleRTP(1, peerAddr, b)
		for _, seal := range []func(dst, plain []byte) ([]byte, error){
			func(dst, plain []byte) ([]byte, error) { return l.from.out.seal.ctx.EncryptRTP(dst, plain, nil) },
			func(dst, plain []byte) ([]byte, error) { return l.from.out.seal.ctx.EncryptRTCP(dst, plain, nil) },
		} {
			if sealed, err := seal(nil, b); err == nil {
				l.to.HandleRTP(1, peerAddr, sealed)
			}
		}
		l.receive(new(device.Frame))
		l.receive(new(device.Frame))
	})
}
