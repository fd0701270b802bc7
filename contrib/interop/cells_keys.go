package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"karat/contrib/interop/lab"
)

const (
	// keysPressed by Karat, and keysTyped at the Linphone.
	keysPressed, keysTyped = "159*#0", "2*#"
	// keyTime is what all of them take, one after the other: Linphone's a second each.
	keyTime = 4 * time.Second
)

var (
	reToneHeard = regexp.MustCompile(`Receiving tone (\S) from`)
	reKeyHeard  = regexp.MustCompile(`The other end pressed (\S)\.`)
	reInfo      = regexp.MustCompile(`\bINFO sips?:`)
)

// pressKeys: each presses keys, and then both talk.
func pressKeys(ctx context.Context, b *bench) error {
	c, err := startControlled(ctx, b)
	if err != nil {
		return err
	}
	if err := errors.Join(pause(ctx, settleTime), c.call.Type("dtmf %s", keysPressed), c.bob.Type("%s", keysTyped), pause(ctx, keyTime)); err != nil {
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
	if got := all(c.bob.Output, reToneHeard); got != keysPressed {
		return fmt.Errorf("linphone heard the keys %q, not %q", got, keysPressed)
	}
	if got := all(c.call.Output, reKeyHeard); got != keysTyped {
		return fmt.Errorf("karat heard the keys %q, not %q", got, keysTyped)
	}
	if _, found := c.bob.Log.Find(0, reInfo); found {
		return errors.New("keys went in the signalling")
	}
	atAlice, err := c.call.Heard()
	err = b.heard("karat", atAlice.Part(from, len(atAlice.Samples)), err, c.bobSays, c.aliceSays)
	atBob, berr := c.bob.Heard()
	return errors.Join(err, b.heard("linphone", atBob, berr, c.aliceSays, c.bobSays), b.judgeSecure([]*lab.Linphone{c.bob}))
}

// all joins what an expression found in each line.
func all(t *lab.Transcript, re *regexp.Regexp) string {
	var found strings.Builder
	for _, line := range t.Lines() {
		if m := re.FindStringSubmatch(line.Text); m != nil {
			found.WriteString(m[1])
		}
	}
	return found.String()
}
