package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"karat/media/device"
	"karat/softphone"
	"karat/softphone/store"
)

// doctorTime is how long a provider may take to answer the doctor.
const doctorTime = 10 * time.Second

var errNoCard = errors.New("there is no sound card")

type doctorCommand struct {
	Account string `help:"The only account to examine, when there are several." placeholder:"AOR"`
}

// Help says what a clean bill does not prove.
func (doctorCommand) Help() string {
	return `Looks at the store, the sound devices, the clock, the account and what the
network learns about you, and says what it found.

It does not prove that the next call will be private: each call is judged by
itself. It does not test how you sound; "karat demo" and "karat call" to somebody
who runs "karat answer --echo" do.`
}

// Run examines this machine.
func (c *doctorCommand) Run(e *env) error {
	return e.withStore(func(s *store.Store) error {
		e.finding("store", "ok", "sealed with %s", s.Sealing())
		for _, n := range s.Notices() {
			e.finding("store", "note", "%s", n)
		}
		e.examineDevices()
		e.examineClock()
		return e.examineAccounts(s, c.Account)
	})
}

// examineAccounts examines the account named, or one after the other.
func (e *env) examineAccounts(s *store.Store, named string) error {
	stored := s.Accounts()
	if named != "" || len(stored) < 2 {
		e.examineRelay(s, named)
		return e.examineAccount(s, named)
	}
	var first error
	for _, a := range stored {
		e.finding("account", "note", "%s is examined", a.AOR)
		e.examineRelay(s, a.AOR)
		if err := e.examineAccount(s, a.AOR); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// examineRelay asks the account's relay and STUN server, and says what others
// will see.
func (e *env) examineRelay(s *store.Store, aor string) {
	report, err := softphone.TestRelay(e.ctx, s, aor)
	switch {
	case err != nil:
		e.finding("relay", "failed", "%v", err)
	case report.Relay == "" && report.Public == "":
		e.finding("relay", "none", "the other end of a call sees your network address; \"karat account add --relay\" hides it")
	}
	if report.Relay != "" {
		e.finding("relay", "ok", "it would carry the voice from %s", report.Relay)
	}
	if report.Public != "" {
		e.finding("network", "note", "from outside, this phone is seen at %s", report.Public)
	}
	switch {
	case err == nil && report.Proxy:
		e.finding("network", "ok", "the other end of a call sees the relay's address, the relay and the provider the SOCKS proxy's; the proxy sees yours")
	case err == nil && report.Only:
		e.finding("network", "ok", "the other end of a call sees the relay's address and no other; the relay sees yours")
	case report.Relay != "":
		e.finding("network", "note", "the other end of a call sees your addresses beside the relay's; --relay-only hides them")
	}
}

// finding prints one line of the examination.
func (e *env) finding(what, state, format string, args ...any) {
	if e.flags.JSON {
		e.object(map[string]any{"event": "doctor", "time": time.Now().Format(time.RFC3339), "what": what, "state": state, "why": fmt.Sprintf(format, args...)})
		return
	}
	e.say("%-9s %-14s %s", what, state, fmt.Sprintf(format, args...))
}

func (e *env) examineDevices() {
	devices, err := device.List()
	if err == nil && len(devices) == 0 {
		err = errNoCard
	}
	if err != nil {
		e.finding("sound", "none", "%v; --mic and --speaker take null, tone:440 and file:x.wav", err)
		return
	}
	for _, d := range devices {
		e.finding("sound", "ok", "%s (%s)", d.Name, uses(d))
	}
}

// uses tells what a device is good for.
func uses(d device.Info) string {
	switch {
	case d.Microphone && d.Speaker:
		return "microphone and speaker"
	case d.Microphone:
		return "microphone"
	case d.Speaker:
		return "speaker"
	}
	return "neither microphone nor speaker"
}

// examineClock asks the kernel whether something keeps the clock right: with a wrong
// one certificates fail, and requests of contacts are not recognised.
func (e *env) examineClock() {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil || state == unix.TIME_ERROR {
		e.finding("clock", "unknown", "nothing says that this clock is kept right: it shows %s. If it is half a minute off, contacts may ring as strangers; set it, or turn on a time service", time.Now().UTC().Format(time.RFC3339))
		return
	}
	e.finding("clock", "ok", "kept right by a time service")
}

// examineAccount registers, once, and unregisters.
func (e *env) examineAccount(s *store.Store, aor string) error {
	if len(s.Accounts()) == 0 {
		e.finding("account", "none", "add one with \"karat account add\"; direct calls (sip:user@host:port) work without")
		return nil
	}
	phone, err := softphone.New(softphone.Config{Store: s, Account: aor, Logger: e.log})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, doctorTime)
	defer cancel()
	defer phone.Close(ctx)
	e.say("asking the provider (up to %v) ...", doctorTime)
	if err := phone.Start(ctx); err != nil {
		return err
	}
	for {
		select {
		case ev := <-phone.Events():
			switch ev := ev.(type) {
			case softphone.Registered:
				e.finding("account", "ok", "%s is registered", ev.Account)
				e.finding("network", "note", "the provider sees your address (or the SOCKS proxy's), when you are reachable, whom you call and for how long; not what is said")
				return nil
			case softphone.Notice:
				e.finding("account", "note", "%s", ev.Text)
			case softphone.RegistrationLost:
				e.finding("account", "failed", "%s", ev.Why)
				return outcomeError{softphone.Unreachable}
			}
		case <-ctx.Done():
			e.finding("account", "failed", "the provider did not answer within %v", doctorTime)
			return outcomeError{softphone.Unreachable}
		}
	}
}
