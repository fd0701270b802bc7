package locate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"karat/internal/simnet"
	"karat/sip/locate"
	"karat/sip/locate/locatetest"
)

const serverAddr = "10.0.0.53:53"

// asking runs a test with a DNS server and a client of it.
func asking(t *testing.T, records []string, f func(t *testing.T, z *locatetest.Zone, c *locate.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{})
		t.Cleanup(func() { n.Close() })
		server, us := n.Host("10.0.0.53"), n.Host("10.0.0.2")
		pc, err := server.ListenPacket(t.Context(), "udp", serverAddr)
		if err != nil {
			t.Fatal(err)
		}
		ln, err := server.Listen(t.Context(), "tcp", serverAddr)
		if err != nil {
			t.Fatal(err)
		}
		z := locatetest.Serve(t, pc, ln, records...)
		f(t, z, &locate.Client{Servers: func() []string { return []string{serverAddr} }, Dial: us.Dial})
	})
}

// first takes the first record that a weight allows.
func first(int) int { return 0 }

var (
	any   = []locate.Transport{locate.TLS, locate.TCP, locate.UDP}
	tls   = []locate.Transport{locate.TLS}
	naptr = []string{
		`example.org. 300 IN NAPTR 20 50 "s" "SIP+D2U" "" _sip._udp.example.org.`,
		`example.org. 300 IN NAPTR 10 50 "s" "SIPS+D2T" "" _sips._tcp.edge.example.net.`,
		`example.org. 300 IN NAPTR 10 40 "s" "SIP+D2T" "" _sip._tcp.example.org.`,
		`example.org. 300 IN NAPTR 1 1 "u" "E2U+sip" "!x!y!" .`,
	}
	srv = []string{
		`_sip._udp.example.org. 300 IN SRV 0 0 5060 udp.example.org.`,
		`_sip._tcp.example.org. 300 IN SRV 0 0 5070 tcp.example.org.`,
		`_sips._tcp.example.org. 300 IN SRV 20 0 5061 backup.example.org.`,
		`_sips._tcp.example.org. 300 IN SRV 10 0 443 main.example.org.`,
	}
	web = []string{
		`example.org. 300 IN NAPTR 10 50 "s" "SIPS+D2W" "" _sips._ws.example.org.`,
		`_sips._ws.example.org. 300 IN SRV 0 0 8443 edge.example.org.`,
	}
	edge    = `_sips._tcp.edge.example.net. 300 IN SRV 0 0 5061 edge1.example.net.`
	address = `example.org. 300 IN A 192.0.2.1`
)

func TestItem01_TheOrderOfRFC3263(t *testing.T) {
	cases := []struct {
		name    string
		records []string
		query   locate.Query
		want    string
		asked   string
	}{
		{"an address asks nobody", nil, locate.Query{Host: "192.0.2.7", Accept: any}, "0 192.0.2.7:5060", ""},
		{"an IPv6 address", nil, locate.Query{Host: "[2001:db8::1]", Accept: tls, Said: true}, "2 2001:db8::1:5061", ""},
		{"a port asks nobody", slices.Concat(naptr, srv), locate.Query{Host: "example.org", Port: 5080, Accept: any}, "0 example.org:5080", ""},
		{"a port and TLS", srv, locate.Query{Host: "example.org", Port: 443, Accept: tls, Said: true}, "2 example.org:443", ""},
		{
			"a transport that was said asks for it alone", slices.Concat(naptr, srv),
			locate.Query{Host: "example.org", Accept: tls, Said: true},
			"2 main.example.org:443, 2 backup.example.org:5061", "SRV _sips._tcp.example.org",
		},
		{
			"NAPTR by order and preference", append(slices.Concat(naptr, srv), edge),
			locate.Query{Host: "example.org", Accept: any},
			"1 tcp.example.org:5070, 2 edge1.example.net:5061, 0 udp.example.org:5060",
			"NAPTR example.org, SRV _sip._tcp.example.org, SRV _sips._tcp.edge.example.net, SRV _sip._udp.example.org",
		},
		{
			"NAPTR where only TLS will do", append(slices.Concat(naptr, srv), edge),
			locate.Query{Host: "EXAMPLE.org.", Accept: tls},
			"2 edge1.example.net:5061", "NAPTR example.org, SRV _sips._tcp.edge.example.net",
		},
		{
			"SRV without NAPTR, the best transport first", srv,
			locate.Query{Host: "example.org", Accept: any},
			"2 main.example.org:443, 2 backup.example.org:5061, 1 tcp.example.org:5070, 0 udp.example.org:5060",
			"NAPTR example.org, SRV _sips._tcp.example.org, SRV _sip._tcp.example.org, SRV _sip._udp.example.org",
		},
		{
			"no SRV: the name itself",
			[]string{address},
			locate.Query{Host: "example.org", Accept: tls},
			"2 example.org:5061",
			"NAPTR example.org, SRV _sips._tcp.example.org, SRV _sip._udp.example.org, SRV _sip._tcp.example.org",
		},
		{
			"WebSocket has no SRV records of its own",
			slices.Concat(naptr, srv, []string{address}),
			locate.Query{Host: "example.org", Accept: []locate.Transport{locate.WSS}, Said: true},
			"4 example.org:443", "NAPTR example.org",
		},
		{
			"WebSocket by NAPTR",
			append(web, naptr...),
			locate.Query{Host: "example.org", Accept: []locate.Transport{locate.WSS}, Said: true},
			"4 edge.example.org:8443", "NAPTR example.org, SRV _sips._ws.example.org",
		},
		{
			"a clear WebSocket is another service",
			append(web, naptr...),
			locate.Query{Host: "example.org", Accept: []locate.Transport{locate.WS}, Said: true},
			"3 example.org:80", "NAPTR example.org",
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			asking(t, tc.records, func(t *testing.T, z *locatetest.Zone, c *locate.Client) {
				servers, err := locate.Servers(t.Context(), c, tc.query, first)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, s := range servers {
					got = append(got, fmt.Sprintf("%d %s:%d", s.Transport, s.Host, s.Port))
				}
				if strings.Join(got, ", ") != tc.want {
					t.Errorf("got %s, want %s", strings.Join(got, ", "), tc.want)
				}
				if asked := strings.Join(z.Asked(), ", "); asked != tc.asked {
					t.Errorf("asked for %q, want %q", asked, tc.asked)
				}
			})
		})
	}
}

