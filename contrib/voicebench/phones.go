package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/link"
)

const (
	// firstPort of each lab: every lab has network namespaces of its own.
	firstPort = 21000
	// grace is how much longer than the speech a call lasts: what is late is
	// still heard.
	grace = 2500 * time.Millisecond
	// callLimit is when a call that does not come about is given up.
	callLimit = 30 * time.Second
)

// phone is a sort of phone, and how two of them talk over a line: the left one
// says the speech, what the right one heard is returned. during is called when
// the voice has begun.
type phone struct {
	name string
	talk func(ctx context.Context, l *lab.Lab, line *link.Link, s spoken, during func(left, right *lab.Process) error) (lab.Recording, error)
}

func phones(karat string) []phone {
	return []phone{
		{"karat", karatPhone(karat)},
		{"linphone", talkLinphone},
		{"baresip", talkBaresip},
	}
}

// karatPhone calls with Karat's binary.
func karatPhone(binary string) func(context.Context, *lab.Lab, *link.Link, spoken, func(left, right *lab.Process) error) (lab.Recording, error) {
	return func(ctx context.Context, l *lab.Lab, line *link.Link, s spoken, during func(left, right *lab.Process) error) (lab.Recording, error) {
		port := l.Port()
		config := func(user string, h link.Host, speech string) lab.KaratConfig {
			return lab.KaratConfig{Binary: binary, User: user, Speech: speech, Wrap: h.Wrap(), Sound: s.sound[user], Listen: fmt.Sprintf("udp:%v:%d", h.Addr, port)}
		}
		alice, aerr := l.NewKarat(ctx, config("alice", line.A, s.path))
		bob, berr := l.NewKarat(ctx, config("bob", line.B, s.silence))
		if err := errors.Join(aerr, berr); err != nil {
			return lab.Recording{}, err
		}
		right, err := bob.Answer(ctx)
		if err != nil {
			return lab.Recording{}, err
		}
		left, err := alice.Dial(ctx, fmt.Sprintf("sip:bob@%v:%d", line.B.Addr, port), s.length+grace)
		if err != nil {
			return lab.Recording{}, err
		}
		for _, c := range []*lab.KaratCall{left, right} {
			if _, _, err := c.WaitSecure(ctx); err != nil {
				return lab.Recording{}, err
			}
		}
		if err := during(left.Process, right.Process); err != nil {
			return lab.Recording{}, err
		}
		_, lerr := left.Wait(ctx)
		_, rerr := right.Wait(ctx)
		if err := errors.Join(lerr, rerr); err != nil {
			return lab.Recording{}, err
		}
		return s.heard(right)
	}
}

func talkLinphone(ctx context.Context, l *lab.Lab, line *link.Link, s spoken, during func(left, right *lab.Process) error) (lab.Recording, error) {
	var none lab.Recording
	config := func(user string, h link.Host) lab.LinphoneConfig {
		return lab.LinphoneConfig{
			User: user, Encryption: "zrtp", Mandatory: true, KeyAgreements: []string{"X255"}, SASTypes: []string{"B256"},
			Wrap: h.Wrap(), IP: h.Addr.String(), Sound: s.sound[user],
		}
	}
	left, lerr := l.StartLinphone(ctx, config("alice", line.A))
	right, rerr := l.StartLinphone(ctx, config("bob", line.B))
	if err := errors.Join(lerr, rerr); err != nil {
		return none, err
	}
	if err := right.AutoAnswer(ctx); err != nil {
		return none, err
	}
	atLeft, atRight := left.Mark(), right.Mark()
	if err := left.Call(fmt.Sprintf("sip:bob@%s:%d", right.IP, right.SIPPort)); err != nil {
		return none, err
	}
	_, lerr = left.WaitSecure(ctx, atLeft)
	_, rerr = right.WaitSecure(ctx, atRight)
	err := errors.Join(lerr, rerr)
	if err == nil && s.sound == nil {
		err = errors.Join(right.Record(), left.Speak(s.path), right.Speak(s.silence))
	}
	if err != nil {
		return none, err
	}
	spoken := time.Now().Add(s.length + grace)
	if err := errors.Join(during(left.Process, right.Process), wait(ctx, time.Until(spoken)), left.Hangup()); err != nil {
		return none, err
	}
	if _, err := right.WaitEnded(ctx, atRight); err != nil {
		return none, err
	}
	if err := right.Quit(ctx); err != nil {
		return none, err
	}
	return s.heard(right)
}

// talkBaresip calls with SDES: baresip has no ZRTP, and once keyed it is the
// same on the wire.
func talkBaresip(ctx context.Context, l *lab.Lab, line *link.Link, s spoken, during func(left, right *lab.Process) error) (lab.Recording, error) {
	var none lab.Recording
	config := func(user string, h link.Host, speech string) lab.BaresipConfig {
		return lab.BaresipConfig{User: user, MediaEncryption: "srtp-mand", Speech: speech, Wrap: h.Wrap(), IP: h.Addr.String(), Sound: s.sound[user]}
	}
	right, err := l.StartBaresip(ctx, config("bob", line.B, s.silence))
	if err != nil {
		return none, err
	}
	c := config("alice", line.A, s.path)
	c.Dial = fmt.Sprintf("sip:bob@%s:%d", right.IP, right.SIPPort)
	left, err := l.StartBaresip(ctx, c)
	if err != nil {
		return none, err
	}
	if err := left.WaitTalking(ctx); err != nil {
		return none, err
	}
	spoken := time.Now().Add(s.length + grace)
	if err := errors.Join(during(left.Process, right.Process), wait(ctx, time.Until(spoken)), left.Stop(), right.Stop()); err != nil {
		return none, err
	}
	return s.heard(right)
}

// heard is what a phone recorded; with a sound card it recorded nothing.
func (s spoken) heard(from interface{ Heard() (lab.Recording, error) }) (lab.Recording, error) {
	if s.sound != nil {
		return lab.Recording{}, nil
	}
	return from.Heard()
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
