package phone

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"karat/contrib/zrtpspec/spec"
	"karat/sip"
	"karat/sip/offer"
)

const (
	// answerTime is how long a phone may ring.
	answerTime = 60 * time.Second
	// closeTime bounds the end of everything.
	closeTime = 3 * time.Second
)

// ErrNotAnswered: the target did not take the call.
var ErrNotAnswered = errors.New("the target did not answer")

// SIP is a target that is called, or that calls.
type SIP struct {
	agent  *sip.Agent
	target string // empty: T waits to be called
	host   netip.Addr
	silent bool
	// Pause is what the target needs between two calls.
	Pause time.Duration
}

var _ spec.Source = (*SIP)(nil)

// NewSIP makes the caller of a target, or, if target is empty, one who waits at
// local for it to call. silent says that the target sends no sound of its own.
func NewSIP(ctx context.Context, target string, local netip.AddrPort, silent bool) (*SIP, error) {
	agent, err := sip.NewAgent(sip.Config{Listen: []string{"udp:" + local.String()}})
	if err != nil {
		return nil, err
	}
	if err := agent.Start(ctx); err != nil {
		return nil, err
	}
	return &SIP{agent: agent, target: target, host: local.Addr(), silent: silent}, nil
}

// Close ends the agent.
func (s *SIP) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = s.agent.Close(ctx)
}

// Abilities of a phone that is called.
func (s *SIP) Abilities() spec.Ability {
	if s.silent {
		return spec.Memory | spec.Signalling
	}
	return spec.Media | spec.Memory | spec.Signalling
}

// Phone returns the target. It is the same for all cases; what it remembers
// belongs to T's ZID, which is another in each.
func (s *SIP) Phone() (spec.Phone, error) { return sipPhone{s}, nil }

type sipPhone struct{ *SIP }

// Close leaves the agent to the other cases.
func (sipPhone) Close() {}

// Call calls the target, or waits for its call.
func (p sipPhone) Call(announce []string) (spec.Call, error) {
	s, err := listen(netip.AddrPortFrom(p.host, 0))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	own := description(netip.AddrPortFrom(p.host, s.port()), announce)
	dial := p.place
	if p.target == "" {
		dial = p.take
	}
	call, theirs, err := dial(ctx, own)
	if err != nil {
		s.close()
		return nil, err
	}
	d, err := offer.Parse(theirs)
	if err != nil || !d.Address.IsValid() {
		call.Hangup()
		s.close()
		return nil, errors.Join(errors.New("the target's description names no address for media"), err)
	}
	s.remote = d.Address
	return &sipCall{socket: s, call: call, announced: d.ZRTPHashes, pause: p.Pause}, nil
}

// place calls.
func (p sipPhone) place(ctx context.Context, own []byte) (*sip.Call, []byte, error) {
	call, err := p.agent.Invite(ctx, p.target, own)
	if err != nil {
		return nil, nil, err
	}
	theirs, err := answered(ctx, call)
	if err != nil {
		call.Hangup()
		return nil, nil, err
	}
	return call, theirs, nil
}

// answered waits for the answer, and returns its description.
func answered(ctx context.Context, call *sip.Call) ([]byte, error) {
	for {
		select {
		case e := <-call.Events():
			switch e := e.(type) {
			case sip.Answered:
				return e.SDP, nil
			case sip.Failed:
				return nil, fmt.Errorf("%w: %w", ErrNotAnswered, e.Why)
			case nil, sip.Ended:
				return nil, ErrNotAnswered
			}
		case <-ctx.Done():
			return nil, ErrNotAnswered
		}
	}
}

// take waits to be called.
func (p sipPhone) take(ctx context.Context, own []byte) (*sip.Call, []byte, error) {
	for {
		select {
		case e, ok := <-p.agent.Events():
			if !ok {
				return nil, nil, ErrNotAnswered
			}
			if in, is := e.(sip.Incoming); is {
				return in.Call, in.Call.Offer(), in.Call.Answer(own)
			}
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("nobody called within %v", answerTime)
		}
	}
}

// description offers what any phone has one of. T sends and plays no sound, so
// it may promise every codec.
func description(at netip.AddrPort, announce []string) []byte {
	family := "IP4"
	if at.Addr().Is6() {
		family = "IP6"
	}
	lines := []string{
		"v=0", "o=- 1 1 IN " + family + " " + at.Addr().String(), "s=-",
		"c=IN " + family + " " + at.Addr().String(), "t=0 0",
		fmt.Sprintf("m=audio %d RTP/AVP 96 0 8 101", at.Port()),
		"a=rtpmap:96 opus/48000/2", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
		"a=rtpmap:101 telephone-event/48000", "a=ptime:20", "a=rtcp-mux", "a=sendrecv",
	}
	for _, value := range announce {
		lines = append(lines, "a=zrtp-hash:"+value)
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n")
}

type sipCall struct {
	*socket
	call      *sip.Call
	announced []string
	pause     time.Duration
}

func (c *sipCall) Announced() []string { return c.announced }
func (*sipCall) Sights() []spec.Sight  { return nil }

// Hangup ends the call and waits for its end, so that the next finds the phone
// free.
func (c *sipCall) Hangup() {
	defer time.Sleep(c.pause)
	defer c.close()
	c.call.Hangup()
	over := time.After(closeTime)
	for {
		select {
		case _, ok := <-c.call.Events():
			if !ok {
				return
			}
		case <-over:
			return
		}
	}
}
