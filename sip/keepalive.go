package sip

import (
	"context"
	"math/rand/v2"
	"net"
	"time"

	"karat/sip/dialog"
)

const (
	// The time between two pings is drawn anew each time. RFC 5626, Section 4.4.2:
	// "a random number between 24 and 29 seconds": NATs forget UDP after 30 s, and
	// some servers and firewalls an idle connection after little more.
	leastKeepAlive = 24 * time.Second
	mostKeepAlive  = 29 * time.Second
	// pongTime is how long the answer to a ping may take. RFC 5626, Section 4.4.1:
	// "If the client does not receive a pong within 10 seconds after sending a ping
	// [...] it MUST consider the flow failed."
	pongTime = 10 * time.Second
)

// What proves that a server is there. It is learned: many do not answer pings,
// though they are well, and a connection must not be given up for that.
const (
	unproven  = iota // not known yet
	byPong           // it answers CRLF
	byOptions        // it ignores that, but answers OPTIONS
	byNothing        // neither: the refresh of the registration has to show it
)

// keep sends keep-alives until the flow ends, and ends it when nobody is there.
func (a *Agent) keep(f *flow) {
	for f.idle(leastKeepAlive + rand.N(mostKeepAlive-leastKeepAlive)) {
		if !a.alive(f) {
			f.close()
		}
	}
}

// idle waits; it returns false if the flow ended.
func (f *flow) idle(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-f.done:
		return false
	case <-t.C:
		return true
	}
}

// alive pings. It returns false when that shows that nobody is there: a peer that
// is known to answer does not.
func (a *Agent) alive(f *flow) bool {
	if !f.account || a.line.refused.Load() {
		f.ping()
		return true // it breaks by itself when something is to be sent
	}
	l := a.line
	came := f.came.Load()
	switch l.proof.Load() {
	case byOptions:
		return a.answersOptions(f) || f.came.Load() != came
	case byNothing:
		f.ping()
		return true
	case byPong:
		f.ping()
		return f.awaitPong() || f.came.Load() != came
	}
	f.ping()
	switch {
	case f.awaitPong():
		l.proof.Store(byPong)
	case f.closed():
	case a.answersOptions(f):
		l.proof.Store(byOptions)
	case f.came.Load() == came:
		l.proof.Store(byNothing)
		l.refresh()
	}
	return true
}

// ping sends an empty line, twice (RFC 5626, Section 3.5.1); over a WebSocket what is
// meant for it there, which every server answers.
func (f *flow) ping() {
	select { // a pong that came unasked proves nothing
	case <-f.pong:
	default:
	}
	double := []byte("\r\n\r\n")
	switch {
	case f.web != nil:
		_ = f.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if f.web.ping() != nil {
			f.close()
		}
	case f.conn != nil:
		_, _ = (&stream{f}).Write(double) // breaks the flow if it fails
	default:
		_, _ = f.socket.WriteTo(double, net.UDPAddrFromAddrPort(f.remote))
	}
}

// ponged notes a pong.
func (f *flow) ponged() {
	select {
	case f.pong <- struct{}{}:
	default:
	}
}

func (f *flow) awaitPong() bool {
	t := time.NewTimer(pongTime)
	defer t.Stop()
	select {
	case <-f.pong:
		return true
	case <-f.done:
	case <-t.C:
	}
	return false
}

// answersOptions asks the server, by a request that means nothing, whether it is
// there. Any answer says so; it also shows where the server sees us.
func (a *Agent) answersOptions(f *flow) bool {
	ctx, cancel := context.WithTimeout(context.Background(), pongTime)
	defer cancel()
	l := a.line
	req, err := dialog.Outgoing{
		Method: "OPTIONS", URI: "sip:" + hostOf(l.aor),
		Via: f.via(), Branch: newID(),
		From: "<" + l.aor + ">;tag=" + newID(), To: "<sip:" + hostOf(l.aor) + ">",
		CallID: newID(), Seq: 1, Contact: l.contact(f.kind), Extra: l.userAgent(),
	}.Build()
	if err != nil {
		return false
	}
	res, err := a.roundTrip(ctx, f, req)
	if err == nil && l.moved(res) {
		l.refresh() // the registrar has an address of ours that leads nowhere
	}
	return err == nil
}