// RFC 2782: the chance of a server is its weight's share.
func TestItem01_Weights(t *testing.T) {
	records := []string{
		`_sip._tcp.example.org. 300 IN SRV 10 60 5060 a.example.org.`,
		`_sip._tcp.example.org. 300 IN SRV 10 30 5060 b.example.org.`,
		`_sip._tcp.example.org. 300 IN SRV 10 10 5060 c.example.org.`,
		`_sip._tcp.example.org. 300 IN SRV 5 0 5060 always.example.org.`,
	}
	asking(t, records, func(t *testing.T, _ *locatetest.Zone, c *locate.Client) {
		random := rand.New(rand.NewPCG(1, 2))
		count := map[string]int{}
		const runs = 10000
		for range runs {
			servers, err := locate.Servers(t.Context(), c, locate.Query{Host: "example.org", Accept: []locate.Transport{locate.TCP}, Said: true}, random.IntN)
			if err != nil || len(servers) != 4 || servers[0].Host != "always.example.org" {
				t.Fatalf("got %v, %v", servers, err)
			}
			count[servers[1].Host]++
		}
		for host, share := range map[string]float64{"a.example.org": 0.6, "b.example.org": 0.3, "c.example.org": 0.1} {
			if got := float64(count[host]) / runs; got < share-0.03 || got > share+0.03 {
				t.Errorf("%s came second in %.3f of the runs, want %.1f", host, got, share)
			}
		}
	})
}

func TestItem02_NoWeakerTransport(t *testing.T) {
	cases := []struct {
		name    string
		records []string
		query   locate.Query
		want    error
	}{
		{"only UDP by SRV, TLS said", []string{srv[0], address}, locate.Query{Host: "example.org", Accept: tls, Said: true}, locate.ErrInsecure},
		{"only UDP by SRV", []string{srv[0], address}, locate.Query{Host: "example.org", Accept: tls}, locate.ErrInsecure},
		{"only TCP by SRV", []string{srv[1], address}, locate.Query{Host: "example.org", Accept: tls}, locate.ErrInsecure},
		{"only UDP by NAPTR", []string{naptr[0], srv[0], address}, locate.Query{Host: "example.org", Accept: tls}, locate.ErrInsecure},
		{"decidedly none", []string{`_sips._tcp.example.org. 300 IN SRV 0 0 0 .`, address}, locate.Query{Host: "example.org", Accept: tls}, locate.ErrNoService},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			asking(t, tc.records, func(t *testing.T, z *locatetest.Zone, c *locate.Client) {
				servers, err := locate.Servers(t.Context(), c, tc.query, first)
				if !errors.Is(err, tc.want) || servers != nil {
					t.Errorf("got %v, %v, want %v", servers, err, tc.want)
				}
				for _, q := range z.Asked() {
					if strings.HasPrefix(q, "A ") || strings.HasPrefix(q, "AAAA ") {
						t.Errorf("asked for an address: %s", q)
					}
				}
			})
		})
	}
}

