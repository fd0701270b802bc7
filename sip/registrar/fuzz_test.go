package registrar

import (
	"bufio"
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"karat/internal/secret"
)

var seeds = []string{
	"REGISTER sip:sip.test SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1;rport\r\nFrom: <sip:alice@sip.test>;tag=1\r\nTo: <sip:alice@sip.test>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@anonymous.invalid>\r\nAuthorization: Digest realm=\"sip.test\", username=\"alice\", nonce=\"1.2.3\", nc=00000001, qop=auth\r\n\r\n",
	"INVITE sip:alice@sip.test SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK2\r\nf: sip:x@elsewhere.test;tag=1\r\nt: <sip:alice@sip.test>\r\ni: 2\r\nCSeq: 1 INVITE\r\nl: 3\r\n\r\nv=0",
	"CANCEL sip:alice@sip.test SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK2\r\nf: sip:x@elsewhere.test;tag=1\r\nt: <sip:alice@sip.test>\r\ni: 2\r\nCSeq: 1 CANCEL\r\n\r\n",
	"BYE sip:alice@sip.test SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK3\r\nf: sip:x@elsewhere.test;tag=1\r\nt: <sip:alice@sip.test>;tag=2\r\ni: 2\r\nCSeq: 2 BYE\r\nRoute: <sip:10.0.0.1:5060;lr>\r\n\r\n",
	"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKBRANCH, SIP/2.0/UDP a;branch=z9hG4bK2\r\nf: sip:x@y;tag=1\r\nt: <sip:alice@sip.test>;tag=2\r\ni: 2\r\nCSeq: 1 INVITE\r\n\r\n",
	"\r\n\r\n", "", "INVITE",
}

// fuzzCore has a registered alice.
func fuzzCore() (*core, flow) {
	c := newCore(Config{
		Domain: "sip.test", Users: map[string]secret.Bytes{"alice": secret.Copy([]byte("x"))}, Logger: slog.New(slog.DiscardHandler),
		MaxExpires: time.Hour, DefaultExpires: time.Hour, NonceLife: time.Minute, Algorithms: []string{"MD5"},
	})
	l := &listener{"UDP", netip.MustParseAddrPort("10.0.0.1:5060")}
	c.listeners[l] = true
	f := flow{listener: l, remote: netip.MustParseAddrPort("10.0.0.2:5060")}
	c.bindings["alice"] = []binding{{contact: "sip:a@anonymous.invalid", flow: f, expires: time.Unix(1e6, 0)}}
	return c, f
}

// FuzzCore: two packets of any bytes, the second with a branch of ours where it
// asks for one; then time until nothing is left. No panic, no timer that never
// ends, and everything sent can be read.
func FuzzCore(f *testing.F) {
	for i := range seeds {
		f.Add([]byte(seeds[i]), []byte(seeds[(i+1)%len(seeds)]))
	}
	f.Add([]byte(seeds[1]), []byte(seeds[4]))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		c, from := fuzzCore()
		now := time.Unix(1000, 0)
		c.receive(now, from, first)
		for key := range c.clients {
			branch := strings.TrimPrefix(key[strings.LastIndexByte(key, ' ')+1:], "z9hG4bK")
			second = bytes.ReplaceAll(second, []byte("BRANCH"), []byte(branch))
		}
		c.receive(now, from, second)
		for range 1000 {
			for _, p := range c.takeOut() {
				if m, err := parse(p.bytes); err != nil || !m.complete() && len(p.bytes) < 1000 {
					t.Fatalf("%v: sent\n%q", err, p.bytes)
				}
			}
			next := c.deadline()
			if next.IsZero() {
				break
			}
			if next.Before(now) {
				t.Fatal("a deadline in the past")
			}
			now = next
			c.advance(now)
		}
		if n := len(c.servers) + len(c.clients) + len(c.bindings["alice"]) + len(c.dialogs); n != 0 {
			t.Fatalf("%d things are never forgotten", n)
		}
	})
}

// FuzzParse: what is read and written reads as the same.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parse(text)
		if err != nil {
			return
		}
		once := m.bytes()
		again, err := parse(once)
		if err != nil {
			if len(once) > maxMessage {
				return
			}
			t.Fatalf("%v\n%q", err, once)
		}
		if twice := again.bytes(); !bytes.Equal(once, twice) {
			t.Fatalf("%q\n%q", once, twice)
		}
	})
}

func FuzzReadMessage(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s + seeds[0]))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(text), lineSize)
		for read := 0; ; {
			m, err := readMessage(r, func() {})
			if err != nil {
				return
			}
			if read += len(m); read > len(text) || len(m) > maxMessage {
				t.Fatalf("read %d of %d bytes", read, len(text))
			}
		}
	})
}
