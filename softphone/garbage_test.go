package softphone_test

import (
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"karat/media/path"
	"karat/softphone"
)

// Any bytes on any open port, before and in the middle of a call: no crash, and
// the call with the right peer is none the worse.
func TestGarbageOnEveryPort(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)

		rng := rand.New(rand.NewPCG(1, 2))
		stranger := w.net.Host("10.0.0.66")
		pc, err := stranger.ListenPacket(t.Context(), "udp", "10.0.0.66:6666")
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		ports := w.ports("10.0.0.1", "10.0.0.2")
		if len(ports) < 4 {
			t.Fatalf("only %v are open", ports)
		}
		for range 200 {
			for _, to := range ports {
				// From a stranger, and with the peer's own address forged.
				from := netip.MustParseAddrPort("10.0.0.66:6666")
				if rng.IntN(2) == 0 {
					from = ports[rng.IntN(len(ports))]
				}
				w.net.Inject(from, to, garbage(rng, w))
			}
			time.Sleep(5 * time.Millisecond)
		}
		for _, u := range []*user{alice, bob} {
			for drained := false; !drained; {
				select {
				case ev := <-u.phone.Events():
					if e, over := ev.(softphone.Ended); over {
						t.Fatalf("%s's call ended: %s", u.name, e.Why)
					}
				default:
					drained = true
				}
			}
		}
		m := expect[softphone.Media](alice)
		if m.Received < 40 {
			t.Errorf("garbage drowned the voice: %+v", m)
		}
		if a, b := hangUp(alice, bob); a.Outcome != softphone.Private || b.Outcome != softphone.Private {
			t.Errorf("ended as %+v and %+v", a, b)
		}
		talk(alice, bob)
		hangUp(alice, bob)
	})
}

// ports are the addresses that hosts sent from: all their open sockets.
func (w *world) ports(hosts ...string) []netip.AddrPort {
	seen := map[netip.AddrPort]bool{}
	var out []netip.AddrPort
	for _, h := range hosts {
		for _, p := range w.sentBy(h) {
			if !seen[p.From] {
				seen[p.From] = true
				out = append(out, p.From)
			}
		}
	}
	return out
}

// garbage is random bytes, or a real packet of the call with some bytes
// changed.
func garbage(rng *rand.Rand, w *world) []byte {
	if rng.IntN(2) == 0 {
		b := make([]byte, rng.IntN(1500))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		if len(b) > 0 && rng.IntN(2) == 0 {
			b[0] = []byte{0, 16, 22, 128, 144, 200}[rng.IntN(6)]
		}
		return b
	}
	all := w.sentBy([]string{"10.0.0.1", "10.0.0.2", providerAddr}[rng.IntN(3)])
	b := append([]byte(nil), all[rng.IntN(len(all))].Data...)
	for range 1 + rng.IntN(4) {
		if len(b) > 0 {
			b[rng.IntN(len(b))] ^= byte(1 << rng.IntN(8))
		}
	}
	return b[:len(b)-min(len(b), rng.IntN(3))]
}

// No packet of a call holds the address of record's password, and signalling
// names no local address where it need not.
//
// Items: 52.
func TestSignallingNamesNothingOfTheMachine(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, bob := w.aliceAndBob(auto)
		talk(alice, bob)
		hangUp(alice, bob)
		for _, p := range w.sentBy("10.0.0.1") {
			if path.Classify(p.Data) != path.Unknown {
				continue
			}
			for i, line := range lines(p.Data) {
				if contains(line, "10.0.0.1") && !contains(line, "c=IN IP4 ") {
					t.Errorf("line %d names our address: %q", i, line)
				}
				if contains(line, "User-Agent") || contains(line, "Server:") || contains(line, "a-pw") || contains(line, hex.EncodeToString([]byte("a-pw"))) {
					t.Errorf("line %d says too much: %q", i, line)
				}
			}
		}
	})
}

func lines(b []byte) []string { return strings.Split(string(b), "\r\n") }

func contains(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}
