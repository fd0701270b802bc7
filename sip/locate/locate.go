package locate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Transport is what SIP runs over.
type Transport int

// The transports, from RFC 3261 and RFC 7118.
const (
	UDP Transport = iota
	TCP
	TLS
	WS
	WSS
)

// Port is the transport's default.
func (t Transport) Port() uint16 {
	switch t {
	case TLS:
		return 5061
	case WS:
		return 80
	case WSS:
		return 443
	case UDP, TCP:
	}
	return 5060
}

// Secure tells whether the transport is over TLS.
func (t Transport) Secure() bool { return t == TLS || t == WSS }

// service is the prefix of the names under which SRV records of a transport
// stand. RFC 3263, Section 4.2; RFC 7118 defines none for WebSocket, but the
// services of NAPTR records.
func (t Transport) service() string {
	switch t {
	case UDP:
		return "_sip._udp."
	case TCP:
		return "_sip._tcp."
	case TLS:
		return "_sips._tcp."
	case WS, WSS:
	}
	return ""
}

// services are the NAPTR services of RFC 3263, Section 4.1 and RFC 7118,
// Section 7.
var services = map[string]Transport{
	"SIP+D2U": UDP, "SIP+D2T": TCP, "SIPS+D2T": TLS, "SIP+D2W": WS, "SIPS+D2W": WSS,
}

// Query is what is known about a server before anybody is asked.
type Query struct {
	// Host is a name or an address.
	Host string
	// Port 0: none was said.
	Port uint16
	// Accept are the transports that will do, the best first.
	Accept []Transport
	// Said: the only one was named, and the domain is not asked which it wants.
	Said bool
}

// Server is a place to try. Host is a name or an address.
type Server struct {
	Transport Transport
	Host      string
	Port      uint16
}

// NAPTR is a record of RFC 3403.
type NAPTR struct {
	Order, Preference           uint16
	Flags, Service, Replacement string
}

// SRV is a record of RFC 2782.
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string
}

// Resolver answers about the DNS. No records and no such name are no errors,
// except for addresses.
type Resolver interface {
	NAPTR(ctx context.Context, domain string) ([]NAPTR, error)
	SRV(ctx context.Context, name string) ([]SRV, error)
	Addrs(ctx context.Context, host string) ([]netip.Addr, error)
}

// What can go wrong, as sentences.
var (
	ErrInsecure  = errors.New("its domain offers no encrypted connection, only clear ones, and a clear one was not asked for; if the provider has TLS all the same, name its server, as sip:HOST:5061;transport=tls")
	ErrNoService = errors.New("its domain says that it offers no such service")
	ErrUnknown   = errors.New("its name is unknown")
	ErrLookup    = errors.New("its name cannot be looked up at the moment")
)

// maxServers bounds what a domain can make us try.
const maxServers = 16

