// Package simnet is a packet network in memory, for tests in testing/synctest:
// hosts with addresses, datagram sockets, listeners and stream connections
// between them, and links whose delay, loss, duplication and order follow a
// rule (a Plan) that the test writes.
//
// A real socket inside a synctest bubble hangs, because waiting for the kernel
// does not let the fake clock move. Here all waiting is for channels and timers
// made by whoever waits, so the same network runs in a bubble (in no time, to
// the exact nanosecond) and outside of one (in real time). It starts no
// goroutine.
//
// It does NOT imitate congestion, bandwidth, fragmentation, ICMP, DNS beyond a
// table of names, or NAT. Streams are reliable like TCP: what a plan loses of
// them comes late.
//
//	n := simnet.New(simnet.Config{Plan: simnet.Delay(20 * time.Millisecond)})
//	defer n.Close()
//	alice, bob := n.Host("10.0.0.1"), n.Host("10.0.0.2")
//	pc, err := bob.ListenPacket(ctx, "udp", ":5060")
//	conn, err := alice.Dial(ctx, "tcp", "10.0.0.2:5061")
package simnet

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// maxQueue is how many datagrams wait for one socket, those under way
	// included: five seconds of voice at 200 packets a second. More are dropped
	// and counted, as a kernel does.
	maxQueue = 1024
	// maxWindow is how many bytes of a stream are under way before Write
	// blocks, about what a kernel allows.
	maxWindow = 256 << 10
	// maxBacklog is how many connections wait to be accepted; then dialling is
	// refused.
	maxBacklog = 128
	// maxDatagram is the largest UDP payload over IPv4 (65535 - 20 - 8).
	maxDatagram = 65507
	// resend is after what time a stream sends again what was lost, Linux's
	// smallest retransmission timeout; maxResends, how often before the
	// connection breaks.
	resend     = 200 * time.Millisecond
	maxResends = 15
	// firstEphemeral is where ports chosen by the network begin
	// (RFC 6335, Section 6).
	firstEphemeral = 49152
)

// Packet is a datagram, or a piece of a stream, as it is sent.
type Packet struct {
	Network  string // "udp" or "tcp"
	From, To netip.AddrPort
	// Data belongs to the network: read it, keep a copy, do not change it.
	// Empty for the opening of a stream.
	Data []byte
	// Number counts the packets from From to To, from 1; a plan can say "the
	// third one".
	Number int
	// Copies is how many of it will arrive. Only the tap is told.
	Copies int
}

// Delivery is one arrival of a packet.
type Delivery struct {
	After time.Duration
	Data  []byte // nil: as sent
}

// Config of a network. The zero value delivers everything at once.
type Config struct {
	// Seed of the random numbers that plans are given.
	Seed uint64
	// Plan decides what becomes of each packet; nil: it arrives at once.
	Plan Plan
	// Tap sees each packet as it is sent, lost ones too. It runs in the
	// sender's goroutine and must not use the network; nil: nobody listens.
	Tap func(Packet)
}

// Stats counts datagrams since the beginning.
type Stats struct {
	Sent        int
	Delivered   int // put into a socket's queue
	Lost        int // by plan
	Duplicated  int // copies beyond the first
	Overflowed  int // the queue of the socket was full
	Unreachable int // nobody listened there
}

// Network connects hosts.
type Network struct {
	tap func(Packet)

	mu    sync.Mutex // guards what follows
	seed  uint64
	plan  Plan
	hosts map[netip.Addr]*Host
	known []*Host // those without an address, too
	names map[string][]netip.Addr
	flows map[flow]*flowState
	order uint64 // counts deliveries, so that equal times keep their order
	stats Stats
}

// flow is who sends to whom, by which means.
type flow struct {
	network  string
	from, to netip.AddrPort
}

// flowState gives each flow numbers and chances of its own, so that what
// happens in one does not depend on how goroutines of others are scheduled.
type flowState struct {
	count  int
	random *rand.Rand
}

// New makes a network without hosts.
func New(cfg Config) *Network {
	n := &Network{
		tap: cfg.Tap, seed: cfg.Seed, plan: cfg.Plan,
		hosts: map[netip.Addr]*Host{},
		names: map[string][]netip.Addr{},
		flows: map[flow]*flowState{},
	}
	if n.plan == nil {
		n.plan = Delay(0)
	}
	return n
}

// Host makes a host with these addresses, the first being the one it prefers.
// It panics when an address is malformed or taken: the test is wrong.
func (n *Network) Host(addresses ...string) *Host {
	h := &Host{network: n, nextPort: firstEphemeral, packets: map[netip.AddrPort]*PacketConn{}, listeners: map[netip.AddrPort]*listener{}}
	h.addresses = n.claim(h, addresses)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known = append(n.known, h)
	return h
}

