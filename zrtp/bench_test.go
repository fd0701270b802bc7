package zrtp

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"slices"
	"testing"
	"time"

	"github.com/cloudflare/circl/dh/x25519"

	"karat/internal/secret"
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

func benchHandshake(tb testing.TB, ka string) {
	one, two := configs()
	one.Algorithms = Algorithms{KeyAgreements: []string{ka}, Hashes: []string{"S384"}, Ciphers: []string{"AES3"}}
	two.Algorithms = one.Algorithms
	one.ReturnPath, two.ReturnPath = true, true
	handshake(tb, one, two)
}

// BenchmarkX2M2AgainstPrimitives takes turns between a handshake and the bare
// primitives that X2M2 is made of: two key pairs, as both ends commit at once, one
// encapsulation and one decapsulation, each with the HKDF and the HMACs that make
// one secret of the two. public-ratio is what all else of ZRTP costs beside them;
// ratio compares with them and the hashes, MACs and ciphers that RFC 6189 asks for,
// so that what is left is packets, parsing and memory.
//
// All are medians, the ratios those of single turns: another process takes its time
// from one turn or another, and the processor's clock changes between them.
func BenchmarkX2M2AgainstPrimitives(b *testing.B) {
	var whole, public, symmetric, publicRatio, ratio []float64
	lap := func(do func(testing.TB)) float64 {
		began := time.Now()
		do(b)
		return float64(time.Since(began))
	}
	for b.Loop() {
		w := lap(func(tb testing.TB) { benchHandshake(tb, "X2M2") })
		p, s := lap(primitives), lap(symmetricPrimitives)
		whole, public, symmetric = append(whole, w), append(public, p), append(symmetric, s)
		publicRatio, ratio = append(publicRatio, w/p), append(ratio, w/(p+s))
	}
	for unit, turns := range map[string][]float64{
		"handshake-ns/op": whole, "public-ns/op": public, "symmetric-ns/op": symmetric,
		"public-ratio": publicRatio, "ratio": ratio,
	} {
		slices.Sort(turns)
		b.ReportMetric(turns[len(turns)/2], unit)
	}
}

// symmetricPrimitives are the hashes, MACs and ciphers of both ends: what each of
// them computes once stands for two, and what only one computes for one.
func symmetricPrimitives(tb testing.TB) {
	const hello, commit, dhPart1, dhPart2, context = 136, 1368, 1236, 100, 12 + 12 + 48
	var message [hello + hello + commit + dhPart1 + dhPart2]byte
	var key [48]byte
	mac := func(newHash func() hash.Hash, sizes ...int) {
		m := hmac.New(newHash, key[:])
		for i, size := range sizes {
			if i > 0 {
				m.Reset()
			}
			m.Write(message[:size])
			m.Sum(nil)
		}
	}
	for range 2 {
		for range 4 { // H1, H2, H3, and the Hello of the other end
			sha256.Sum256(message[:hello])
		}
		mac(sha256.New, hello)         // of our Hello
		mac(sha256.New, hello)         // of the other's
		mac(sha256.New, commit)        // of our Commit; one will not be looked at
		mac(sha256.New, dhPart2)       // of our DHPart2
		sha512.Sum384(message[:hello]) // both Hellos, for the request key
		sha512.Sum384(message[:hello])
		sha512.Sum384(message[:dhPart2+hello]) // hvi
		sha512.Sum384(message[:])              // total_hash
		sha512.Sum384(message[:context+100])   // s0
		keys := make([]int, 11)                // KDFs of labels like these
		for i := range keys {
			keys[i] = 4 + len("Initiator SRTP master key") + 1 + context + 4
		}
		mac(sha512.New384, append(keys, keys[0]+2*48)...)
		for range 2 { // own and other's Confirm
			mac(sha512.New384, 40)
			if _, err := cfb(secret.Own(key[:32]), [16]byte{}, message[:40], true); err != nil {
				tb.Fatal(err)
			}
		}
	}
	mac(sha256.New, commit)                // the other's
	mac(sha256.New, dhPart1)               // ours
	mac(sha256.New, dhPart1)               // the other's
	mac(sha256.New, dhPart2)               // the other's
	sha512.Sum384(message[:dhPart2+hello]) // hvi
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