// Servers are those that serve a query, in the order in which to try them.
// random gives a number from 0 to n-1: SRV weights want one (RFC 2782).
func Servers(ctx context.Context, r Resolver, q Query, random func(n int) int) ([]Server, error) {
	q.Host = strings.TrimSuffix(strings.ToLower(strings.Trim(q.Host, "[]")), ".")
	_, literal := netip.ParseAddr(q.Host)
	if literal == nil || q.Port != 0 {
		// RFC 3263, Section 4.1: with a numeric address, or a port, UDP for sip and
		// TLS for sips, unless a transport was said.
		return []Server{q.plain()}, nil
	}
	l := &search{ctx: ctx, resolver: r, random: random}
	switch {
	case q.Said && q.Accept[0].service() == "":
		return l.forWeb(q)
	case q.Said:
		return l.bySRV(q)
	}
	records, err := r.NAPTR(ctx, q.Host)
	if err == nil && len(records) > 0 {
		return l.byNAPTR(q, records)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	// No NAPTR records, or a router that does not pass such questions on (they
	// exist).
	return l.bySRV(q)
}

// plain is the server that a query names without anybody being asked.
func (q Query) plain() Server {
	t := q.Accept[0]
	if slices.Contains(q.Accept, UDP) {
		t = UDP
	}
	port := q.Port
	if port == 0 {
		port = t.Port()
	}
	return Server{t, q.Host, port}
}

// search is one run of Servers.
type search struct {
	ctx      context.Context
	resolver Resolver
	random   func(int) int
}

// bySRV finds the servers by their SRV records. RFC 3263, Section 4.1: without
// NAPTR records, SRV queries for each transport that will do; without these, the
// addresses of the name.
func (s *search) bySRV(q Query) ([]Server, error) {
	var all []Server
	var refused error
	for _, t := range q.Accept {
		if t.service() == "" {
			continue
		}
		found, err := s.srv(t, t.service()+q.Host)
		if errors.Is(err, ErrNoService) {
			refused = err
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	switch {
	case len(all) > 0:
		return all[:min(len(all), maxServers)], nil
	case refused != nil:
		return nil, refused
	case q.Accept[0] == TLS && q.secure() && s.offersClear(q.Host):
		return nil, ErrInsecure
	}
	return []Server{q.plain()}, nil
}

// secure tells that nothing but TLS will do.
func (q Query) secure() bool {
	return !slices.ContainsFunc(q.Accept, func(t Transport) bool { return !t.Secure() })
}

// offersClear tells whether a domain without SRV records for TLS has some for
// clear transports: then it offers no TLS, and port 5061 of its address is not
// tried.
func (s *search) offersClear(host string) bool {
	for _, t := range []Transport{UDP, TCP} {
		if found, err := s.srv(t, t.service()+host); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

// byNAPTR follows NAPTR records. RFC 3263, Section 4.1: those with services that
// the client does not support are discarded, the others taken by order and
// preference.
func (s *search) byNAPTR(q Query, records []NAPTR) ([]Server, error) {
	slices.SortStableFunc(records, func(a, b NAPTR) int {
		return int(a.Order)<<16 + int(a.Preference) - int(b.Order)<<16 - int(b.Preference)
	})
	var all []Server
	for _, n := range records {
		t, known := services[strings.ToUpper(n.Service)]
		if !known || !slices.Contains(q.Accept, t) || !strings.EqualFold(n.Flags, "s") {
			continue
		}
		found, err := s.srv(t, strings.ToLower(strings.TrimSuffix(n.Replacement, ".")))
		if errors.Is(err, ErrNoService) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if len(all) >= maxServers {
			break
		}
	}
	switch {
	case len(all) > 0:
		return all[:min(len(all), maxServers)], nil
	case q.secure():
		return nil, ErrInsecure
	}
	return nil, ErrNoService
}

// forWeb finds servers for WebSockets. RFC 7118, Section 5.5 has names for them in
// NAPTR records and nowhere else; without, it is the host itself.
func (s *search) forWeb(q Query) ([]Server, error) {
	records, _ := s.resolver.NAPTR(s.ctx, q.Host) // what cannot be asked is not there
	found, err := s.byNAPTR(q, records)
	if err != nil {
		return []Server{q.plain()}, s.ctx.Err()
	}
	return found, nil
}

// srv asks for SRV records and puts the servers in order.
func (s *search) srv(t Transport, name string) ([]Server, error) {
	records, err := s.resolver.SRV(s.ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLookup, err)
	}
	// RFC 2782: a target of "." means that the service is decidedly not available.
	if len(records) == 1 && strings.Trim(records[0].Target, ".") == "" {
		return nil, ErrNoService
	}
	var out []Server
	for _, r := range ordered(records, s.random) {
		host := strings.TrimSuffix(strings.ToLower(r.Target), ".")
		if host != "" && r.Port != 0 {
			out = append(out, Server{t, host, r.Port})
		}
	}
	return out[:min(len(out), maxServers)], nil
}

// ordered sorts by priority, and within one draws by weight (RFC 2782).
func ordered(records []SRV, random func(int) int) []SRV {
	left := slices.Clone(records)
	// Those of weight 0 go to the front: they have a small chance, but one.
	slices.SortStableFunc(left, func(a, b SRV) int {
		if a.Priority != b.Priority {
			return int(a.Priority) - int(b.Priority)
		}
		return int(a.Weight) - int(b.Weight)
	})
	var out []SRV
	for len(left) > 0 {
		same := 1
		for same < len(left) && left[same].Priority == left[0].Priority {
			same++
		}
		i := draw(left[:same], random)
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return out
}

// draw picks one record by weight. RFC 2782: a number between 0 and the sum of
// the weights, inclusive; the first whose running sum reaches it.
func draw(same []SRV, random func(int) int) int {
	sum := 0
	for _, r := range same {
		sum += int(r.Weight)
	}
	n := random(sum + 1)
	for i, r := range same {
		if n -= int(r.Weight); n <= 0 {
			return i
		}
	}
	return len(same) - 1
}
