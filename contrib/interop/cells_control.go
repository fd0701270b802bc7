package main

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"karat/contrib/interop/lab"
)

// settleTime is how long a call is left alone before a key is pressed.
const settleTime = 2 * time.Second

// controlCells are what is done with a call that is up, by Karat and by a phone
// that is not ours.
func controlCells() []cell {
	return []cell{
		{
			name:   "karat-linphone/tls/held-and-heard",
			proves: "who has to wait is not heard, and hears no more than the music of who lets them wait; afterwards both are heard again, whoever asked for it",
			limit:  callLimit, karat: true, items: []int{39, 71}, run: heldAndHeard,
		},
		{
			name:   "karat-linphone/tls/keys",
			proves: "keys of a telephone go both ways inside the encrypted voice, and in no signalling",
			limit:  callLimit, karat: true, items: []int{63}, run: pressKeys,
		},
	}
}

// controlled is a secure call of Karat to a Linphone, and another Linphone to be
// sent on to.
type controlled struct {
	call       *lab.KaratCall
	bob, carol *lab.Linphone
	proxy      *lab.Kamailio
	// aliceSays and bobSays are their speeches many times over, as files.
	aliceSays, bobSays string
}

// moreTimes is how often a speech is said in such a call: 42 s and more.
const moreTimes = 6

func startControlled(ctx context.Context, b *bench) (controlled, error) {
	return startCall(ctx, b, b.karat)
}

// startCall is startControlled with that binary of Karat.
func startCall(ctx context.Context, b *bench, binary string) (c controlled, err error) {
	if c.proxy, err = b.proxy(ctx, "MD5"); err != nil {
		return c, err
	}
	if c.aliceSays, err = b.atLength(b.alice, moreTimes); err != nil {
		return c, err
	}
	if c.bobSays, err = b.atLength(b.bob, moreTimes); err != nil {
		return c, err
	}
	karat, err := b.NewKarat(ctx, lab.KaratConfig{Binary: binary, User: "alice", Proxy: c.proxy, Transport: "tls", Speech: c.aliceSays})
	if err != nil {
		return c, err
	}
	for user, p := range map[string]**lab.Linphone{"bob": &c.bob, "carol": &c.carol} {
		*p, err = b.newLinphone(ctx, lab.LinphoneConfig{
			User: user, Encryption: "zrtp", KeyAgreements: []string{"X255"}, Hashes: []string{"S256"}, SASTypes: []string{"B32"},
			Proxy: c.proxy, Transport: "tls",
		})
		if err != nil {
			return c, err
		}
	}
	if c.call, err = karat.Dial(ctx, c.proxy.AOR("bob"), callLimit); err != nil {
		return c, err
	}
	_, _, err = c.call.WaitSecure(ctx)
	return c, err
}

// reHeld matches Karat's word on who waits.
func reHeld(ours, theirs bool) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`"event":"held".*"ours":%v,"theirs":%v`, ours, theirs))
}

// waits has one of the phones told to let the other wait, or to come back, and
// returns when Karat says how it stands.
func (c controlled) waits(ctx context.Context, on *lab.Process, command string, ours, theirs bool) error {
	mark := c.call.Output.Mark()
	if err := on.Type("%s", command); err != nil {
		return err
	}
	if _, err := c.call.Output.Wait(ctx, mark, reHeld(ours, theirs)); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}
