package path

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
)

// generation is one set of sockets and credentials, and the checks made with
// them: ICE calls it a session between two restarts.
type generation struct {
	bases      []*base
	ufrag, pwd string
	agent      *ice.Agent // nil: no checks yet
}

const (
	// ufragLength and pwdLength in characters of 6 bits.
	//
	// RFC 8839, Section 5.4: "the ice-ufrag attribute MUST contain at least 24
	// bits of randomness, and the ice-pwd attribute MUST contain at least 128".
	ufragLength, pwdLength = 8, 24
	// maxCandidates of a peer are looked at. A machine with many interfaces has
	// a dozen; each costs checks, which go wherever the peer says.
	maxCandidates = 24
)

// Patience of the checks.
const (
	// RFC 8445, Section 14.2: Ta is 50 ms.
	checkInterval = 50 * time.Millisecond
	// A direct way that answers within a second is taken before the relay's.
	reflexiveWait, relayWait = 300 * time.Millisecond, time.Second
	// consentInterval keeps the NAT's binding, and asks whether the peer is there
	// still (RFC 7675, Section 5.1: each 5 s).
	consentInterval = 4 * time.Second
	// A pair is given up when nothing came back for 30 s (RFC 7675).
	disconnectedTime, failedTime = 10 * time.Second, 20 * time.Second
)

func newGeneration(bases []*base) (*generation, error) {
	return &generation{bases: bases, ufrag: iceChars(ufragLength), pwd: iceChars(pwdLength)}, nil
}

// iceChars are random ice-chars (RFC 8839, Section 5.4).
func iceChars(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b)
}

// standard is the base of the default candidate; gather puts it first.
func (g *generation) standard() *base { return g.bases[0] }

// describe lists the candidates: nothing in them but addresses, and the types
// and priorities that every installation has.
func (g *generation) describe() Description {
	d := Description{Ufrag: g.ufrag, Pwd: g.pwd}
	for _, b := range g.bases {
		d.Candidates = append(d.Candidates, b.candidates()...)
	}
	return d
}

// check starts an agent.
func (g *generation) check(controlling bool, remote Description, chosen func(*base, netip.AddrPort)) error {
	candidates := remoteCandidates(remote.Candidates)
	if remote.Ufrag == "" || remote.Pwd == "" || len(candidates) == 0 || g.agent != nil {
		return ErrICE
	}
	agent, err := ice.NewAgentWithOptions(
		ice.WithLocalCredentials(g.ufrag, g.pwd),
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithDisableActiveTCP(),
		ice.WithLoggerFactory(silence{}),
		ice.WithCheckInterval(checkInterval),
		ice.WithKeepaliveInterval(consentInterval),
		ice.WithDisconnectedTimeout(disconnectedTime),
		ice.WithFailedTimeout(failedTime),
		ice.WithHostAcceptanceMinWait(0),
		ice.WithPrflxAcceptanceMinWait(reflexiveWait),
		ice.WithSrflxAcceptanceMinWait(reflexiveWait),
		ice.WithRelayAcceptanceMinWait(g.relayWait()),
		ice.WithMaxBindingRequests(maxBindingRequests),
	)
	if err != nil {
		return fmt.Errorf("path: start ICE: %w", err)
	}
	g.agent = agent
	if err := g.run(controlling, remote, candidates, chosen); err != nil {
		g.agent = nil
		agent.GracefulClose()
		return fmt.Errorf("path: start ICE: %w", err)
	}
	return nil
}

// maxBindingRequests is how often a check is sent before its pair has failed. A
// peer's own checks may open the way later: somebody has to confirm, or its
// NAT is slow.
const maxBindingRequests = 40

// relayWait is no wait where there is nothing to wait for.
func (g *generation) relayWait() time.Duration {
	if slices.ContainsFunc(g.bases, func(b *base) bool { return b.relay == nil }) {
		return relayWait
	}
	return 0
}

// run gives a new agent its candidates and starts it.
func (g *generation) run(controlling bool, remote Description, candidates []ice.Candidate, chosen func(*base, netip.AddrPort)) error {
	if err := g.agent.OnSelectedCandidatePairChange(func(local, remote ice.Candidate) {
		if b, to := g.base(local), candidateAddr(remote); b != nil && to.IsValid() {
			chosen(b, to)
		}
	}); err != nil {
		return err
	}
	if remote.Lite {
		if err := g.agent.SetRemoteICELite(true); err != nil {
			return err
		}
	}
	for _, b := range g.bases {
		c, err := b.candidate()
		if err != nil {
			return err
		}
		if err := g.agent.AddVirtualCandidate(c, b.attach()); err != nil {
			return err
		}
	}
	for _, c := range candidates {
		if err := g.agent.AddRemoteCandidate(c); err != nil {
			return err
		}
	}
	start := g.agent.StartAccept
	if controlling {
		start = g.agent.StartDial
	}
	_, err := start(remote.Ufrag, remote.Pwd)
	return err
}