func TestAddresses(t *testing.T) {
	records := []string{
		`example.org. 300 IN A 192.0.2.1`, `example.org. 300 IN A 192.0.2.2`,
		`example.org. 300 IN AAAA 2001:db8::1`,
	}
	asking(t, records, func(t *testing.T, z *locatetest.Zone, c *locate.Client) {
		got, err := c.Addrs(t.Context(), "example.org")
		if want := "[2001:db8::1 192.0.2.1 192.0.2.2]"; fmt.Sprint(got) != want || err != nil {
			t.Errorf("got %v, %v, want %s", got, err, want)
		}
		z.Asked()
		if got, err := c.Addrs(t.Context(), "192.0.2.9"); len(got) != 1 || err != nil || len(z.Asked()) != 0 {
			t.Errorf("an address: got %v, %v", got, err)
		}
		if _, err := c.Addrs(t.Context(), "nowhere.example.org"); !errors.Is(err, locate.ErrUnknown) {
			t.Errorf("got %v, want ErrUnknown", err)
		}
		z.Fail("A broken.example.org")
		if _, err := c.Addrs(t.Context(), "broken.example.org"); !errors.Is(err, locate.ErrLookup) {
			t.Errorf("got %v, want ErrLookup", err)
		}
	})
}

// Answers are kept as long as they say, within bounds, and dropped when the
// network changes.
func TestCache(t *testing.T) {
	for _, tc := range []struct{ ttl, kept time.Duration }{
		{0, 30 * time.Second}, {5 * time.Minute, 5 * time.Minute}, {7 * 24 * time.Hour, time.Hour},
	} {
		record := fmt.Sprintf("example.org. %d IN A 192.0.2.1", int(tc.ttl/time.Second))
		asking(t, []string{record}, func(t *testing.T, z *locatetest.Zone, c *locate.Client) {
			ask := func(want int) {
				t.Helper()
				if _, err := c.Addrs(t.Context(), "example.org"); err != nil {
					t.Fatal(err)
				}
				n := 0
				for _, q := range z.Asked() {
					if q == "A example.org" {
						n++
					}
				}
				if n != want {
					t.Errorf("TTL %v: asked %d times, want %d", tc.ttl, n, want)
				}
			}
			ask(1)
			time.Sleep(tc.kept - time.Nanosecond)
			ask(0)
			time.Sleep(time.Nanosecond)
			ask(1)
			c.Forget()
			ask(1)
		})
	}
}

// A server that is silent is left after two seconds for the next, and a flood of
// forged answers is waited out.
func TestSilentServer(t *testing.T) {
	asking(t, []string{address}, func(t *testing.T, z *locatetest.Zone, c *locate.Client) {
		z.Mute("A quiet.example.org")
		start := time.Now()
		if _, err := c.Addrs(t.Context(), "quiet.example.org"); err == nil {
			t.Error("an answer from a silent server")
		}
		if d := time.Since(start); d != 4*time.Second {
			t.Errorf("gave up after %v", d)
		}
		c.Servers = func() []string { return []string{"10.0.0.54:53", serverAddr} }
		start = time.Now()
		if _, err := c.Addrs(t.Context(), "example.org"); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("the second server was asked after %v", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := locate.Servers(ctx, c, locate.Query{Host: "late.example.org", Accept: any}, first); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// Answers that do not fit a datagram come over TCP; a router that chokes on
// NAPTR is no obstacle.
func TestLongAnswersAndBadRouters(t *testing.T) {
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("_sip._udp.example.org. 300 IN SRV %d 0 5060 server-number-%d.example.org.", i, i))
	}
	asking(t, many, func(t *testing.T, z *locatetest.Zone, c *locate.Client) {
		z.Fail("NAPTR example.org")
		servers, err := locate.Servers(t.Context(), c, locate.Query{Host: "example.org", Accept: []locate.Transport{locate.UDP}}, first)
		if err != nil || len(servers) != 16 || servers[15].Host != "server-number-15.example.org" {
			t.Errorf("got %v, %v", servers, err)
		}
	})
}

func TestAddressLiterals(t *testing.T) {
	asking(t, nil, func(t *testing.T, _ *locatetest.Zone, c *locate.Client) {
		got, err := c.Addrs(t.Context(), "::ffff:192.0.2.1")
		if err != nil || !slices.Equal(got, []netip.Addr{netip.MustParseAddr("192.0.2.1")}) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}
