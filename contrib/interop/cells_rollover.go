package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

const (
	// wholeTurn is how long 65,536 packets of 20 ms take, lateTurn how much longer on a
	// machine that has other work to do, and longTimes how often a speech of 7 s fills
	// both.
	wholeTurn = 22 * time.Minute
	lateTurn  = 15 * time.Minute
	longTimes = 330
	// afterTurn is how long a call goes on before what is heard is judged: SRTP
	// that took the new turn for the old would be silent by now.
	afterTurn = 2 * time.Second
)

// rollOverCells are calls in which the sequence numbers begin anew, and SRTP counts
// that (RFC 3711, Section 3.3.1: the ROC). Linphone's begin at 0, and Karat's below
// 2^15, as RFC 4568, Section 6.4 wants it: a call takes 22 minutes to see both.
func rollOverCells() []cell {
	return []cell{{
		name:   "karat-linphone/tls/roll-over",
		proves: "Karat's sequence numbers begin anew, in a Karat built to begin with late ones: Linphone hears it on",
		limit:  3 * callLimit, karat: true, items: []int{62}, run: rollOver,
	}, {
		name:   "linphone-karat/tls/long-call",
		proves: "in a call of 22 minutes the sequence numbers of both begin anew: what Linphone says then comes back from Karat's echo, through both",
		limit:  wholeTurn + lateTurn + callLimit, karat: true, full: true, items: []int{62}, run: longCall,
	}}
}

// The line of media/seal.go that draws the first number, and what stands in its place
// in the Karat of a roll-over that does not take 22 minutes. No other Karat has it.
var (
	firstNumber = []byte("s.index = uint64(random32() & 0x7fff)")
	lateNumber  = []byte("s.index = 1<<16 - 300 + uint64(random32()&0x7f)")
)

// buildLate builds that Karat: Go takes one file for another (go help build, -overlay).
func (b *bench) buildLate(ctx context.Context) (string, error) {
	source := filepath.Join(b.root, "media", "seal.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	if bytes.Count(text, firstNumber) != 1 {
		return "", fmt.Errorf("%s draws no first number as it did", source)
	}
	late := filepath.Join(b.Dir, "seal.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: late}})
	if err != nil {
		return "", err
	}
	list, binary := filepath.Join(b.Dir, "overlay.json"), filepath.Join(b.Dir, "karat-late")
	if err := errors.Join(os.WriteFile(late, bytes.Replace(text, firstNumber, lateNumber, 1), 0o600), os.WriteFile(list, overlay, 0o600)); err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-overlay", list, "-o", binary, "./cmd/karat")
	build.Dir = b.root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the Karat with late numbers: %w\n%s", err, out)
	}
	return binary, nil
}

// rollOver talks until the numbers of Karat have begun anew, and then judges what is
// heard.
func rollOver(ctx context.Context, b *bench) error {
	late, err := b.buildLate(ctx)
	if err != nil {
		return err
	}
	c, err := startCall(ctx, b, late)
	if err != nil {
		return err
	}
	if err := c.bob.Speak(c.bobSays); err != nil {
		return err
	}
	if err := b.waitTurns(ctx, c.bob, false); err != nil {
		return err
	}
	from, err := c.call.HeardSoFar()
	if err != nil {
		return err
	}
	if err := errors.Join(c.bob.Speak(c.bobSays), c.bob.Record(), pause(ctx, talkTime)); err != nil {
		return err
	}
	if err := errors.Join(c.call.Type("h"), exits(ctx, c.call, 0), c.bob.Quit(ctx)); err != nil {
		return err
	}
	atAlice, err := c.call.Heard()
	err = b.heard("karat", atAlice.Part(from, len(atAlice.Samples)), err, c.bobSays, c.aliceSays)
	atBob, berr := c.bob.Heard()
	return errors.Join(err, b.heard("linphone", atBob, berr, c.aliceSays, c.bobSays), b.judgeSecure([]*lab.Linphone{c.bob}))
}

// longCall: Karat's numbers begin where they do, so that a whole turn of Linphone's is
// enough for both. Karat sends back what it hears: its microphone takes no file of 22
// minutes.
func longCall(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	says, err := b.atLength(b.alice, longTimes)
	if err != nil {
		return err
	}
	karat, err := b.NewKarat(ctx, lab.KaratConfig{Binary: b.karat, User: "bob", Proxy: proxy, Transport: "tls", Speech: b.bob, Echo: true})
	if err != nil {
		return err
	}
	linphone, err := b.newLinphone(ctx, history{keyAgreement: "X255", sasType: "B256"}.linphone(proxy))
	if err != nil {
		return err
	}
	call, err := karat.Answer(ctx)
	if err != nil {
		return err
	}
	mark := linphone.Mark()
	if err := linphone.Call(proxy.AOR("bob")); err != nil {
		return err
	}
	if _, err := bothSecure(ctx, call, linphone, mark); err != nil {
		return err
	}
	if err := linphone.Speak(says); err != nil {
		return err
	}
	if err := b.waitTurns(ctx, linphone, true); err != nil {
		return err
	}
	if err := errors.Join(linphone.Speak(b.alice), linphone.Record(), pause(ctx, talkTime+settleTime)); err != nil {
		return err
	}
	if err := errors.Join(linphone.Hangup(), exits(ctx, call, 0), linphone.Quit(ctx)); err != nil {
		return err
	}
	back, err := linphone.Heard()
	return errors.Join(b.heard("linphone", back, err, b.alice, b.bob), b.judgeSecure([]*lab.Linphone{linphone}))
}

// waitTurns waits until the numbers of what Karat sends to a Linphone have begun anew,
// and of what that sends, too, if both are to.
func (b *bench) waitTurns(ctx context.Context, linphone *lab.Linphone, both bool) error {
	var ours, theirs turns
	seen := 0
	err := b.wire.Wait(ctx, func(packets []wiretap.Packet) bool {
		for _, p := range packets[seen:] {
			switch {
			case p.Class != wiretap.RTP:
			case int(p.From.Port()) == linphone.RTPPort:
				theirs.take(p)
			case int(p.To.Port()) == linphone.RTPPort:
				ours.take(p)
			}
		}
		seen = len(packets)
		return ours.over && (theirs.over || !both)
	})
	if err != nil {
		return fmt.Errorf("waiting for the sequence numbers to begin anew (karat's did: %v, linphone's did: %v): %w", ours.over, theirs.over, err)
	}
	b.note("karat began at %d, linphone at %d", ours.first, theirs.first)
	return pause(ctx, afterTurn)
}

// turns follows the sequence numbers of a stream.
type turns struct {
	begun       bool
	over        bool // they began anew
	first, last uint16
}

// take: RFC 3550, Section 5.1 has the number at the third octet. What is far below
// the one before comes after the end, not late.
func (t *turns) take(p wiretap.Packet) {
	n := binary.BigEndian.Uint16(p.Payload[2:])
	if !t.begun {
		t.begun, t.first = true, n
	}
	t.over = t.over || t.last > 0xff00 && n < 0x00ff
	t.last = n
}
