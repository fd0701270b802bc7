package zrtp

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"slices"
	"testing"
	"time"

	"github.com/cloudflare/circl/dh/x25519"

	"karat/zrtp/wire"
)

// BenchmarkHandshake is the computing time of both ends together, from NewSession
// to Secure; what one call costs one phone is half of it.
func BenchmarkHandshake(b *testing.B) {
	for _, ka := range []string{"X2M2", "X3M3", "X1M1", "X255", "DH3k"} {
		b.Run(ka, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				benchHandshake(b, ka)
			}
		})
	}
}

func benchHandshake(b *testing.B, ka string) {
	one, two := configs()
	one.Algorithms = Algorithms{KeyAgreements: []string{ka}, Hashes: []string{"S384"}, Ciphers: []string{"AES3"}}
	two.Algorithms = one.Algorithms
	one.ReturnPath, two.ReturnPath = true, true
	handshake(b, one, two)
}

// BenchmarkX2M2AgainstPrimitives takes turns between a handshake and the bare
// primitives that X2M2 is made of: two key pairs, as both ends commit at once, one
// encapsulation and one decapsulation, each with the HKDF and the HMACs that make
// one secret of the two. ratio is what ZRTP around them costs.
func BenchmarkX2M2AgainstPrimitives(b *testing.B) {
	var whole, bare time.Duration
	for b.Loop() {
		begin := time.Now()
		benchHandshake(b, "X2M2")
		middle := time.Now()
		primitives(b)
		whole += middle.Sub(begin)
		bare += time.Since(middle)
	}
	b.ReportMetric(float64(whole)/float64(bare), "ratio")
	b.ReportMetric(float64(bare)/float64(b.N), "primitives-ns/op")
}

// primitives is X25519 and ML-KEM-768 with nothing around them.
func primitives(tb testing.TB) {
	var scalars, publics [3]x25519.Key
	for i := range scalars { // two key pairs, and an ephemeral one
		if _, err := rand.Read(scalars[i][:]); err != nil {
			tb.Fatal(err)
		}
		x25519.KeyGen(&publics[i], &scalars[i])
	}
	var one, two x25519.Key
	if !x25519.Shared(&one, &scalars[2], &publics[0]) || !x25519.Shared(&two, &scalars[0], &publics[2]) || one != two {
		tb.Fatal("X25519")
	}
	var keys [2]*mlkem.DecapsulationKey768
	for i := range keys {
		key, err := mlkem.GenerateKey768()
		if err != nil {
			tb.Fatal(err)
		}
		keys[i] = key
	}
	public, err := mlkem.NewEncapsulationKey768(keys[0].EncapsulationKey().Bytes())
	if err != nil {
		tb.Fatal(err)
	}
	want, ciphertext := public.Encapsulate()
	if got, err := keys[0].Decapsulate(ciphertext); err != nil || string(got) != string(want) {
		tb.Fatal("ML-KEM")
	}
	for range 2 {
		prk, err := hkdf.Extract(sha256.New, one[:], nil)
		if err != nil {
			tb.Fatal(err)
		}
		first, err := hkdf.Expand(sha256.New, prk, string(publics[0][:])+string(publics[2][:]), 32)
		if err != nil {
			tb.Fatal(err)
		}
		var key []byte
		for _, message := range [][]byte{first, want, slices.Concat(publics[2][:], ciphertext)} {
			mac := hmac.New(sha512.New384, key)
			mac.Write(message)
			key = mac.Sum(nil)
		}
	}
}

// handshake passes packets to and fro until both ends are secure.
func handshake(tb testing.TB, one, two Config) {
	ends := []*end{newEnd(tb, "one", one), newEnd(tb, "two", two)}
	now, secure := epoch, 0
	for _, e := range ends {
		e.Start(now)
	}
	for range 20 {
		for i, e := range ends {
			for pkt, ok := e.NextPacket(); ok; pkt, ok = e.NextPacket() {
				ends[1-i].Receive(now, pkt)
			}
			for event, ok := e.NextEvent(); ok; event, ok = e.NextEvent() {
				if _, is := event.(Secure); is {
					secure++
				}
			}
		}
		now = now.Add(time.Millisecond)
		if secure == 2 {
			return
		}
	}
	tb.Fatal("not secure")
}

// BenchmarkBogusCommit is what a false packet costs: a hash, and no key work.
func BenchmarkBogusCommit(b *testing.B) {
	one, two := configs()
	e, peer := newEnd(b, "one", one), newEnd(b, "two", two)
	e.Start(epoch)
	e.Receive(epoch, packet(two.SSRC, raw(peer.hello)))
	hello, err := wire.ParseHello(peer.hello)
	if err != nil {
		b.Fatal(err)
	}
	pkt := packet(two.SSRC, bogus(hello, 1)[1])
	b.ReportAllocs()
	for b.Loop() {
		e.Receive(epoch, pkt)
	}
}
