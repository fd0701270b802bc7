package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Scenario is a script that sipp plays, a program that is not ours.
type Scenario struct {
	Name string
	Role Role
	// Stream: it is for a connection (sipp -t t1).
	Stream bool
	// Story: it is a script of its own; else one of many ways to spoil a message.
	Story bool
	// XML is what sipp reads.
	XML []byte
}

// What sipp cannot play, which Server does.
var (
	errStream  = errors.New("the pieces of a stream: sipp writes whole messages")
	errNUL     = errors.New("a NUL ends sipp's strings")
	errNothing = errors.New("sipp sends nothing that is empty")
	errMany    = errors.New("too many messages to write down one by one")
	errSlow    = errors.New("it takes too long")
	errLarge   = errors.New("sipp reads no scenario of that size")
	errStart   = errors.New("sipp sends nothing that does not begin like SIP")
	errCode    = errors.New("sipp sends no code beyond 700")
)

const (
	// mostSteps are written down for one request.
	mostSteps = 120
	// mostSleep is what a scenario may wait in all.
	mostSleep = 10 * time.Second
	// mostXML is what sipp 3.6 reads of a file.
	mostXML = 64_000
	// mostRounds are how often a request that comes again is answered in its own way.
	mostRounds = 6
	// listens is how long a scenario waits for the phone's next request.
	listens = 40 * time.Second
	// PlayedLog is what a scenario writes when it sends what is wrong (sipp -trace_logs).
	PlayedLog = "what is wrong is sent"
)

// Scenarios are all scripts that sipp can play; left says why it cannot play the others.
func Scenarios() (played []Scenario, left map[string]error) {
	left = map[string]error{}
	for i, script := range Scripts() {
		s, err := scenarioOf(script)
		if err != nil {
			left[script.Name] = err
			continue
		}
		s.Stream = script.Role == Calling && i%2 == 1
		played = append(played, s)
	}
	return played, left
}

// scenarioOf writes down what a script does, request by request.
func scenarioOf(script Script) (Scenario, error) {
	if script.Stream {
		return Scenario{}, errStream
	}
	w := &writer{}
	for _, rounds := range []int{mostRounds, 0} {
		w = &writer{script: script, rounds: rounds}
		w.scenario()
		if w.b.Len() <= mostXML {
			break
		}
	}
	switch {
	case w.err != nil:
	case w.b.Len() > mostXML:
		w.err = errLarge
	case !w.sent:
		w.err = errNothing
	}
	return Scenario{Name: script.Name, Role: script.Role, Story: script.story, XML: []byte(w.b.String())}, w.err
}

// writer writes one scenario.
type writer struct {
	script   Script
	rounds   int
	b        strings.Builder
	captured []string
	invite   Request
	slept    time.Duration
	sent     bool  // what is wrong
	err      error // the first
}

func (w *writer) scenario() {
	w.line(`<?xml version="1.0" encoding="ISO-8859-1" ?>`)
	w.line(`<scenario name="hostile">`)
	switch w.script.Role {
	case Calling:
		w.called()
	case Registering:
		w.registrar()
	case Called:
		w.calls()
	}
	if len(w.captured) > 0 { // sipp wants each to be used
		w.line(`<Reference variables="%s"/>`, strings.Join(w.captured, ","))
	}
	w.line(`</scenario>`)
}

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Labels of the parts of a scenario.
const (
	waiting = 1 + iota
	acknowledged
	ended
	cancelled
	asked
	over
	invitedAgain // and those after it
)

