package sip

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"karat/sip/locate"
)

// zone is a DNS in memory: what is not in it does not exist.
type zone struct {
	naptr map[string][]locate.NAPTR
	srv   map[string][]locate.SRV
	down  bool
	asked []string
}

var errDown = errors.New("no answer")

func (z *zone) NAPTR(_ context.Context, name string) ([]locate.NAPTR, error) {
	z.asked = append(z.asked, "NAPTR "+name)
	if z.down {
		return nil, errDown
	}
	return z.naptr[name], nil
}

func (z *zone) SRV(_ context.Context, name string) ([]locate.SRV, error) {
	z.asked = append(z.asked, "SRV "+name)
	if z.down {
		return nil, errDown
	}
	return z.srv[name], nil
}

func (z *zone) Addrs(context.Context, string) ([]netip.Addr, error) { return nil, errDown }

// TestServers: which servers a hop becomes, and what is asked for it.
//
// Items: 2, 8.
func TestServers(t *testing.T) {
	two := map[string][]locate.SRV{
		"_sips._tcp.example.org": {{Priority: 2, Port: 5071, Target: "second.example.org."}, {Priority: 1, Port: 5061, Target: "first.example.org."}},
		"_sip._udp.clear.org":    {{Port: 5060, Target: "udp.clear.org."}},
	}
	for _, c := range []struct {
		uri   string
		zone  zone
		want  []hop
		asked []string
		err   error
	}{
		{
			uri: "sip:example.org:5080", zone: zone{srv: two},
			want: []hop{{kind: udp, host: "example.org", port: 5080, ported: true}},
		},
		{
			uri: "sip:192.0.2.1;transport=tls", zone: zone{srv: two},
			want: []hop{{kind: overTLS, host: "192.0.2.1", port: 5061, said: true}},
		},
		{
			uri: "sip:printer.local", zone: zone{srv: two},
			want: []hop{{kind: udp, host: "printer.local", port: 5060}},
		},
		{
			uri: "sip:example.org;transport=tls", zone: zone{srv: two},
			want:  []hop{{kind: overTLS, host: "first.example.org", port: 5061}, {kind: overTLS, host: "second.example.org", port: 5071}},
			asked: []string{"SRV _sips._tcp.example.org"},
		},
		{
			uri: "sip:example.org", zone: zone{srv: two},
			want:  []hop{{kind: overTLS, host: "first.example.org", port: 5061}, {kind: overTLS, host: "second.example.org", port: 5071}},
			asked: []string{"NAPTR example.org", "SRV _sips._tcp.example.org", "SRV _sip._tcp.example.org", "SRV _sip._udp.example.org"},
		},
		{
			// TLS that was asked for never becomes anything else.
			uri: "sip:clear.org;transport=tls", zone: zone{srv: two},
			err:   locate.ErrInsecure,
			asked: []string{"SRV _sips._tcp.clear.org", "SRV _sip._udp.clear.org"},
		},
		{
			// A network without DNS: the system may know the name itself.
			uri: "sip:example.org;transport=tls", zone: zone{down: true},
			want:  []hop{{kind: overTLS, host: "example.org", port: 5061, said: true}},
			asked: []string{"SRV _sips._tcp.example.org"},
		},
	} {
		h, err := parseHop(c.uri)
		if err != nil {
			t.Fatal(err)
		}
		d := &dialer{locator: &c.zone}
		got, err := d.servers(t.Context(), h)
		if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v; want %+v, %v", c.uri, got, err, c.want, c.err)
		}
		if err != nil && !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v is no failure of the network", c.uri, err)
		}
		if !slices.Equal(c.zone.asked, c.asked) {
			t.Errorf("%s: asked %q, want %q", c.uri, c.zone.asked, c.asked)
		}
	}
}
