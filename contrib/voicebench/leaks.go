package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/link"
	"karat/contrib/voicebench/leak"
	"karat/contrib/voicebench/quality"
)

// kinds of sound that are told apart. The second is the first again: telling
// those two apart is chance (A/A).
var kinds = []string{"speech", "speech again", "silence", "music"}

const (
	// segment of one kind, of which the middle is judged: the ends are left out
	// because where a call begins in its file is known only roughly.
	segment = 6400 * time.Millisecond
	middle  = 6000 * time.Millisecond

	karatCalls     = 6 // of two streams each
	tellingStreams = 3 // of each kind of telling sender
	streamLength   = 336 * time.Second
	quickLength    = 130 * time.Second
	rounds         = 3 // of all streams, one after the other
)

// stream is one voice on a line, and which kind of sound it is when.
type stream struct {
	wire  *wire
	kinds []int
}

// finding is one comparison of the report.
type finding struct {
	Sender, A, B string
	Sizes        int
	leak.Verdict
}

// measureLeak records all senders at once, each on a line of its own, and lets
// the classifier try.
func measureLeak(ctx context.Context, o options) error {
	length := streamLength
	if o.quick {
		length = quickLength
	}
	material, err := recorded(ctx, o, sentences...)
	if err != nil {
		return err
	}
	var (
		mu      sync.Mutex // guards: streams, errs
		streams = map[string][]stream{}
		errs    []error
		group   sync.WaitGroup
	)
	record := func(sender string, n int) {
		group.Go(func() {
			s, err := recordStreams(ctx, o, sender, n, length, material)
			mu.Lock()
			defer mu.Unlock()
			streams[sender], errs = append(streams[sender], s...), append(errs, err)
		})
	}
	for round := range rounds {
		if o.quick && round > 0 {
			break
		}
		for n := range karatCalls {
			record("karat", 10*round+n)
		}
		for i, sender := range tellingSenders {
			for n := range tellingStreams {
				record(sender, 100*(i+1)+10*round+n)
			}
		}
		fmt.Printf("recording for %v, round %d\n", length, round+1)
		group.Wait()
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return o.keep("leak", findings(streams))
}

// findings compares speech with each other kind, for each sender.
func findings(streams map[string][]stream) []finding {
	var all []finding
	for _, sender := range append([]string{"karat"}, tellingSenders...) {
		for other := 1; other < len(kinds); other++ {
			var x [][]float64
			var class []bool
			sizes := map[int]bool{}
			for _, s := range streams[sender] {
				for i, w := range s.windows() {
					for _, p := range w {
						sizes[p.Size] = true
					}
					if k := s.kinds[i]; k == 0 || k == other {
						x, class = append(x, leak.Features(w)), append(class, k == other)
					}
				}
			}
			v := finding{Sender: sender, A: kinds[0], B: kinds[other], Sizes: len(sizes), Verdict: leak.Judge(x, class, 1)}
			fmt.Printf("%-17s %s and %s: %v, %d sizes\n", v.Sender, v.A, v.B, v.Verdict, v.Sizes)
			all = append(all, v)
		}
	}
	return all
}

// windows are the packets in the middle of each segment. The first packet of
// all carries the beginning of the file.
func (s stream) windows() [][]leak.Packet {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	out := make([][]leak.Packet, len(s.kinds))
	if len(s.wire.packets) == 0 {
		return out
	}
	first := s.wire.packets[0]
	var all []leak.Packet
	var number []int
	for _, p := range s.wire.packets {
		n := int(p.seq - first.seq)
		if len(number) > 0 { // it rolls over
			n = number[len(number)-1] + int(int16(p.seq-uint16(number[len(number)-1])-first.seq))
		}
		all, number = append(all, leak.Packet{At: p.at.Sub(first.at).Seconds(), Size: p.size}), append(number, n)
	}
	leak.Pace(all, number)
	for i, p := range all {
		at := time.Duration(number[i]) * frameTime
		i, within := int(at/segment), at%segment
		if i >= 0 && i < len(out) && within >= (segment-middle)/2 && within < (segment+middle)/2 {
			out[i] = append(out[i], p)
		}
	}
	return out
}

// recordStreams lets one sender say a random row of kinds; of a call of Karat both ends
// do.
func recordStreams(ctx context.Context, o options, sender string, n int, length time.Duration, material []int16) ([]stream, error) {
	r := rand.New(rand.NewPCG(uint64(n), 3))
	file := filepath.Join(o.scratch, fmt.Sprintf("stream-%d.wav", n))
	var row []int
	var pcm []int16
	for range int(length / segment / time.Duration(len(kinds))) {
		for _, k := range r.Perm(len(kinds)) {
			row = append(row, k)
			pcm = append(pcm, sound(k, material, r)...)
		}
	}
	if err := lab.WriteWAV(file, lab.Recording{Rate: quality.Rate, Samples: pcm}, 1); err != nil {
		return nil, err
	}
	line, err := link.Line{Name: fmt.Sprintf("-l%d", n), Delay: oneWay}.Join(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer line.Close()
	l, err := lab.New(filepath.Join(o.scratch, fmt.Sprintf("leak-%d", n)), firstPort)
	if err != nil {
		return nil, err
	}
	hosts := []link.Host{line.A}
	if sender == "karat" {
		hosts = append(hosts, line.B)
	}
	streams, stop, err := observe(hosts, row)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	said := spoken{path: file, silence: file, length: time.Duration(len(pcm)) * time.Second / quality.Rate}
	if sender == "karat" {
		_, err = karatPhone(o.karat)(ctx, l, line, said, func(_, _ *lab.Process) error { return nil })
	} else {
		err = sendTelling(ctx, l, line, sender, file)
	}
	return streams, errors.Join(err, stop(), l.Close())
}

// observe watches what each host sends, which is a row of kinds.
func observe(hosts []link.Host, row []int) (streams []stream, stop func() error, err error) {
	var stops []func() error
	stop = func() (err error) {
		for _, s := range stops {
			err = errors.Join(err, s())
		}
		return err
	}
	for _, h := range hosts {
		w := &wire{}
		w.watch(h.Addr)
		observer, err := h.Watch(func(at time.Time, b []byte) { w.see(at, true, b) })
		if err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		streams, stops = append(streams, stream{w, row}), append(stops, observer.Close)
	}
	return streams, stop, nil
}

// sound is a segment of one kind, speech from a random place. Silence is
// digital: what a muted telephone that does not care would encode.
func sound(kind int, material []int16, r *rand.Rand) []int16 {
	n := int(segment.Seconds() * quality.Rate)
	out := make([]int16, n)
	switch kinds[kind] {
	case "silence":
	case "music":
		for i := range out {
			t := float64(i) / quality.Rate
			for _, hertz := range []float64{220, 277.2, 329.6, 440} { // a chord that beats
				out[i] += int16(1500 * math.Sin(2*math.Pi*hertz*t) * (1 + 0.5*math.Sin(2*math.Pi*3*t)))
			}
		}
	default:
		copy(out, material[r.IntN(len(material)-n):])
	}
	return out
}

// sendTelling runs one of the senders that tell on the left host.
func sendTelling(ctx context.Context, l *lab.Lab, line *link.Link, kind, file string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := l.Start(ctx, lab.Command{
		Name: "sender", Path: self, Dir: l.Dir, Wrap: line.A.Wrap(),
		Args: []string{senderCommand, "-kind", kind, "-file", file, "-to", net.JoinHostPort(line.B.Addr.String(), "9")},
	})
	if err != nil {
		return err
	}
	code, err := p.Wait(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit %d: %s", code, p.Tail())
	}
	return err
}
