package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/zrtpspec/karat"
	"karat/contrib/zrtpspec/middle"
	"karat/contrib/zrtpspec/phone"
	"karat/contrib/zrtpspec/spec"
)

const (
	// attacksLimit bounds the cell: its attacks take about a minute.
	attacksLimit = 3 * time.Minute
	// attackTime is longer than Karat waits for an end that has fallen silent: 10 s
	// after that has sent its last message again, for about as long.
	attackTime = 35 * time.Second
	// attackSettle is what Linphone needs to show on its console what its engine knows.
	attackSettle = 2 * time.Second
	// attackPhones are the Linphones that fall to M, each to one attack at a time.
	attackPhones = 8
	// attackTries is how often an attack is tried that a Linphone has not survived.
	attackTries = 4
)

// attackCells put M of contrib/zrtpspec between Karat's engine and a Linphone.
func attackCells() []cell {
	return []cell{{
		name: "zrtpspec/middle",
		proves: "each attack of contrib/zrtpspec from the middle between Karat's engine and a Linphone, whoever calls and commits: " +
			"never a wrong \"secure\", never one SAS, always an alarm or an honest end, as " + middleFile + " says",
		// Not with every change: it takes a minute of eight phones.
		limit: attacksLimit, full: true, run: attackLinphone,
	}}
}

// middleFile is what the attacks come to with Linphone.
const middleFile = specDir + "/peers/middle/linphonec.txt"

// duel is one attack; karatLeads: Karat calls, and commits.
type duel struct {
	middle.Attack
	karatLeads bool
}

// The ends, as M counts them.
const (
	karatEnd = iota
	linphoneEnd
)

func attackLinphone(ctx context.Context, b *bench) error {
	attacks := attacksOnClassical()
	outcomes := make([]middle.Seen, len(attacks))
	// What it comes to when one end leads, and when the other does.
	type task struct{ attack, lead int }
	tasks := make(chan task, 2*len(attacks))
	for i := range attacks {
		tasks <- task{i, karatEnd}
		tasks <- task{i, linphoneEnd}
	}
	close(tasks)
	var all []*couple
	for i := range attackPhones {
		c, err := b.newCouple(ctx, i)
		if err != nil {
			return err
		}
		defer c.close()
		all = append(all, c)
	}
	errs := make([]error, len(all))
	var playing sync.WaitGroup
	for i, c := range all {
		playing.Go(func() {
			for t := range tasks {
				d := duel{attacks[t.attack], t.lead == karatEnd}
				outcome, err := c.play(ctx, d)
				if err != nil {
					errs[i] = errors.Join(errs[i], fmt.Errorf("%s, M %s, Karat leads %t: %w", d.Row, d.Does, d.karatLeads, err))
				}
				outcomes[t.attack][t.lead] = string(outcome)
			}
		})
	}
	playing.Wait()
	crashes, hangs := 0, 0
	for _, c := range all {
		crashes, hangs = crashes+c.crashes, hangs+c.hangs
	}
	b.note("%d attacks from the middle, each both ways; Linphone crashed %d times and hung %d times", len(attacks), crashes, hangs)
	return errors.Join(append(errs, b.compareOutcomes(attacks, outcomes))...)
}

// attacksOnClassical are those that make sense with a phone that has no
// post-quantum keys.
func attacksOnClassical() (attacks []middle.Attack) {
	for _, x := range middle.Attacks() {
		if !x.PostQuantum {
			attacks = append(attacks, x)
		}
	}
	return attacks
}

// compareOutcomes holds what was seen against what is known. What was seen is kept
// in the cell's directory.
func (b *bench) compareOutcomes(attacks []middle.Attack, outcomes []middle.Seen) error {
	var seen strings.Builder
	for i, x := range attacks {
		seen.WriteString(x.Line(outcomes[i]))
	}
	if err := os.WriteFile(filepath.Join(b.Dir, "linphonec.txt"), []byte(seen.String()), 0o600); err != nil {
		return err
	}
	known, err := os.ReadFile(filepath.Join(b.root, middleFile))
	if err != nil {
		return err
	}
	var differ []error
	for i, x := range attacks {
		if should, ok := x.Known(string(known)); !ok || !outcomes[i].Fits(should) {
			differ = append(differ, fmt.Errorf("not as %s says: %s", middleFile, x.Line(outcomes[i])))
		}
	}
	return errors.Join(differ...)
}

// couple is a Linphone, and the two ways for Karat to have a call with it.
type couple struct {
	bench        *bench
	crashes      int
	hangs        int  // calls that it did not end
	hanging      bool // now
	linphone     *lab.Linphone
	calls, waits *phone.SIP
	waitsAt      string
	callsTo      spec.Phone
	waitsFor     spec.Phone
}

