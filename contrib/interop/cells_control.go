package main

import (
	"context"
	"errors"
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
			name:   "karat-linphone/tls/hold",
			proves: "each lets the other wait and comes back; the call stays private",
			limit:  callLimit, karat: true, items: []int{39, 71}, run: holdBothWays,
		},
		{
			name:   "karat-linphone/tls/transfer-by-karat",
			proves: "Karat sends a Linphone on to another one, and is told that they talk",
			limit:  callLimit, karat: true, items: []int{44}, run: transferByKarat,
		},
		{
			name:   "karat-linphone/tls/transfer-by-linphone",
			proves: "a Linphone sends Karat on to another one: Karat asks its user, and agrees on keys anew",
			limit:  callLimit, karat: true, items: []int{44}, run: transferByLinphone,
		},
	}
}

// controlled is a secure call of Karat to a Linphone, and another Linphone to be
// sent on to.
type controlled struct {
	call       *lab.KaratCall
	bob, carol *lab.Linphone
	proxy      *lab.Kamailio
}

func startControlled(ctx context.Context, b *bench) (c controlled, err error) {
	if c.proxy, err = b.proxy(ctx, "MD5"); err != nil {
		return c, err
	}
	karat, err := b.newKarat(ctx, "alice", c.proxy, "tls", b.alice)
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
		if err := (*p).AutoAnswer(ctx); err != nil {
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

// holdBothWays types what a user would, and waits for Karat to say so.
func holdBothWays(ctx context.Context, b *bench) error {
	c, err := startControlled(ctx, b)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		on           *lab.Process
		command      string
		ours, theirs bool
	}{
		{c.bob.Process, "pause", false, true},
		{c.bob.Process, "resume", false, false},
		{c.call.Process, "hold", true, false},
		{c.call.Process, "resume", false, false},
	} {
		if err := pause(ctx, settleTime); err != nil {
			return err
		}
		mark := c.call.Output.Mark()
		if err := step.on.Type("%s", step.command); err != nil {
			return err
		}
		if _, err := c.call.Output.Wait(ctx, mark, reHeld(step.ours, step.theirs)); err != nil {
			return fmt.Errorf("%s: %w", step.command, err)
		}
	}
	if err := c.call.Type("h"); err != nil {
		return err
	}
	return exits(ctx, c.call, 0)
}

func transferByKarat(ctx context.Context, b *bench) error {
	c, err := startControlled(ctx, b)
	if err != nil {
		return err
	}
	if err := pause(ctx, settleTime); err != nil {
		return err
	}
	mark := c.carol.Mark()
	if err := c.call.Type("transfer %s", c.proxy.AOR("carol")); err != nil {
		return err
	}
	if _, err := c.carol.WaitSecure(ctx, mark); err != nil {
		return err
	}
	if _, err := c.call.Output.Wait(ctx, 0, regexp.MustCompile(`"event":"transfer".*"ok":true`)); err != nil {
		return err
	}
	return exits(ctx, c.call, 0)
}

func transferByLinphone(ctx context.Context, b *bench) error {
	c, err := startControlled(ctx, b)
	if err != nil {
		return err
	}
	if err := pause(ctx, settleTime); err != nil {
		return err
	}
	mark := c.carol.Mark()
	if err := c.bob.Type("transfer %s", c.proxy.AOR("carol")); err != nil {
		return err
	}
	if _, err := c.call.Output.Wait(ctx, 0, regexp.MustCompile(`"event":"transfer_asked"`)); err != nil {
		return err
	}
	if _, called := c.carol.Output.Find(0, regexp.MustCompile(`incoming call`)); called {
		return errors.New("karat called before its user agreed")
	}
	if err := c.call.Type("agree"); err != nil {
		return err
	}
	agreed, err := c.carol.WaitSecure(ctx, mark)
	b.noteAgreed(agreed)
	return err
}
