package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/link"
)

// kind is a sort of phone, and how two of them call each other.
type kind struct {
	name string
	// ready starts one at the proxy, tells when it was ready, and leaves it
	// running.
	ready func(context.Context, *lab.Lab, *lab.Kamailio, string) (started, error)
	// call has two of them at the proxy talk until talked returns.
	call func(ctx context.Context, l *lab.Lab, proxy *lab.Kamailio, speech string, talked func(...*lab.Process) error) error
	// direct has two of them on the hosts of a line make one call and end it
	// once it is secure.
	direct func(ctx context.Context, l *lab.Lab, line *link.Link, speech string, calls int, each func() error) error
}

// started is when a phone was how far.
type started struct {
	begun, socket, registered time.Time
}

// callGrace is how much longer than measured a call of Karat's lasts, whose
// length is chosen when it is dialled.
const callGrace = 3 * time.Second

func karat(binary string) kind {
	config := func(user string, proxy *lab.Kamailio, speech string) lab.KaratConfig {
		return lab.KaratConfig{Binary: binary, User: user, Proxy: proxy, Transport: "udp", Speech: speech}
	}
	return kind{
		name: "karat",
		ready: func(ctx context.Context, l *lab.Lab, proxy *lab.Kamailio, speech string) (started, error) {
			k, err := l.NewKarat(ctx, config("alice", proxy, speech))
			if err != nil {
				return started{}, err
			}
			a, err := k.Answer(ctx)
			if err != nil {
				return started{}, err
			}
			return started{a.Started, a.SocketOpen, a.Registered}, nil
		},
		call: func(ctx context.Context, l *lab.Lab, proxy *lab.Kamailio, speech string, talked func(...*lab.Process) error) error {
			alice, aerr := l.NewKarat(ctx, config("alice", proxy, speech))
			bob, berr := l.NewKarat(ctx, config("bob", proxy, speech))
			if err := errors.Join(aerr, berr); err != nil {
				return err
			}
			return karatCall(ctx, alice, bob, proxy.AOR("bob"), talkTime+callGrace, talked)
		},
		direct: func(ctx context.Context, l *lab.Lab, line *link.Link, speech string, calls int, each func() error) error {
			from, to := config("alice", nil, speech), config("bob", nil, speech)
			from.Wrap, to.Wrap = line.A.Wrap(), line.B.Wrap()
			for range calls {
				port := l.Port()
				from.Listen = fmt.Sprintf("udp:%v:%d", line.A.Addr, port)
				to.Listen = fmt.Sprintf("udp:%v:%d", line.B.Addr, port)
				alice, aerr := l.NewKarat(ctx, from)
				bob, berr := l.NewKarat(ctx, to)
				if err := errors.Join(aerr, berr); err != nil {
					return err
				}
				uri := fmt.Sprintf("sip:bob@%v:%d", line.B.Addr, port)
				if err := karatCall(ctx, alice, bob, uri, time.Second, func(...*lab.Process) error { return nil }); err != nil {
					return err
				}
				if err := each(); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func karatCall(ctx context.Context, alice, bob *lab.Karat, uri string, length time.Duration, talked func(...*lab.Process) error) error {
	answering, err := bob.Answer(ctx)
	if err != nil {
		return err
	}
	calling, err := alice.Dial(ctx, uri, length)
	if err != nil {
		return err
	}
	for _, c := range []*lab.KaratCall{calling, answering} {
		if _, _, err := c.WaitSecure(ctx); err != nil {
			return err
		}
	}
	if err := talked(calling.Process, answering.Process); err != nil {
		return err
	}
	_, cerr := calling.Wait(ctx)
	_, aerr := answering.Wait(ctx)
	return errors.Join(cerr, aerr)
}

func linphone() kind {
	config := func(user string, proxy *lab.Kamailio) lab.LinphoneConfig {
		return lab.LinphoneConfig{
			User: user, Encryption: "zrtp", Mandatory: true, Proxy: proxy, Transport: "udp",
			KeyAgreements: []string{"X255"}, SASTypes: []string{"B256"},
		}
	}
	return kind{
		name: "linphone",
		ready: func(ctx context.Context, l *lab.Lab, proxy *lab.Kamailio, _ string) (started, error) {
			p, err := l.StartLinphone(ctx, config("alice", proxy))
			if err != nil {
				return started{}, err
			}
			return started{p.Started, p.SocketOpen, p.Registered}, nil
		},
		call: func(ctx context.Context, l *lab.Lab, proxy *lab.Kamailio, speech string, talked func(...*lab.Process) error) error {
			alice, aerr := l.StartLinphone(ctx, config("alice", proxy))
			bob, berr := l.StartLinphone(ctx, config("bob", proxy))
			if err := errors.Join(aerr, berr); err != nil {
				return err
			}
			return linphoneCall(ctx, alice, bob, proxy.AOR("bob"), speech, talked)
		},
		direct: func(ctx context.Context, l *lab.Lab, line *link.Link, speech string, calls int, each func() error) error {
			from, to := config("alice", nil), config("bob", nil)
			from.Wrap, from.IP = line.A.Wrap(), line.A.Addr.String()
			to.Wrap, to.IP = line.B.Wrap(), line.B.Addr.String()
			alice, aerr := l.StartLinphone(ctx, from)
			bob, berr := l.StartLinphone(ctx, to)
			if err := errors.Join(aerr, berr); err != nil {
				return err
			}
			for range calls {
				uri := fmt.Sprintf("sip:bob@%s:%d", bob.IP, bob.SIPPort)
				if err := linphoneCall(ctx, alice, bob, uri, speech, func(...*lab.Process) error { return nil }); err != nil {
					return err
				}
				if err := each(); err != nil {
					return err
				}
			}
			return errors.Join(alice.Stop(), bob.Stop())
		},
	}
}

func linphoneCall(ctx context.Context, alice, bob *lab.Linphone, uri, speech string, talked func(...*lab.Process) error) error {
	if err := bob.AutoAnswer(ctx); err != nil {
		return err
	}
	atAlice, atBob := alice.Mark(), bob.Mark()
	if err := alice.Call(uri); err != nil {
		return err
	}
	_, aerr := alice.WaitSecure(ctx, atAlice)
	_, berr := bob.WaitSecure(ctx, atBob)
	if err := errors.Join(aerr, berr, alice.Speak(speech), bob.Speak(speech)); err != nil {
		return err
	}
	if err := errors.Join(talked(alice.Process, bob.Process), alice.Hangup()); err != nil {
		return err
	}
	_, aerr = alice.WaitEnded(ctx, atAlice)
	_, berr = bob.WaitEnded(ctx, atBob)
	return errors.Join(aerr, berr)
}

// baresip has no ZRTP: its calls are SDES, which costs the same once keyed.
func baresip() kind {
	config := func(user string, proxy *lab.Kamailio, speech string) lab.BaresipConfig {
		return lab.BaresipConfig{User: user, MediaEncryption: "srtp-mand", Proxy: proxy, Transport: "udp", Speech: speech}
	}
	return kind{
		name: "baresip",
		ready: func(ctx context.Context, l *lab.Lab, proxy *lab.Kamailio, speech string) (started, error) {
			p, err := l.StartBaresip(ctx, config("alice", proxy, speech))
			if err != nil {
				return started{}, err
			}
			return started{p.Started, p.SocketOpen, p.Registered}, nil
		},
		call: func(ctx context.Context, l *lab.Lab, proxy *lab.Kamailio, speech string, talked func(...*lab.Process) error) error {
			alice, aerr := l.StartBaresip(ctx, config("alice", proxy, speech))
			bob, berr := l.StartBaresip(ctx, config("bob", proxy, speech))
			if err := errors.Join(aerr, berr); err != nil {
				return err
			}
			if err := alice.Call(proxy.AOR("bob")); err != nil {
				return err
			}
			if err := alice.WaitEstablished(ctx); err != nil {
				return err
			}
			return errors.Join(talked(alice.Process, bob.Process), alice.Hangup())
		},
	}
}
