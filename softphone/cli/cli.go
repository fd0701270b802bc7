// Package cli is Karat on the command line and in a plain terminal: it parses
// flags, runs the phone, and renders what softphone/view says. It holds no
// rules of its own about what is private.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"karat/softphone"
)

// Exit codes; scripts rely on them.
const (
	exitPrivate     = 0 // the call was private and ended, by either side
	exitInternal    = 1
	exitUsage       = 2
	exitNotPrivate  = 3 // refused because it would not have been private
	exitNotAnswered = 4
	exitNetwork     = 5 // network or registration
)

const description = `A phone for private calls over any SIP provider.

Keys are agreed from end to end with ZRTP, so that no provider has to be
trusted; a call that would not be private is refused, and said to be.

Exit codes: 0 the call was private and ended; 1 an internal failure; 2 usage;
3 refused because it would not have been private; 4 not answered; 5 network or
registration.`

// grammar is the whole command line.
type grammar struct {
	Home           string           `help:"Where accounts, contacts and secrets lie (else the XDG data folder)." placeholder:"DIR" type:"path"`
	PassphraseFile string           `help:"Seal or open the store with the passphrase in this file." placeholder:"FILE" type:"existingfile"`
	Listen         []string         `help:"Receive direct calls here." placeholder:"udp:HOST:PORT"`
	Mic            string           `help:"Microphone: default, a device's name, null, tone:440, file:speech.wav." placeholder:"DEV"`
	Speaker        string           `help:"Speaker: default, a device's name, null, file:heard.wav (records)." placeholder:"DEV"`
	Ringer         string           `help:"Where calls ring, if not on the speaker: a device's name." placeholder:"DEV"`
	JSON           bool             `name:"json" help:"Print one JSON object per line instead of text."`
	Version        kong.VersionFlag `help:"Print the version."`
	Debug          bool             `help:"Log to standard error. Logs never hold keys, codes to compare, or numbers."`

	Phone    phoneCommand    `cmd:"" default:"1" hidden:"" help:"The terminal phone."`
	Demo     demoCommand     `cmd:"" help:"A private call between two phones on this machine."`
	Account  accountCommand  `cmd:"" help:"Accounts at SIP providers."`
	Answer   answerCommand   `cmd:"" help:"Register and wait for calls."`
	Call     callCommand     `cmd:"" help:"Call someone, once."`
	Contacts contactsCommand `cmd:"" help:"People you know."`
	Verify   verifyCommand   `cmd:"" help:"Whose code you have compared."`
	Doctor   doctorCommand   `cmd:"" help:"What works here, and what the network shows about you."`
}

// env is where a command runs.
type env struct {
	ctx            context.Context
	in             io.Reader
	stdout, stderr io.Writer
	flags          *grammar
	log            *slog.Logger
	attended       bool // a person sits at a terminal
}

// Run is the program: it returns the exit code. Cancelling ctx hangs up.
func Run(ctx context.Context, version string, args []string, in io.Reader, stdout, stderr io.Writer) int {
	var g grammar
	exited := -1
	parser, err := kong.New(&g,
		kong.Name("karat"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Vars{"version": version},
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.UsageOnError(),
	)
	if err != nil {
		return complain(stderr, err)
	}
	selected, err := parser.Parse(args)
	switch {
	case exited >= 0: // help was asked for and given
		return exited
	case err != nil:
		return complain(stderr, usageError{err})
	}
	e := &env{ctx: ctx, in: in, stdout: stdout, stderr: stderr, flags: &g, log: logger(g.Debug, stderr), attended: isTerminal(in) && isTerminal(stdout) && !g.JSON}
	if err := selected.Run(e); err != nil {
		return complain(stderr, err)
	}
	return exitPrivate
}

// isTerminal tells whether a person reads or writes there.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func logger(debug bool, w io.Writer) *slog.Logger {
	if !debug {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// usageError is a command line that cannot be carried out as written.
type usageError struct{ error }

// hinted is an error with a line on what can be done.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// outcomeError carries an exit code out of a command that has said already what
// happened.
type outcomeError struct{ outcome softphone.Outcome }

func (o outcomeError) Error() string { return fmt.Sprintf("exit %d", exitCode(o.outcome)) }

// exitCode is an outcome as scripts see it.
func exitCode(o softphone.Outcome) int {
	switch o {
	case softphone.Private:
		return exitPrivate
	case softphone.NotPrivate:
		return exitNotPrivate
	case softphone.NotAnswered:
		return exitNotAnswered
	case softphone.Unreachable:
		return exitNetwork
	case softphone.Failed:
		return exitInternal
	}
	return exitInternal
}

// complain prints an error for a person and returns its exit code.
func complain(w io.Writer, err error) int {
	var out outcomeError
	if errors.As(err, &out) {
		return exitCode(out.outcome)
	}
	fmt.Fprintf(w, "karat: error: %v\n", err)
	var h hinted
	if errors.As(err, &h) {
		fmt.Fprintf(w, "karat: hint: %s\n", h.hint)
	}
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case isNetwork(err):
		return exitNetwork
	}
	return exitInternal
}
