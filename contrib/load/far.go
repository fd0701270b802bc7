package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"karat/sip"
	"karat/sip/offer"
	"karat/zrtp"
)

// far is the other end of some calls: an account that answers everybody. What is said
// and heard there is the chorus's.
type far struct {
	agent  *sip.Agent
	local  netip.Addr
	chorus *chorus
	wg     sync.WaitGroup
	fault  atomic.Pointer[error] // the first one
}

func newFar(account *sip.Account, local netip.Addr, c *chorus) (*far, error) {
	agent, err := sip.NewAgent(sip.Config{Account: account})
	if err != nil {
		return nil, err
	}
	return &far{agent: agent, local: local, chorus: c}, nil
}

// start registers, and answers from then on.
func (f *far) start(ctx context.Context) error {
	if err := f.agent.Start(ctx); err != nil {
		return err
	}
	registered := make(chan error, 1)
	f.wg.Go(func() {
		for ev := range f.agent.Events() {
			switch ev := ev.(type) {
			case sip.Registered:
				select {
				case registered <- nil:
				default:
				}
			case sip.RegistrationLost:
				f.failed(fmt.Errorf("the far end is not registered: %w", ev.Why))
			case sip.Incoming:
				f.wg.Go(func() { f.answer(ev.Call) })
			}
		}
	})
	select {
	case err := <-registered:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *far) failed(err error) { f.fault.CompareAndSwap(nil, &err) }

// err is the first thing that went wrong.
func (f *far) err() error {
	if e := f.fault.Load(); e != nil {
		return *e
	}
	return nil
}

func (f *far) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = f.agent.Close(ctx) // the registrar forgets us anyway
	f.wg.Wait()
}

// answer takes a call and follows it to its end.
func (f *far) answer(sc *sip.Call) {
	c, err := f.take(sc)
	if err != nil {
		f.failed(fmt.Errorf("the far end could not answer: %w", err))
		sc.Decline()
		for range sc.Events() {
		}
		return
	}
	f.chorus.join(c)
	for range sc.Events() {
	}
	close(c.over)
}

func (f *far) take(sc *sip.Call) (*farCall, error) {
	theirs, err := offer.Parse(sc.Offer())
	if err != nil {
		return nil, err
	}
	s, err := openSocket(f.local)
	if err != nil {
		return nil, err
	}
	c := &farCall{socket: s, ssrc: random32(), over: make(chan struct{}), kept: make([]byte, 0, keptAtFirst)}
	c.session, err = zrtp.NewSession(zrtp.Config{ZID: randomZID(), SSRC: c.ssrc})
	if err != nil {
		return nil, err
	}
	ours, agreed, err := offer.Answer(theirs, offer.Local{Address: s.local, ZRTPHash: c.session.HelloHash()})
	if err != nil {
		return nil, err
	}
	c.session.ExpectHello(agreed.RemoteZRTPHashes)
	s.connect(agreed.Remote)
	c.pt = uint8(agreed.VoicePT)
	return c, sc.Answer(ours)
}
