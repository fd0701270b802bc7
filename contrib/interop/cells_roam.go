package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/nat"
	"karat/contrib/interop/wiretap"
)

// roamCells are calls in which Karat's machine goes to another network.
func roamCells() []cell {
	return []cell{{
		name:   "karat-linphone/tls/network-change",
		proves: "in the middle of a call Karat's machine gets an address in another network and loses the one that it had: Linphone is told by re-INVITE where the voice now comes from and goes to, both are heard on, and the keys stay",
		limit:  2 * callLimit, karat: true, full: true, items: []int{13, 41}, run: roam,
	}}
}

const (
	// beforeMove is how long they talk in the first network.
	beforeMove = 4 * time.Second
	// movedWithin is within what time of the change the other end knows: five seconds,
	// and as much again for a busy machine.
	movedWithin = 10 * time.Second
)

var (
	reMoved     = regexp.MustCompile(`"event":"moving".*"done":true`)
	reMoveWrong = regexp.MustCompile(`"event":"moving".*"done":true.*"why":"[^"]`)
)

// roaming is such a call.
type roaming struct {
	controlled
	phone *nat.Roamer
	wires [2]*wiretap.Capture
	sent  [2][]wiretap.Packet // by Karat, in each network
}

func roam(ctx context.Context, b *bench) error {
	r := &roaming{}
	if err := r.start(ctx, b); err != nil {
		return err
	}
	if err := errors.Join(r.bob.Speak(r.bobSays), pause(ctx, beforeMove), r.move(ctx, b), pause(ctx, settleTime)); err != nil {
		return err
	}
	from, err := r.call.HeardSoFar()
	if err != nil {
		return err
	}
	// The player ends with a change.
	if err := errors.Join(r.bob.Speak(r.bobSays), r.bob.Record(), pause(ctx, talkTime)); err != nil {
		return err
	}
	if err := errors.Join(r.call.Type("h"), exits(ctx, r.call, 0), r.bob.Quit(ctx), r.stopWires()); err != nil {
		return err
	}
	atAlice, err := r.call.Heard()
	err = b.heard("karat", atAlice.Part(from, len(atAlice.Samples)), err, r.bobSays, r.aliceSays)
	atBob, berr := r.bob.Heard()
	return errors.Join(err, b.heard("linphone", atBob, berr, r.aliceSays, r.bobSays), r.sameKeys(), r.judge(b))
}

// start begins the call in the first network.
func (r *roaming) start(ctx context.Context, b *bench) (err error) {
	if r.phone, err = nat.NewRoamer(ctx); err != nil {
		return err
	}
	b.IP = nat.Server
	for i, n := range r.phone.Networks {
		if r.wires[i], err = wiretap.StartOn(n.Link, filepath.Join(b.Dir, n.Link+".pcap"), nil); err != nil {
			return err
		}
	}
	if r.proxy, err = b.proxy(ctx, "MD5"); err != nil {
		return err
	}
	if r.aliceSays, err = b.atLength(b.alice, moreTimes); err != nil {
		return err
	}
	if r.bobSays, err = b.atLength(b.bob, moreTimes); err != nil {
		return err
	}
	karat, err := b.NewKarat(ctx, lab.KaratConfig{
		Binary: b.karat, User: "alice", Proxy: r.proxy, Transport: "tls", Speech: r.aliceSays, Wrap: r.phone.Wrap(),
	})
	if err != nil {
		return err
	}
	if r.bob, err = b.newLinphone(ctx, history{karatCalls: true, keyAgreement: "X255", sasType: "B256"}.linphone(r.proxy)); err != nil {
		return err
	}
	mark := r.bob.Mark()
	if r.call, err = karat.Dial(ctx, r.proxy.AOR("bob"), callLimit); err != nil {
		return err
	}
	_, err = bothSecure(ctx, r.call, r.bob, mark)
	return err
}

// move changes the network, and waits until Karat says that the other end knows.
func (r *roaming) move(ctx context.Context, b *bench) error {
	mark, began := r.call.Output.Mark(), time.Now()
	if err := r.phone.Move(ctx); err != nil {
		return err
	}
	soon, cancel := context.WithTimeoutCause(ctx, movedWithin, fmt.Errorf("not within %v of the change", movedWithin))
	defer cancel()
	m, err := r.call.Output.Wait(soon, mark, reMoved)
	if err != nil {
		return fmt.Errorf("the call follows the network: %w: %s", err, r.call.Tail())
	}
	if reMoveWrong.MatchString(m.Text) {
		return fmt.Errorf("the call did not follow the network: %s", m.Text)
	}
	b.note("moved in %.1f s", time.Since(began).Seconds())
	return nil
}

func (r *roaming) stopWires() error {
	var errs []error
	for i, w := range r.wires {
		packets, err := w.Stop()
		errs = append(errs, err)
		for _, p := range packets {
			if p.From.Addr() == r.phone.Networks[i].Phone {
				r.sent[i] = append(r.sent[i], p)
			}
		}
	}
	return errors.Join(errs...)
}

// sameKeys: they were agreed on once.
func (r *roaming) sameKeys() error {
	secure := 0
	for _, line := range r.call.Output.Lines() {
		if reSecure.MatchString(line.Text) {
			secure++
		}
	}
	if secure != 1 {
		return fmt.Errorf("keys were agreed on %d times", secure)
	}
	for _, p := range wiretap.Of(r.sent[1], wiretap.ZRTP) {
		if kind := p.ZRTPType(); kind == "Commit" || kind == "DHPart1" || kind == "DHPart2" {
			return fmt.Errorf("karat sent %s in the new network", kind)
		}
	}
	return nil
}

var reSecure = regexp.MustCompile(`"event":"secure"`)

// judge: what Karat sent in each network is SIP over TLS and encrypted voice, and in
// the second the voice is the same stream as in the first.
func (r *roaming) judge(b *bench) error {
	var voice [2][]wiretap.Packet
	for i, sent := range r.sent {
		err := errors.Join(
			wiretap.Only(wiretap.Datagrams(sent), wiretap.ZRTP, wiretap.RTP, wiretap.RTCP),
			wiretap.StreamsOnlyWith(sent, b.servers),
		)
		if voice[i] = wiretap.Of(sent, wiretap.RTP); err == nil && len(voice[i]) == 0 {
			err = errors.New("no voice")
		}
		if err = errors.Join(err, wiretap.LooksEncrypted(voice[i])); err != nil {
			return fmt.Errorf("in network %d: %w", i+1, err)
		}
		b.note("network %d: %s", i+1, wiretap.Tally(sent))
	}
	if n := len(voice[1]); n < enoughVoice {
		return fmt.Errorf("%d packets of voice in the new network are too few", n)
	}
	return sameStream(voice[0][len(voice[0])-1], voice[1][0])
}

// mostMissed bounds the packets that were sent into a network that was not there.
const mostMissed = 50 * int(movedWithin/time.Second)

// sameStream: SSRC and numbers go on (RFC 3550, Section 5.1), so SRTP's keys and its
// count of turns do.
func sameStream(last, first wiretap.Packet) error {
	be := binary.BigEndian
	if one, other := be.Uint32(last.Payload[8:]), be.Uint32(first.Payload[8:]); one != other {
		return fmt.Errorf("the voice has another source in the new network: %08x, not %08x", other, one)
	}
	if missed := be.Uint16(first.Payload[2:]) - be.Uint16(last.Payload[2:]); missed == 0 || int(missed) > mostMissed {
		return fmt.Errorf("the numbers of the voice go on by %d in the new network", int16(missed))
	}
	return nil
}
