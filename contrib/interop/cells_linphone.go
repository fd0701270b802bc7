package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/wiretap"
)

// history is three calls of one Karat with one Linphone: a first contact whose
// SAS both users then declare compared, a second one, and a third after Karat's
// store was lost.
type history struct {
	karatCalls bool
	// keyAgreement and sasType are Linphone's most wanted.
	keyAgreement, sasType string
}

func (h history) name() string {
	who := "linphone-karat"
	if h.karatCalls {
		who = "karat-linphone"
	}
	return fmt.Sprintf("%s/tls/%s/%s", who, h.keyAgreement, h.sasType)
}

// linphoneCells are calls with Linphone that must be secure.
func linphoneCells() []cell {
	var all []cell
	for _, karatCalls := range []bool{true, false} {
		for _, keyAgreement := range []string{"X255", "DH3k"} {
			for _, sasType := range []string{"B32", "B256"} {
				h := history{karatCalls, keyAgreement, sasType}
				all = append(all, cell{
					name:   h.name(),
					proves: "secure with one SAS; verified at both ends in the second call; a first contact again once Karat's store is lost",
					limit:  historyLimit, karat: true, items: []int{55, 58}, run: h.run,
				})
			}
		}
	}
	return append(all, cell{
		name:   "karat-linphone/udp/none",
		proves: "a Linphone told to encrypt nothing becomes secure when Karat asks",
		limit:  callLimit, karat: true, items: []int{54}, run: linphoneNone,
	}, cell{
		name:   "karat-linphone/tls/rolled-back",
		proves: "a Linphone whose secrets are older than the last two calls raises the alarm at Karat, which says no word",
		limit:  historyLimit, karat: true, items: []int{58}, run: linphoneRolledBack,
	})
}

// linphoneRolledBack: three calls, then one with the secrets that Linphone had
// after the first. Each end keeps the last two, so none match (RFC 6189, Section
// 4.3.2): what a stolen ZID looks like.
func linphoneRolledBack(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	karat, err := b.newKarat(ctx, "alice", proxy, "tls", b.alice)
	if err != nil {
		return err
	}
	h := history{karatCalls: true, keyAgreement: "X255", sasType: "B256"}
	var restore func() error
	for i := range 3 {
		_, linphone, err := h.call(ctx, b, proxy, karat, false)
		if err != nil {
			return fmt.Errorf("call %d: %w", i+1, err)
		}
		if i > 0 {
			continue
		}
		if restore, err = linphone.Snapshot(); err != nil {
			return err
		}
	}
	if err := restore(); err != nil {
		return err
	}
	began := time.Now()
	linphone, err := b.newLinphone(ctx, h.linphone(proxy))
	if err != nil {
		return err
	}
	mark := linphone.Mark()
	call, err := karat.Dial(ctx, proxy.AOR(linphone.User), talkTime)
	if err != nil {
		return err
	}
	if _, err := call.WaitEvent(ctx, "mismatch"); err != nil {
		return err
	}
	if err := exits(ctx, call, 3); err != nil {
		return err
	}
	if verdict, err := participants(call); err != nil || verdict != "broken" {
		return errors.Join(err, fmt.Errorf("karat's promise about participants reads %q, not broken", verdict))
	}
	if !linphone.Alarmed(mark) {
		return errors.New("only karat noticed the mismatch")
	}
	return b.judgeSilence(began)
}

// judgeSilence proves that Karat sent no voice since a time.
func (b *bench) judgeSilence(since time.Time) error {
	packets, err := b.stopWire()
	if err != nil {
		return err
	}
	sent, err := b.sentByKarat(packets)
	if err != nil {
		return err
	}
	sent = slices.DeleteFunc(sent, func(p wiretap.Packet) bool { return p.At.Before(since) })
	b.note("sent %s", wiretap.Tally(sent))
	return wiretap.Only(sent, wiretap.SIP, wiretap.KeepAlive, wiretap.ZRTP)
}

// met is what one call of a history showed.
type met struct {
	karat, linphone lab.Agreed
	// continuity is whether Karat says that retained secrets matched; nil: it
	// does not say, and participants has to do.
	continuity   *bool
	participants string // the verdict on that promise, as Karat gave it last
	alarmed      bool   // Linphone missed secrets that it shares with this phone
}

