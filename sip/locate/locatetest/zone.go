// Package locatetest is a DNS server with a zone of one's own, for tests.
package locatetest

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// Zone answers questions from records in the text form of RFC 1035:
//
//	_sips._tcp.example.org. 300 IN SRV 10 60 5061 one.example.org.
type Zone struct {
	mu      sync.Mutex // guards what follows
	records []dns.RR
	asked   []string
	// fail: questions answered with SERVFAIL; mute: not answered at all.
	fail, mute map[string]bool
}

// Serve answers on a datagram socket, and on a listener where it is not nil,
// until the test ends.
func Serve(t *testing.T, pc net.PacketConn, ln net.Listener, records ...string) *Zone {
	t.Helper()
	z := &Zone{fail: map[string]bool{}, mute: map[string]bool{}}
	z.Set(t, records...)
	var running sync.WaitGroup
	t.Cleanup(running.Wait) // the last of the cleanups
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: z}, {Listener: ln, Handler: z}} {
		if s.PacketConn == nil && s.Listener == nil {
			continue
		}
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		running.Go(func() { _ = s.ActivateAndServe() })
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return z
}

// Set replaces the records.
func (z *Zone) Set(t *testing.T, records ...string) {
	t.Helper()
	var all []dns.RR
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records = all
}

// Fail answers questions of "type name" with SERVFAIL; Mute, with nothing.
func (z *Zone) Fail(question string) { z.mu.Lock(); z.fail[question] = true; z.mu.Unlock() }

// Mute leaves questions of "type name" without an answer.
func (z *Zone) Mute(question string) { z.mu.Lock(); z.mute[question] = true; z.mu.Unlock() }

// Asked returns the questions so far, "type name", and forgets them.
func (z *Zone) Asked() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	a := z.asked
	z.asked = nil
	return a
}

// maxDatagram is when an answer over UDP is cut.
const maxDatagram = 512

// ServeDNS implements dns.Handler.
func (z *Zone) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	q := req.Question[0]
	question := dns.TypeToString[q.Qtype] + " " + strings.TrimSuffix(q.Name, ".")
	res := new(dns.Msg)
	res.SetReply(req)
	z.mu.Lock()
	z.asked = append(z.asked, question)
	known := false
	for _, rr := range z.records {
		if strings.EqualFold(rr.Header().Name, q.Name) {
			known = true
			if rr.Header().Rrtype == q.Qtype {
				res.Answer = append(res.Answer, rr)
			}
		}
	}
	fail, mute := z.fail[question], z.mute[question]
	z.mu.Unlock()
	switch {
	case mute:
		return
	case fail:
		res.Answer, res.Rcode = nil, dns.RcodeServerFailure
	case !known:
		res.Rcode = dns.RcodeNameError
	}
	if w.RemoteAddr().Network() == "udp" && res.Len() > maxDatagram {
		res.Answer, res.Truncated = nil, true
	}
	_ = w.WriteMsg(res)
}
