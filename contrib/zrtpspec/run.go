package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"karat/contrib/zrtpspec/phone"
	"karat/contrib/zrtpspec/report"
	"karat/contrib/zrtpspec/spec"
)

// Exit codes.
const (
	exitPassed  = 0
	exitFailed  = 1
	exitUsage   = 2
	exitCrashed = 3 // no sane call with the target, before or after
)

const description = `Asks a ZRTP endpoint what RFC 6189 asks of it.

` + report.Caveat + `

Exit codes: 0 all cases that must pass did; 1 one did not; 2 usage; 3 there was
no sane call with the target, before the cases or after them: it was not there,
or it crashed. Without --strict a SHOULD that is not kept is reported and fails
nothing, and a MUST to end an exchange is kept by one that ends without a word;
with it both are failures. With --known all that fails must be known, and all
that is known must fail.`

// grammar is the whole command line.
type grammar struct {
	List listCommand `cmd:"" help:"Name all cases, or those of IDs, sections, rows of the matrix or attacks."`
	Run  runCommand  `cmd:"" help:"Put cases to a target."`
}

type listCommand struct {
	Cases []string `arg:"" optional:"" help:"4.4.1.2/1, 4.4.1.2, 40 or A1."`
}

type runCommand struct {
	Cases []string `arg:"" optional:"" help:"4.4.1.2/1, 4.4.1.2, 40 or A1; none: all."`

	Target string `help:"A phone to call." placeholder:"sip:phone@HOST:PORT" xor:"target"`
	Wait   bool   `help:"Wait for the phone to call, once for each call of a case." xor:"target"`
	Media  string `help:"A bare ZRTP engine's port." placeholder:"HOST:PORT" xor:"target"`

	Local  string        `help:"Where the tester listens: for SIP, or for the engine." placeholder:"HOST:PORT" default:"127.0.0.1:0"`
	Exec   string        `help:"Starts the engine, anew for each call (with --media), or the phone, anew when it has crashed." placeholder:"CMD"`
	Ready  time.Duration `help:"How long the phone that --exec starts takes until it can be called." default:"3s"`
	Silent bool          `help:"The phone sends no sound by itself: leave out what needs it."`
	Pause  time.Duration `help:"What the phone needs between two calls." default:"0s"`
	Strict bool          `help:"SHOULD counts, and so does an Error message that is missing."`
	Skip   string        `help:"Lines of a case and the reason why it is left out." placeholder:"FILE" type:"existingfile"`
	Known  string        `help:"Lines of a case that fails and what is seen: only differences from that fail the run." placeholder:"FILE" type:"existingfile"`
	Jobs   int           `help:"How many cases at once, each with a target of its own: the ports of the second are 10 above those of the first, and so on; CMD finds its own in $ZRTPSPEC_PORT and the tester's in $ZRTPSPEC_LOCAL_PORT." default:"1"`

	JUnit   string `name:"junit" help:"Write the report as JUnit XML." placeholder:"FILE"`
	HTML    string `name:"html" help:"Write the report as one HTML page." placeholder:"FILE"`
	Verbose bool   `short:"v" help:"Show every conversation, not only those that failed."`
}

// errUsage: the command line asks for what cannot be.
var errUsage = errors.New("usage")

// run is the command.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var g grammar
	code := -1
	parser, err := kong.New(&g, kong.Name("zrtpspec"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.Exit(func(c int) { code = c }))
	if err != nil {
		fmt.Fprintln(stderr, "zrtpspec: error:", err)
		return exitUsage
	}
	parsed, err := parser.Parse(args)
	if code >= 0 { // --help
		return code
	}
	if err == nil && strings.HasPrefix(parsed.Command(), "list") {
		err = g.List.run(stdout)
	} else if err == nil {
		code, err = g.Run.run(ctx, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "zrtpspec: error:", err)
		return exitUsage
	}
	return max(code, exitPassed)
}

func (l listCommand) run(w io.Writer) error {
	cases, err := spec.Find(l.Cases)
	if err != nil {
		return err
	}
	for _, c := range cases {
		how := "automatic"
		if c.Run == nil {
			how = string(spec.Run(c, &phone.Exec{}, spec.Options{}).Verdict)
		}
		fmt.Fprintf(w, "%-11s %-6s %-14s [%s] %s\n", c.ID, c.Level, how, c.Rows, c.Rule)
		if c.Sent != "" {
			fmt.Fprintf(w, "%18s sent: %s; expected: %s\n", "", c.Sent, c.Expected)
		}
	}
	return nil
}

func (r runCommand) run(ctx context.Context, w io.Writer) (int, error) {
	cases, err := spec.Find(r.Cases)
	if err != nil {
		return exitUsage, err
	}
	skip, err := r.skipped()
	if err != nil {
		return exitUsage, err
	}
	known, err := r.known()
	if err != nil {
		return exitUsage, err
	}
	done := report.Run{Target: r.name(), Began: time.Now(), Strict: r.Strict}
	if done.Results, err = r.put(ctx, cases, skip, w); err != nil {
		return exitUsage, err
	}
	code := exitPassed
	for _, result := range done.Results {
		code = max(code, r.weigh(result, known))
	}
	fmt.Fprintf(w, "\n%s\n", done.Summary())
	for _, difference := range known.differences(done.Results) {
		fmt.Fprintln(w, difference)
	}
	fmt.Fprintf(w, "\n%s\n", report.Caveat)
	return code, r.write(done)
}

// weigh is what a result means for the exit code.
func (r runCommand) weigh(result spec.Result, known known) int {
	sane := result.ID == spec.Sane().ID
	switch {
	case sane && result.Verdict == spec.Fail:
		return exitCrashed
	case r.Known != "" && !sane && known.judge(result) != "":
		return exitFailed
	case r.Known != "" || result.Verdict != spec.Fail:
		return exitPassed
	case result.Level == spec.Should && !r.Strict:
		return exitPassed
	}
	return exitFailed
}

// name is the target, for a report.
func (r runCommand) name() string {
	switch {
	case r.Media != "":
		return r.Media
	case r.Wait:
		return "a phone that calls"
	}
	return r.Target
}

// skipped reads the table of cases to leave out.
func (r runCommand) skipped() (map[string]string, error) {
	skip := map[string]string{}
	if r.Skip == "" {
		return skip, nil
	}
	list, err := readNotes(r.Skip)
	if err != nil {
		return nil, err
	}
	for _, n := range list.notes {
		skip[n.id] = n.text
	}
	return skip, nil
}

// write writes the reports to files.
func (r runCommand) write(done report.Run) error {
	for _, form := range []struct {
		name  string
		write func(io.Writer) error
	}{{r.JUnit, done.JUnit}, {r.HTML, done.HTML}} {
		if form.name == "" {
			continue
		}
		f, err := os.Create(form.name)
		if err != nil {
			return err
		}
		if err := errors.Join(form.write(f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
