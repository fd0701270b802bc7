package cli

import (
	"errors"
	"fmt"
	"time"

	"karat/softphone"
	"karat/softphone/assay"
	"karat/softphone/store"
)

// callOptions are common to calling and answering.
type callOptions struct {
	Account         string `help:"The only account to use. Else all of them are registered, and a call goes out from the one that the contact's phones know." placeholder:"AOR"`
	RequireVerified bool   `help:"Refuse a call unless its code was compared before."`
	DTMFInfo        bool   `name:"dtmf-info" help:"Send keys of a telephone in the signalling, for menus that take them in no other way. Every provider on the way reads them."`
	Profile         string `help:"How the voice is packed, for the whole call and whatever is said: standard; thin, for a data plan that counts (two thirds of the bytes, 20 ms more delay); onion, for a way through Tor." enum:"standard,thin,onion" default:"standard"`
	Allow           string `help:"For this one call, allow what you know is not private." placeholder:"provider|clear"`
}

func (o callOptions) check() error {
	switch o.Allow {
	case "", "provider", "clear":
		return nil
	}
	return usageError{fmt.Errorf("--allow takes provider or clear, not %q", o.Allow)}
}

func (e *env) phoneConfig(o callOptions, s *store.Store) softphone.Config {
	settings := s.Settings()
	cfg := softphone.Config{
		Store: s, Account: o.Account, Listen: e.flags.Listen,
		Microphone: settings.Microphone, Speaker: settings.Speaker,
		Policy: assay.Policy{RequireVerified: o.RequireVerified, AllowProvider: o.Allow == "provider", AllowClear: o.Allow == "clear"}, DigitsInSignalling: o.DTMFInfo,
		Profile: o.Profile,
		Logger:  e.log,
	}
	if e.flags.Mic != "" {
		cfg.Microphone = e.flags.Mic
	}
	cfg.Ringer = e.flags.Ringer
	if e.flags.Speaker != "" {
		cfg.Speaker = e.flags.Speaker
	}
	return cfg
}

// whileItRuns are the commands of a running phone, for people and for scripts.
const whileItRuns = `While it runs, lines on standard input are commands:

  a answer, d decline, y the codes match, n they differ, m mute, u unmute,
  p promises, h hang up, q quit
  hold, resume             let the other end wait, or talk again
  calls, switch NUMBER     several calls: talking in one lets the others wait
  call URI                 call somebody else meanwhile
  call URI from ACCOUNT    the same, from the account with that address
  transfer URI             send the other end on to somebody
  connect NUMBER           let the other ends of two calls talk without you
  dtmf KEYS                keys of a telephone: 0 to 9, *, #
  agree, refuse            to what the other end asks (a transfer, a redirection);
                           no answer within 30 s is no`

type callCommand struct {
	callOptions
	Anonymous bool `help:"Do not say who calls, and ask the provider not to. The phone shows no identifier that it shows in other calls."`

	URI string        `arg:"" name:"uri" help:"Whom to call: sip:bob@example.org, or a contact's name."`
	For time.Duration `help:"Hang up this long after the answer." placeholder:"D"`
}

// Help says what a result does not prove.
func (callCommand) Help() string {
	return `Calls someone and talks until either side hangs up.

The microphone opens only when keys are agreed from end to end. "Private" means
that no server on the way can listen, provided that the code shown is the same
at both ends: compare them once, by voice, then press y and Enter (or n when
they differ, which ends the call). Until then somebody who controls the whole
way could stand in between.

Exit 0 does not prove that the person you meant was at the other end; only the
compared code does. It does not hide that the call took place.

--allow provider makes a call whose keys the providers vouch for (DTLS-SRTP) or even
carry (SDES, with phones that have nothing better), so that they can listen. It ends
with 3, for it is not private, and the assay says so. --allow clear asks for keys as
ever, and talks without any encryption to a phone that knows none: everyone on the way
hears it. It ends with 3, too.

` + whileItRuns
}

// Run makes the call.
func (c *callCommand) Run(e *env) error {
	if err := c.check(); err != nil {
		return err
	}
	return e.withStore(func(s *store.Store) error {
		target := contactURI(s, c.URI)
		if err := checkTarget(target); err != nil {
			return err
		}
		cfg := e.phoneConfig(c.callOptions, s)
		cfg.Anonymous = c.Anonymous
		if cfg.Account == "" {
			var err error
			if cfg.Account, err = softphone.AccountFor(s, target); err != nil {
				return usageError{err}
			}
		}
		return e.talk(cfg, plan{dial: target, calls: 1, talkFor: c.For})
	})
}

type answerCommand struct {
	callOptions
	Auto  bool          `help:"Answer by itself."`
	Echo  bool          `help:"Send back what is heard, instead of a microphone: the party to test with."`
	Calls int           `help:"Stop after this many calls." placeholder:"N"`
	For   time.Duration `help:"Stop after this long." placeholder:"D"`
}

// Help says what happens to calls that are turned away.
func (answerCommand) Help() string {
	return `Registers and waits for calls. What is known about a caller is shown before
anything is sent; the name shown is the caller's word.

A call that is declined, refused or not heard is answered in the same way and at
the same time, 45 s after it came: the caller cannot tell which it was. Karat
stays for that moment before it ends.

` + whileItRuns
}

// Run waits for calls.
func (c *answerCommand) Run(e *env) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Allow != "" && c.Calls != 1 {
		return usageError{errors.New("--allow is for one call: say --calls 1, too")}
	}
	return e.withStore(func(s *store.Store) error {
		cfg := e.phoneConfig(c.callOptions, s)
		cfg.AutoAnswer, cfg.Echo = c.Auto || c.Echo, c.Echo
		return e.talk(cfg, plan{calls: c.Calls, waitFor: c.For})
	})
}

type phoneCommand struct{}

// Run is the terminal phone: it waits for calls and takes commands.
func (phoneCommand) Run(e *env) error {
	return e.withStore(func(s *store.Store) error {
		if len(s.Accounts()) == 0 && len(e.flags.Listen) == 0 {
			return hinted{
				usageError{errors.New("there is no account yet, and no address to listen on")},
				"add an account with \"karat account add\", see a call with \"karat demo\", or read \"karat --help\"",
			}
		}
		return e.talk(e.phoneConfig(callOptions{}, s), plan{})
	})
}