func (b *bench) newCouple(ctx context.Context, i int) (*couple, error) {
	linphone, err := b.newLinphone(ctx, lab.LinphoneConfig{
		User: "bob", Home: fmt.Sprintf("linphone-%d", i), Encryption: "zrtp", Mandatory: true, KeyAgreements: []string{"X255", "DH3k"},
		Hashes: []string{"S256", "S384"}, Ciphers: []string{"AES1", "AES3"}, SASTypes: []string{"B256", "B32"},
	})
	if err != nil {
		return nil, err
	}
	c := &couple{bench: b, linphone: linphone}
	for _, way := range []struct {
		target string
		sip    **phone.SIP
		phone  *spec.Phone
	}{{"sip:bob@" + at(linphone.SIPPort), &c.calls, &c.callsTo}, {"", &c.waits, &c.waitsFor}} {
		local := at(b.Port())
		if way.target == "" {
			c.waitsAt = "sip:alice@" + local
		}
		if *way.sip, err = phone.NewSIP(ctx, way.target, netip.MustParseAddrPort(local), true); err != nil {
			c.close()
			return nil, err
		}
		if *way.phone, err = (*way.sip).Phone(); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *couple) close() {
	for _, s := range []*phone.SIP{c.calls, c.waits} {
		if s != nil {
			s.Close()
		}
	}
}

// play carries out an attack. Linphone 5.1 crashes now and then (a null pointer in its
// ZRTP), or hangs: what came of such a try says nothing, and it is made again, unless
// it is what must never be.
func (c *couple) play(ctx context.Context, d duel) (outcome middle.Outcome, err error) {
	for range attackTries {
		outcome, err = c.attempt(ctx, d)
		crashed := !c.linphone.Running()
		if errors.Is(err, middle.ErrNever) || !crashed && !c.hanging {
			return outcome, err
		}
		if crashed {
			c.crashes++
		} else {
			c.hangs++
		}
		if rerr := c.revive(ctx); rerr != nil {
			return "", rerr
		}
	}
	return "", fmt.Errorf("linphonec has crashed or hung %d times, in the end with: %w", attackTries, err)
}

// revive starts Linphone again.
func (c *couple) revive(ctx context.Context) error {
	c.hanging = false
	if err := c.linphone.Restart(ctx, c.bench.Lab); err != nil {
		return err
	}
	return c.linphone.AutoAnswer(ctx)
}

// attempt carries out an attack, after a call in which friends have met.
func (c *couple) attempt(ctx context.Context, d duel) (middle.Outcome, error) {
	alice := karat.NewPhone()
	if d.Friends {
		honest := duel{middle.Honest, d.karatLeads}
		honest.Offer = d.Offer
		if outcome, err := c.meet(ctx, alice, honest); err != nil || outcome != middle.Unharmed {
			return outcome, errors.Join(err, fmt.Errorf("the call before came to %q", outcome))
		}
	}
	return c.meet(ctx, alice, d)
}

// meet is one call with M in the middle.
func (c *couple) meet(ctx context.Context, alice *karat.Phone, d duel) (middle.Outcome, error) {
	end, err := alice.Call(d.Offer)
	if err != nil {
		return "", err
	}
	defer end.Close()
	mark := c.linphone.Mark()
	var announce []string
	if d.Announced {
		announce = []string{end.HelloHash()}
	}
	call, err := c.connect(announce, d.karatLeads)
	if err != nil {
		return "", err
	}
	defer c.hangup(ctx, call, mark)
	if d.Announced {
		end.ExpectHello(call.Announced())
	}
	lead := linphoneEnd
	if d.karatLeads {
		lead = karatEnd
	}
	bob := &linphoneInCall{Linphone: c.linphone, call: call, mark: mark}
	m := middle.Meeting{
		Ends: [2]middle.End{karatEnd: end, linphoneEnd: bob}, Clock: middle.MachineClock(), Lead: &lead,
		Time: attackTime, Settle: attackSettle,
	}
	m.ZIDs[karatEnd] = alice.ZID
	for zid := range alice.Friends { // the only one
		m.ZIDs[linphoneEnd] = zid
	}
	err = d.CarryOut(m)
	a, b := end.Fate(), bob.Fate()
	a.SAS, b.SAS = spoken(a.SAS), spoken(b.SAS)
	outcome, jerr := d.Judge(a, b)
	return outcome, errors.Join(err, jerr)
}

// hangup ends the call, so that Linphone is free for the next. One that does not take
// notice hangs.
func (c *couple) hangup(ctx context.Context, call spec.Call, mark lab.CallMark) {
	call.Hangup()
	ctx, cancel := context.WithTimeout(ctx, endHeard)
	defer cancel()
	if _, err := c.linphone.WaitEnded(ctx, mark); err != nil {
		c.hanging = true
	}
}

// connect makes the call.
func (c *couple) connect(announce []string, karatCalls bool) (spec.Call, error) {
	if karatCalls {
		return c.callsTo.Call(announce)
	}
	if err := c.linphone.Call(c.waitsAt); err != nil {
		return nil, err
	}
	return c.waitsFor.Call(announce)
}

// linphoneInCall is a Linphone as an end: its media is what travels in the call,
// and its fate what it prints.
type linphoneInCall struct {
	*lab.Linphone
	call spec.Call
	mark lab.CallMark
}

var _ middle.End = (*linphoneInCall)(nil)

// Start: it has begun when the call did.
func (*linphoneInCall) Start(time.Time) {}

// Advance: it has a clock of its own.
func (*linphoneInCall) Advance(time.Time) {}

func (l *linphoneInCall) Receive(_ time.Time, packet []byte) { _ = l.call.Send(packet) }

func (l *linphoneInCall) Said() (packets [][]byte) {
	for b := l.call.Receive(0); b != nil; b = l.call.Receive(0) {
		packets = append(packets, b)
	}
	return packets
}

// Fate is what its user sees. It tells nobody its keys.
func (l *linphoneInCall) Fate() middle.Fate {
	sas, verified, secure := l.Shown(l.mark)
	return middle.Fate{Mute: true, Secure: secure, SAS: sas, Verified: verified, Alarmed: secure && l.Alarmed(l.mark)}
}