// claim gives addresses to a host.
func (n *Network) claim(h *Host, addresses []string) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []netip.Addr
	for _, s := range addresses {
		a := netip.MustParseAddr(s).Unmap()
		if n.hosts[a] != nil {
			panic(fmt.Sprintf("simnet: two hosts with address %s", a))
		}
		n.hosts[a] = h
		all = append(all, a)
	}
	return all
}

// release makes addresses free.
func (n *Network) release(addresses []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range addresses {
		delete(n.hosts, a)
	}
}

// Name makes a host name that stands for these addresses when dialling.
func (n *Network) Name(name string, addresses ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range addresses {
		n.names[name] = append(n.names[name], netip.MustParseAddr(s).Unmap())
	}
}

// SetPlan changes the rule for packets sent from now on.
func (n *Network) SetPlan(p Plan) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.plan = p
}

// Stats tells what happened to datagrams so far.
func (n *Network) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stats
}

// Inject sends a datagram with a sender's address that its real sender need not
// own: an attacker's.
func (n *Network) Inject(from, to netip.AddrPort, data []byte) {
	n.send(from, to, append([]byte(nil), data...))
}

// Close closes all sockets, listeners and connections.
func (n *Network) Close() error {
	for h := range n.allHosts() {
		h.closeAll()
	}
	return nil
}

func (n *Network) allHosts() map[*Host]bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[*Host]bool{}
	for _, h := range n.known {
		all[h] = true
	}
	return all
}

// hostOf is the host that owns an address; nil: none.
func (n *Network) hostOf(a netip.Addr) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hosts[a]
}

// decide asks the plan and shows the packet to the tap.
func (n *Network) decide(p Packet) []Delivery {
	n.mu.Lock()
	f := n.flowState(flow{p.Network, p.From, p.To})
	f.count++
	p.Number = f.count
	arrivals := n.plan(p, f.random)
	n.mu.Unlock()
	p.Copies = len(arrivals)
	if n.tap != nil {
		n.tap(p)
	}
	return arrivals
}

func (n *Network) flowState(k flow) *flowState {
	f := n.flows[k]
	if f == nil {
		f = &flowState{random: rand.New(rand.NewPCG(n.seed, k.hash()))}
		n.flows[k] = f
	}
	return f
}

// forget drops the flows of a socket that closed and whose port the network chose:
// such a port is not soon used again, and a test of many calls opens thousands.
func (n *Network) forget(h *Host, local netip.AddrPort) {
	if local.Port() < firstEphemeral {
		return
	}
	own := []netip.Addr{local.Addr()}
	if local.Addr().IsUnspecified() {
		own = h.all()
	}
	was := func(a netip.AddrPort) bool { return a.Port() == local.Port() && slices.Contains(own, a.Addr()) }
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.flows, func(f flow, _ *flowState) bool {
		return f.network == "udp" && (was(f.from) || was(f.to))
	})
}

// hash is FNV-1a over the flow's text: the same in every run.
func (k flow) hash() uint64 {
	h := uint64(14695981039346656037)
	for _, c := range []byte(k.network + k.from.String() + ">" + k.to.String()) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// send plans a datagram and puts its copies into the receiver's queue. The
// network owns data.
func (n *Network) send(from, to netip.AddrPort, data []byte) {
	arrivals := n.decide(Packet{Network: "udp", From: from, To: to, Data: data})
	var c *PacketConn
	if h := n.hostOf(to.Addr()); h != nil {
		c = h.packetConn(to)
	}
	now := time.Now()
	s := Stats{Sent: 1}
	if len(arrivals) == 0 {
		s.Lost++
	} else {
		s.Duplicated += len(arrivals) - 1
	}
	for _, d := range arrivals {
		s.count(c.enqueue(n.datagram(from, to, now, d, data)))
	}
	n.add(s)
}

func (n *Network) datagram(from, to netip.AddrPort, now time.Time, d Delivery, sent []byte) datagram {
	if d.Data == nil {
		d.Data = sent
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.order++
	return datagram{from: from, to: to, due: now.Add(d.After), order: n.order, data: d.Data}
}

func (n *Network) add(s Stats) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stats.Sent += s.Sent
	n.stats.Delivered += s.Delivered
	n.stats.Lost += s.Lost
	n.stats.Duplicated += s.Duplicated
	n.stats.Overflowed += s.Overflowed
	n.stats.Unreachable += s.Unreachable
}

// fate is what became of one copy of a datagram.
type fate int

const (
	delivered fate = iota
	overflowed
	unreachable
)

func (s *Stats) count(f fate) {
	switch f {
	case delivered:
		s.Delivered++
	case overflowed:
		s.Overflowed++
	case unreachable:
		s.Unreachable++
	}
}