// base finds the socket of a local candidate.
func (g *generation) base(c ice.Candidate) *base {
	at := candidateAddr(c)
	for _, b := range g.bases {
		if b.local == at {
			return b
		}
	}
	return nil
}

// remoteCandidates reads those that can be checked: voice over UDP at an
// address in numbers. Names (mDNS) would have to be looked up, which tells the
// network whom we talk to.
func remoteCandidates(lines []string) (all []ice.Candidate) {
	for _, line := range lines[:min(len(lines), maxCandidates)] {
		c, err := ice.UnmarshalCandidate(line)
		if err != nil || c.Component() != ice.ComponentRTP || !c.NetworkType().IsUDP() {
			continue
		}
		if a := candidateAddr(c); a.IsValid() && a.Port() != 0 && !a.Addr().IsMulticast() && !a.Addr().IsUnspecified() {
			all = append(all, c)
		}
	}
	return all
}

func candidateAddr(c ice.Candidate) netip.AddrPort {
	a, err := netip.ParseAddr(c.Address())
	if err != nil || c.Port() < 0 || c.Port() > 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(c.Port()))
}

// close ends the checks, and closes the sockets that are not kept.
func (g *generation) close(kept []*base) error {
	if g.agent != nil {
		if err := g.agent.GracefulClose(); err != nil {
			return err
		}
	}
	for _, b := range g.bases {
		if !slices.Contains(kept, b) {
			b.close()
		}
	}
	return nil
}

// The priorities of RFC 8445, Section 5.1.2.1, for component 1 and the one
// address of each kind: 2^24 * type preference + 2^8 * 65535 + 255.
const (
	hostPriority      = 126<<24 | 65535<<8 | 255
	reflexivePriority = 100<<24 | 65535<<8 | 255
	relayPriority     = 0<<24 | 65535<<8 | 255
)

// candidates are the base's lines for an offer. The foundation is 1 for hosts,
// 2 for reflexive ones, 3 for the relay's.
//
// RFC 8839, Section 5.1: where the related address should not be disclosed, it
// is 0.0.0.0 or ::, with port 9.
func (b *base) candidates() []string {
	if b.relay != nil {
		return []string{candidateLine(3, relayPriority, b.local, "relay")}
	}
	lines := []string{candidateLine(1, hostPriority, b.local, "host")}
	if b.mapped.IsValid() && b.mapped != b.local {
		lines = append(lines, candidateLine(2, reflexivePriority, b.mapped, "srflx"))
	}
	return lines
}

func candidateLine(foundation, priority int, at netip.AddrPort, kind string) string {
	line := fmt.Sprintf("%d 1 UDP %d %s %d typ %s", foundation, priority, at.Addr(), at.Port(), kind)
	switch {
	case kind == "host":
		return line
	case at.Addr().Is6():
		return line + " raddr :: rport 9"
	}
	return line + " raddr 0.0.0.0 rport 9"
}

// candidate is the base as pion/ice knows it. A reflexive address is not one of
// its own: checks to it arrive at the host's socket (RFC 8445, Section 6.1.2.4
// prunes it).
func (b *base) candidate() (ice.Candidate, error) {
	address, port := b.local.Addr().String(), int(b.local.Port())
	if b.relay == nil {
		return ice.NewCandidateHost(&ice.CandidateHostConfig{
			Network: "udp", Address: address, Port: port, Component: ice.ComponentRTP,
			Foundation: strconv.Itoa(1), Priority: hostPriority,
		})
	}
	return ice.NewCandidateRelay(&ice.CandidateRelayConfig{
		Network: "udp", Address: address, Port: port, Component: ice.ComponentRTP,
		Foundation: strconv.Itoa(3), Priority: relayPriority, RelAddr: "0.0.0.0", RelPort: 9,
	})
}

// silence keeps the logs of libraries away: they name addresses.
type silence struct{}

func (silence) NewLogger(string) logging.LeveledLogger { return silence{} }
func (silence) Trace(string)                           {}
func (silence) Tracef(string, ...any)                  {}
func (silence) Debug(string)                           {}
func (silence) Debugf(string, ...any)                  {}
func (silence) Info(string)                            {}
func (silence) Infof(string, ...any)                   {}
func (silence) Warn(string)                            {}
func (silence) Warnf(string, ...any)                   {}
func (silence) Error(string)                           {}
func (silence) Errorf(string, ...any)                  {}
