package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
	"karat/media/correlate"
)

// bench is what a cell works at.
type bench struct {
	*lab.Lab
	wire  *wiretap.Capture
	karat string // the binary
	root  string // of the repository
	// alice and bob are recordings of speech; the caller says alice's.
	alice, bob string

	others  []int    // UDP ports that are known not to be Karat's
	servers []int    // TCP ports that others than Karat listen on
	control int      // UDP port at which servers talk among themselves; 0: none
	notes   []string // shown in the table
	packets []wiretap.Packet
	// likeness of each recording to what the other end said.
	likeness []float64
}

// runCell runs a cell and ends what it started, whatever came of it.
func runCell(ctx context.Context, o options, c cell) (r result, err error) {
	room, err := lab.New(o.scratch, o.first)
	if err != nil {
		return r, err
	}
	b := &bench{
		Lab: room, karat: o.karat, root: o.root,
		alice: filepath.Join(o.root, speechDir, "alice.wav"),
		bob:   filepath.Join(o.root, speechDir, "bob.wav"),
	}
	defer func() { err = errors.Join(err, room.Close()) }()
	var keep func(wiretap.Packet) bool
	if o.shared {
		keep = func(p wiretap.Packet) bool {
			return inBlock(o.first, p.From.Port()) || inBlock(o.first, p.To.Port())
		}
	}
	if b.wire, err = wiretap.Start(filepath.Join(o.scratch, "wire.pcap"), keep); err != nil {
		return r, err
	}
	err = c.run(ctx, b)
	if b.packets == nil {
		_, serr := b.wire.Stop()
		err = errors.Join(err, serr)
	}
	if len(b.likeness) > 0 {
		r.Heard = slices.Min(b.likeness)
		b.note("heard %.2f", r.Heard)
	}
	r.Notes = b.notes
	return r, err
}

func inBlock(first int, port uint16) bool {
	return int(port) >= first && int(port) < first+lab.BlockSize
}

func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// stopWire ends the recording of packets, once all programs have had their say.
func (b *bench) stopWire() ([]wiretap.Packet, error) {
	var err error
	b.packets, err = b.wire.Stop()
	return slices.Clip(b.packets), err
}

// sentByKarat returns every datagram that came from Karat's sockets, after
// checking that there was no connection but signalling.
func (b *bench) sentByKarat(packets []wiretap.Packet) ([]wiretap.Packet, error) {
	sent := slices.DeleteFunc(wiretap.Datagrams(wiretap.SentBy(packets, b.others)), func(p wiretap.Packet) bool {
		return b.control != 0 && int(p.To.Port()) == b.control
	})
	return sent, wiretap.StreamsOnlyWith(packets, b.servers)
}

// talkTime is how long both sides speak: enough to recognise speech by, and 200
// packets each way.
const talkTime = 5 * time.Second

// pause waits in a call while people would talk.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// proxy starts a Kamailio for alice and bob.
func (b *bench) proxy(ctx context.Context, algorithm string) (*lab.Kamailio, error) {
	return b.provider(ctx, lab.KamailioConfig{Algorithm: algorithm, Users: []string{"alice", "bob", "carol"}})
}

// provider starts a Kamailio as it is wanted.
func (b *bench) provider(ctx context.Context, c lab.KamailioConfig) (*lab.Kamailio, error) {
	k, err := b.StartProvider(ctx, c)
	if err != nil {
		return nil, err
	}
	b.others = append(b.others, k.UDP)
	b.servers = append(b.servers, k.UDP, k.TLS)
	return k, nil
}

// heard checks a recording: it holds the other's speech and not one's own.
func (b *bench) heard(who string, r lab.Recording, err error, other, own string) error {
	if err != nil {
		return err
	}
	theirs, err := likeness(r, other)
	if err != nil {
		return err
	}
	mine, err := likeness(r, own)
	if err != nil {
		return err
	}
	b.likeness = append(b.likeness, theirs)
	if theirs >= correlate.Threshold && mine < correlate.Threshold {
		return nil
	}
	err = fmt.Errorf("%s heard the other with %.2f and itself with %.2f in %.1f s; %.2f tells speech from none",
		who, theirs, mine, r.Seconds(), correlate.Threshold)
	if theirs >= recognisable && mine < recognisable {
		return poorlyHeard{err}
	}
	return err
}

// hears checks that a recording of a few seconds holds a speech: as a whole, or in one
// of its halves. A phone that waits for a processor leaves a gap, and in so short a
// recording one gap would decide.
func (b *bench) hears(who string, r lab.Recording, speech string) error {
	half := len(r.Samples) / 2
	l := 0.0
	for _, part := range []lab.Recording{r, r.Part(0, half), r.Part(half, 2*half)} {
		one, err := likeness(part, speech)
		if err != nil {
			return err
		}
		l = max(l, one)
	}
	b.likeness = append(b.likeness, l)
	if l >= correlate.Threshold {
		return nil
	}
	err := fmt.Errorf("%s: heard with %.2f in %.1f s; %.2f tells speech from none", who, l, r.Seconds(), correlate.Threshold)
	if l >= recognisable {
		return poorlyHeard{err}
	}
	return err
}

// hearsNot checks that a recording does not hold a speech, though it lasts long
// enough to.
func (b *bench) hearsNot(who string, r lab.Recording, speech string) error {
	l, err := likeness(r, speech)
	if err != nil {
		return err
	}
	if l >= correlate.Threshold {
		return fmt.Errorf("%s: heard with %.2f what was not to be heard", who, l)
	}
	return nil
}

// atLength is a speech that is said again and again, for so many times, as a file.
func (b *bench) atLength(speech string, times int) (string, error) {
	r, err := lab.ReadWAV(speech)
	if err != nil {
		return "", err
	}
	path := filepath.Join(b.Dir, "long-"+filepath.Base(speech))
	return path, lab.WriteWAV(path, r.Times(times), 1)
}

// likeness tells how well a recording holds the speech in a file.
func likeness(r lab.Recording, speech string) (float64, error) {
	s, err := lab.ReadWAV(speech)
	if err != nil {
		return 0, err
	}
	if s, err = s.At(correlate.Rate); err != nil {
		return 0, err
	}
	if r, err = r.At(correlate.Rate); err != nil {
		return 0, err
	}
	return correlate.Contains(r.Samples, s.Samples), nil
}
