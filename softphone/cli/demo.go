package cli

import (
	"karat/softphone/demo"
)

type demoCommand struct {
	Dir    string `help:"Where the recordings go (else a new temporary folder)." type:"path" placeholder:"DIR"`
	Silent bool   `help:"Do not play the callee's side on the sound device."`
}

// Help says what the demonstration does not prove.
func (demoCommand) Help() string {
	return `Starts a SIP proxy and two phones on loopback, lets one call the other, and
checks that both see the same code, that each recording contains what the other
said and not its own voice, and that nothing but ZRTP and authenticated SRTP was
on the media path. Exit 0 only if all three hold.

It does not prove anything about your provider, sound card or network: "karat
doctor" looks at those.`
}

// Run shows a private call.
func (c *demoCommand) Run(e *env) error {
	return demo.Run(e.ctx, demo.Options{Dir: c.Dir, Out: e.stdout, Logger: e.log, Silent: c.Silent})
}