// called is the scenario of a server that the phone calls.
func (w *writer) called() {
	w.hear("INVITE", "")
	w.react("INVITE", 0)
	for round := range w.rounds + 1 {
		// What comes next, in any order; an INVITE begins the next round.
		w.line(`<label id="%d"/>`, waiting+100*round)
		w.mayHear("ACK", acknowledged+100*round)
		w.mayHear("CANCEL", cancelled+100*round)
		w.mayHear("BYE", ended+100*round)
		w.mayHear("PRACK", asked+100*round)
		if round < w.rounds {
			w.mayHear("INVITE", invitedAgain+100*round)
		}
		w.hearNothing()
		w.part("ACK", acknowledged+100*round, waiting+100*round)
		w.part("CANCEL", cancelled+100*round, waiting+100*round)
		w.part("PRACK", asked+100*round, waiting+100*round)
		w.part("BYE", ended+100*round, over)
		if round < w.rounds {
			w.line(`<label id="%d"/>`, invitedAgain+100*round)
			w.react("INVITE", round+1)
		}
	}
	w.end()
}

// part is what is done about a request, under a label, before what comes then.
func (w *writer) part(method string, label, then int) {
	w.line(`<label id="%d"/>`, label)
	w.react(method, 0)
	w.line(`<nop next="%d"/>`, then)
}

// registrar is the scenario of a server that the phone registers at.
func (w *writer) registrar() {
	for round := range w.rounds {
		w.hear("REGISTER", "")
		w.react("REGISTER", round)
	}
	w.line(`<label id="%d"/>`, waiting)
	w.hear("REGISTER", "")
	w.react("REGISTER", w.rounds)
	w.line(`<nop next="%d"/>`, waiting)
	w.end()
}

// calls is the scenario of a server that calls the phone.
func (w *writer) calls() {
	w.script.begin(w.session(true))
	w.line(`<pause milliseconds="%d"/>`, (4 * time.Second).Milliseconds())
}

func (w *writer) end() {
	w.line(`<label id="%d"/>`, over)
	w.line(`<pause milliseconds="500"/>`)
}

// hear waits for a request, and notes what an answer to it repeats. If none comes the
// scenario is over.
func (w *writer) hear(method, optional string) {
	w.line(`<recv request="%s"%s timeout="%d" ontimeout="%d"><action>`, method, optional, listens.Milliseconds(), over)
	w.capture(method)
	w.line(`</action></recv>`)
}

// mayHear goes to a label where a request comes.
func (w *writer) mayHear(method string, label int) {
	w.hear(method, fmt.Sprintf(` optional="true" next="%d"`, label))
}

// hearNothing ends a list of requests that may come: sipp wants one that must.
func (w *writer) hearNothing() {
	w.line(`<recv request="NOTHING" timeout="%d" ontimeout="%d"/>`, listens.Milliseconds(), over)
}

// capturing are the parts of a request and where they stand.
var capturing = []struct{ part, pattern, where string }{
	{"uri", `^[A-Z]+ ([^ ]+)`, `search_in="msg"`},
	{"via", `^ *(.*)$`, `search_in="hdr" header="Via:"`},
	{"from", `^ *(.*)$`, `search_in="hdr" header="From:"`},
	{"to", `^ *(.*)$`, `search_in="hdr" header="To:"`},
	{"callid", `^ *(.*)$`, `search_in="hdr" header="Call-ID:"`},
	{"number", `^ *([0-9]+)`, `search_in="hdr" header="CSeq:"`},
	{"target", `<([^>]*)>`, `search_in="hdr" header="Contact:"`},
}

// capture notes the parts of a request in variables.
func (w *writer) capture(method string) {
	for _, c := range capturing {
		if c.part == "target" && !hasContact(method) {
			continue
		}
		v := variable(method, c.part)
		w.line(`<ereg regexp="%s" %s check_it="false" assign_to="all,%s"/>`, escaped(c.pattern), c.where, v)
		for _, name := range []string{"all", v} {
			if !slices.Contains(w.captured, name) {
				w.captured = append(w.captured, name)
			}
		}
	}
}

func hasContact(method string) bool { return method == "INVITE" || method == "REGISTER" }

func variable(method, part string) string { return strings.ToLower(method) + part }

// react writes down what the script does about a request: for the nth time, from 0.
func (w *writer) react(method string, n int) {
	s := w.session(method == w.script.method)
	r := symbolic(method)
	if method == "INVITE" {
		w.invite = r
	}
	s.invite = w.invite
	s.seen[method] = n + 1
	w.script.react(s, r)
}