func (h history) run(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	karat, err := b.newKarat(ctx, h.karatUser(), proxy, "tls", h.speech(b, h.karatCalls))
	if err != nil {
		return err
	}
	steps := []struct {
		name   string
		before func() error
		verify bool
		expect func(met) error
	}{
		{"first call", func() error { return nil }, true, firstContact},
		{"second call", func() error { return h.verify(ctx, proxy, karat) }, false, sameAgain},
		{"after losing Karat's store", func() error { return karat.ForgetEverything(ctx) }, false, firstContact},
	}
	var linphones []*lab.Linphone
	for _, step := range steps {
		if err := step.before(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		m, linphone, err := h.call(ctx, b, proxy, karat, step.verify)
		if err == nil {
			err = step.expect(m)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		linphones = append(linphones, linphone)
	}
	return b.judgeSecure(linphones)
}

// verify says at Karat that the SAS was compared: with B256 of a phone without
// a name, with B32 of a contact's.
func (h history) verify(ctx context.Context, proxy *lab.Kamailio, karat *lab.Karat) error {
	if h.sasType == "B256" {
		return karat.Verify(ctx, "")
	}
	name := "the Linphone"
	if err := karat.AddContact(ctx, name, proxy.AOR(h.linphoneUser())); err != nil {
		return err
	}
	return karat.Verify(ctx, name)
}

// firstContact: nobody knows anybody (RFC 6189, Section 4.9: a ZID never met is
// no mismatch).
func firstContact(m met) error {
	switch {
	case m.alarmed:
		return errors.New("linphone was alarmed by a phone that it cannot know")
	case m.karat.Verified || m.linphone.Verified:
		return fmt.Errorf("verified before any comparison (karat %t, linphone %t)", m.karat.Verified, m.linphone.Verified)
	case m.continuity != nil && *m.continuity:
		return errors.New("karat claims to know a phone that it never met")
	case m.participants != "unconfirmed":
		return fmt.Errorf("karat's promise about participants reads %q, not unconfirmed", m.participants)
	}
	return nil
}

// sameAgain: the retained secrets matched, and both ends know that the SAS was
// compared (RFC 6189, Section 7.1).
func sameAgain(m met) error {
	switch {
	case m.alarmed:
		return errors.New("linphone was alarmed by a phone that it knows")
	case m.continuity != nil && !*m.continuity:
		return errors.New("the retained secrets did not match")
	case !m.karat.Verified || !m.linphone.Verified:
		return fmt.Errorf("the comparison was forgotten (karat remembers: %t, linphone: %t)", m.karat.Verified, m.linphone.Verified)
	case m.participants != "held":
		return fmt.Errorf("karat's promise about participants reads %q, not held", m.participants)
	}
	return nil
}

func (h history) karatUser() string {
	if h.karatCalls {
		return "alice"
	}
	return "bob"
}

func (h history) linphoneUser() string {
	if h.karatCalls {
		return "bob"
	}
	return "alice"
}

// speech is alice's for who calls, bob's for who answers.
func (h history) speech(b *bench, calls bool) string {
	if calls {
		return b.alice
	}
	return b.bob
}

// call makes one call, with a Linphone started for it that has the home of the
// one before.
func (h history) call(ctx context.Context, b *bench, proxy *lab.Kamailio, karat *lab.Karat, verify bool) (met, *lab.Linphone, error) {
	linphone, err := b.newLinphone(ctx, h.linphone(proxy))
	if err != nil {
		return met{}, nil, err
	}
	m, err := h.talk(ctx, b, proxy, karat, linphone, verify)
	if err != nil {
		return m, nil, err
	}
	if m.karat.KeyAgreement != h.keyAgreement || m.karat.SASType != h.sasType {
		return m, nil, fmt.Errorf("agreed on %s", choices(m.karat))
	}
	b.noteAgreed(m.karat)
	return m, linphone, linphone.Quit(ctx)
}

func (h history) linphone(proxy *lab.Kamailio) lab.LinphoneConfig {
	return lab.LinphoneConfig{
		User: h.linphoneUser(), Encryption: "zrtp", Mandatory: true, Proxy: proxy, Transport: "tls",
		KeyAgreements: []string{h.keyAgreement}, SASTypes: []string{h.sasType},
	}
}

func (b *bench) newLinphone(ctx context.Context, c lab.LinphoneConfig) (*lab.Linphone, error) {
	l, err := b.StartLinphone(ctx, c)
	if err != nil {
		return nil, err
	}
	b.others = append(b.others, l.UDPPorts()...)
	return l, l.AutoAnswer(ctx)
}

// talk makes one call between two phones that are ready.
func (h history) talk(ctx context.Context, b *bench, proxy *lab.Kamailio, karat *lab.Karat, linphone *lab.Linphone, verify bool) (met, error) {
	mark := linphone.Mark()
	call, err := h.connect(ctx, proxy, karat, linphone)
	if err != nil {
		return met{}, err
	}
	m, err := bothSecure(ctx, call, linphone, mark)
	if err != nil {
		return m, err
	}
	if err := errors.Join(linphone.Speak(h.speech(b, !h.karatCalls)), linphone.Record()); err != nil {
		return m, err
	}
	if verify {
		if err := linphone.MarkVerified(ctx); err != nil {
			return m, err
		}
	}
	if !h.karatCalls {
		if err := errors.Join(pause(ctx, talkTime), linphone.Hangup()); err != nil {
			return m, err
		}
	}
	if err := exits(ctx, call, 0); err != nil {
		return m, err
	}
	if err := hearsTheEnd(ctx, linphone, mark); err != nil {
		return m, err
	}
	m.alarmed = linphone.Alarmed(mark)
	if m.participants, err = participants(call); err != nil {
		return m, err
	}
	if h.karatCalls {
		return m, b.bothHeard(call, linphone)
	}
	return m, b.bothHeard(linphone, call)
}

// endHeard is how long after Karat's end Linphone may still think it is talking:
// a BYE that has to be sent again comes within this.
const endHeard = 5 * time.Second

// hearsTheEnd checks that Karat's BYE, or the answer to Linphone's own, arrived.
func hearsTheEnd(ctx context.Context, linphone *lab.Linphone, mark lab.CallMark) error {
	ctx, cancel := context.WithTimeoutCause(ctx, endHeard, errors.New("karat has left, and linphone was not told"))
	defer cancel()
	_, err := linphone.WaitEnded(ctx, mark)
	return err
}

func (h history) connect(ctx context.Context, proxy *lab.Kamailio, karat *lab.Karat, linphone *lab.Linphone) (*lab.KaratCall, error) {
	if h.karatCalls {
		return karat.Dial(ctx, proxy.AOR(linphone.User), talkTime)
	}
	call, err := karat.Answer(ctx)
	if err != nil {
		return nil, err
	}
	return call, linphone.Call(proxy.AOR(karat.User))
}

// bothSecure waits until both ends say that the call is, and compares what they
// say.
func bothSecure(ctx context.Context, call *lab.KaratCall, linphone *lab.Linphone, mark lab.CallMark) (met, error) {
	var m met
	atKarat, event, err := call.WaitSecure(ctx)
	if err != nil {
		return m, err
	}
	atLinphone, err := linphone.WaitSecure(ctx, mark)
	if err != nil {
		return m, err
	}
	m = met{karat: atKarat, linphone: atLinphone, continuity: event.Continuity}
	return m, same(atKarat, atLinphone)
}

// participants returns the verdict on that promise in the last assay.
func participants(call *lab.KaratCall) (string, error) {
	last, err := call.LastAssay()
	if err != nil {
		return "", err
	}
	for _, p := range last.Promises {
		if p.ID == "participants" {
			return p.Verdict, nil
		}
	}
	return "", fmt.Errorf("the assay names no participants: %s", strings.TrimSpace(last.Why))
}

func linphoneNone(ctx context.Context, b *bench) error {
	proxy, err := b.proxy(ctx, "MD5")
	if err != nil {
		return err
	}
	karat, err := b.newKarat(ctx, "alice", proxy, "udp", b.alice)
	if err != nil {
		return err
	}
	linphone, err := b.newLinphone(ctx, lab.LinphoneConfig{User: "bob", Encryption: "none", Proxy: proxy, Transport: "udp"})
	if err != nil {
		return err
	}
	m, err := history{karatCalls: true}.talk(ctx, b, proxy, karat, linphone, false)
	if err != nil {
		return err
	}
	b.noteAgreed(m.karat)
	return b.judgeSecure([]*lab.Linphone{linphone})
}