// session writes down what is done in it; wrong: that is what the script is about.
func (w *writer) session(wrong bool) *session {
	steps := 0
	return &session{
		local: symbol("[local_ip]:[local_port]"), peer: symbol("[remote_ip]:[remote_port]"), seen: map[string]int{},
		send: func(b []byte) {
			if steps++; steps > mostSteps {
				w.fail(errMany)
				return
			}
			w.message(b, wrong)
		},
		sleep: func(d time.Duration) {
			if w.slept += d; w.slept > time.Duration(w.rounds+1)*mostSleep {
				w.fail(errSlow)
			}
			w.line(`<pause milliseconds="%d"/>`, d.Milliseconds())
		},
	}
}

// message sends one, and says so of a wrong one.
func (w *writer) message(b []byte, wrong bool) {
	text, err := written(b)
	if err != nil {
		w.fail(err)
		return
	}
	if wrong { // before it: the phone may close the connection at once, which ends sipp
		w.sent = true
		w.line(`<nop><action><log message="%s"/></action></nop>`, PlayedLog)
	}
	w.line("<send><![CDATA[%s]]></send>", text)
}

// symbols stand, one character each, for what sipp puts in: so a script can cut and
// join them like what they stand for. They are of a range that no message has.
var symbols []string

const firstSymbol = '\uE000'

// symbol is the character for a keyword of sipp.
func symbol(keyword string) string {
	for i, k := range symbols {
		if k == keyword {
			return string(rune(firstSymbol + i))
		}
	}
	symbols = append(symbols, keyword)
	return string(rune(firstSymbol + len(symbols) - 1))
}

// symbolic is a request that sipp will have heard.
func symbolic(method string) Request {
	part := func(name string) string { return symbol("[$" + variable(method, name) + "]") }
	r := Request{method: method, uri: part("uri"), fields: []field{
		{"Via", part("via")},
		{"From", part("from")},
		{"To", part("to")},
		{"Call-ID", part("callid")},
		{"CSeq", part("number") + " " + method},
	}}
	if hasContact(method) {
		r.fields = append(r.fields, field{"Contact", "<" + part("target") + ">"})
	}
	return r
}

// written is a message as it stands in a scenario: what sipp would take for a keyword,
// an escape or the end of a line is given by its number. What does not end with a line's
// end gets an empty line more: sipp adds it.
func written(b []byte) (string, error) {
	if len(b) == 0 {
		return "", errNothing
	}
	body, end := b, ""
	if trimmed, found := bytes.CutSuffix(body, []byte("\r\n")); found {
		body, end = trimmed, "\n"
	}
	if trimmed, found := bytes.CutSuffix(body, []byte("\r\n")); found {
		body, end = trimmed, "\n\n"
	}
	start, _, _ := strings.Cut(string(b), "\r\n")
	if !strings.Contains(start, "SIP/") {
		return "", errStart
	}
	if words := strings.Fields(start); strings.HasPrefix(start, "SIP/") && len(words) > 1 && len(words[1]) > 3 {
		return "", errCode
	}
	var out strings.Builder
	for i := 0; i < len(body); {
		if r, n := utf8.DecodeRune(body[i:]); n == 3 && r >= firstSymbol && int(r-firstSymbol) < len(symbols) {
			out.WriteString(symbols[r-firstSymbol])
			i += n
			continue
		}
		c := body[i]
		switch {
		case c == 0:
			return "", errNUL
		case c == '\r' && i+2 < len(body) && body[i+1] == '\n' && body[i+2] > ' ' && body[i+2] < 0x7f:
			out.WriteByte('\n') // sipp makes both of it
			i++
		case c < ' ' || c >= 0x7f || c == '\\' || c == '[' || c == ']':
			fmt.Fprintf(&out, `\x%02x`, c)
		default:
			out.WriteByte(c)
		}
		i++
	}
	return out.String() + end, nil
}

// escaped is text within an attribute.
func escaped(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
