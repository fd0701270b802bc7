package zrtp

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"testing"

	"github.com/cloudflare/circl/hpke"
	circl "github.com/cloudflare/circl/kem"
	circlmlkem1024 "github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	circlmlkem768 "github.com/cloudflare/circl/kem/mlkem/mlkem768"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// kems are all that there are, with their parts.
var kems = map[wire.Algorithm][]circl.Scheme{
	wire.K255: {hpke.KEM_X25519_HKDF_SHA256.Scheme()},
	wire.K448: {hpke.KEM_X448_HKDF_SHA512.Scheme()},
	wire.KYB1: {kyber512.scheme},
	wire.KYB2: {kyber768.scheme},
	wire.KYB3: {kyber1024.scheme},
	wire.MLK1: {mlkem512.scheme},
	wire.MLK2: {circlmlkem768.Scheme()},
	wire.MLK3: {circlmlkem1024.Scheme()},
	wire.X1K1: {hpke.KEM_X25519_HKDF_SHA256.Scheme(), kyber512.scheme},
	wire.X3K3: {hpke.KEM_X448_HKDF_SHA512.Scheme(), kyber1024.scheme},
	wire.X1M1: {hpke.KEM_X25519_HKDF_SHA256.Scheme(), mlkem512.scheme},
	wire.X2M2: {hpke.KEM_X25519_HKDF_SHA256.Scheme(), circlmlkem768.Scheme()},
	wire.X3M3: {hpke.KEM_X448_HKDF_SHA512.Scheme(), circlmlkem1024.Scheme()},
}

// kemSuite is a suite for a KEM.
func kemSuite(ka wire.Algorithm) suite {
	return suite{keyAgreement: ka, hash: wire.S384, cipher: wire.AES3, authTag: wire.HS80, sas: wire.B256}
}

func mustKEM(t testing.TB, ka wire.Algorithm) kem {
	t.Helper()
	k, ok := kemSuite(ka).kem()
	if !ok {
		t.Fatalf("no KEM %s", ka)
	}
	return k
}

// What both halves have is one secret, of the lengths that are promised.
func TestKEM(t *testing.T) {
	for ka := range kems {
		k := mustKEM(t, ka)
		key, err := k.generate(testRand(1))
		if err != nil {
			t.Fatal(err)
		}
		ciphertext, shared, err := k.encapsulate(testRand(2), key.public())
		if err != nil {
			t.Fatal(err)
		}
		got, err := key.decapsulate(ciphertext)
		if err != nil || !got.Equal(shared) {
			t.Errorf("%s: the two secrets differ: %v", ka, err)
		}
		if len(key.public()) != k.publicKeyLen() || len(ciphertext) != k.ciphertextLen() {
			t.Errorf("%s: %d and %d octets, %d and %d promised",
				ka, len(key.public()), len(ciphertext), k.publicKeyLen(), k.ciphertextLen())
		}
		if len(key.public())%4 != 0 || len(ciphertext)%4 != 0 {
			t.Errorf("%s: has values of no whole words", ka)
		}
		if len(key.public()) > wire.MaxMessage-200 {
			t.Errorf("%s: a Commit would be longer than a message may be", ka)
		}
	}
}

// hmacFromScratch is RFC 2104 by its own words.
func hmacFromScratch(newHash func() hash.Hash, key, message []byte) []byte {
	size := newHash().BlockSize()
	if len(key) > size {
		panic("not for long keys")
	}
	inner, outer := bytes.Repeat([]byte{0x36}, size), bytes.Repeat([]byte{0x5c}, size)
	for i := range key {
		inner[i] ^= key[i]
		outer[i] ^= key[i]
	}
	h := newHash()
	h.Write(append(inner, message...))
	sum := h.Sum(nil)
	h = newHash()
	h.Write(append(outer, sum...))
	return h.Sum(nil)
}

// theOtherWay makes key pairs from seeds and encapsulates to them with circl
// alone, and joins the parts by the rule: what a peer would do.
func theOtherWay(t *testing.T, parts []circl.Scheme, newHash func() hash.Hash) (scalarsAndSeeds, ciphertext, shared []byte) {
	t.Helper()
	var k []byte
	for i, scheme := range parts {
		var public circl.PublicKey
		var secretOctets []byte
		if isDHKEM := scheme.SeedSize() == scheme.PrivateKeySize(); isDHKEM {
			secretOctets = bytes.Repeat([]byte{byte(0x40 + i)}, scheme.PrivateKeySize())
			private, err := scheme.UnmarshalBinaryPrivateKey(secretOctets)
			if err != nil {
				t.Fatal(err)
			}
			public = private.Public()
		} else {
			secretOctets = bytes.Repeat([]byte{byte(0x40 + i)}, scheme.SeedSize())
			public, _ = scheme.DeriveKeyPair(secretOctets)
		}
		ct, ss, err := scheme.EncapsulateDeterministically(public, bytes.Repeat([]byte{byte(0x80 + i)}, scheme.EncapsulationSeedSize()))
		if err != nil {
			t.Fatal(err)
		}
		scalarsAndSeeds = append(scalarsAndSeeds, secretOctets...)
		ciphertext = append(ciphertext, ct...)
		k = hmacFromScratch(newHash, k, ss)
		shared = ss
	}
	if len(parts) > 1 {
		shared = hmacFromScratch(newHash, k, ciphertext)
	}
	return scalarsAndSeeds, ciphertext, shared
}

// knownSecrets are what theOtherWay gave once, under SHA-256.
var knownSecrets = map[wire.Algorithm]string{
	wire.K255: "9de06d7733a81892543694c3b18615197182c5e74ff47b0f0b53eed1b9d9b9a9",
	wire.K448: "3079927e0e6c61c00a2f722a886416aa3e95620269b2719f16b434f3a5c1b1cc",
	wire.KYB1: "5e6b01855d1f5322dc4ed29ea0432953617f0773231de637b170fc87bc3c05bf",
	wire.KYB2: "be0cfd58490889f00a24f3fc424b8a6cd55471d59409d20c11dbe12fa875c752",
	wire.KYB3: "736bdb0f2e377e0af3eefebf3d7a4d4e7b7663a526c327bf2cc21d9f3c6585f5",
	wire.MLK1: "9bcb19a464a6c265109376faddd0d42342c893ff6217cc3000d9934e7c2109dd",
	wire.MLK2: "eae86b91bd7516136236100badf10a2cab2996251baf4b8fed2681b0f238c645",
	wire.MLK3: "e131dc9c61dbb09bf77386bb35535fdf4054e44b0656037142ff3c43e05198c4",
	wire.X1K1: "e2ce8d999d9ff127b9beacfb299ad9387b0dd49a370ba8765d3339a629725b76",
	wire.X1M1: "ef6019eb1d981d3b16e0fbc4f40ffbb5f0d9ff60f34b7022e7871887ecf8f5ca",
	wire.X2M2: "4b78fa2aa5f0cb28949f32732a63cb25690331c70b4586d1f3cb7c2a3d73001f",
	wire.X3K3: "6b42da954fee5903855849637578e3b14e82c3e31a56869dbda91dbbbe1dec6d",
	wire.X3M3: "ac0642767b37a473b7f4de8d692a733cd592d5863b3737183222ae7dd4da3445",
}

// Another implementation of each part, and of what joins them, comes to the same
// secret, and to that of the day when this was written.
func TestKEMKnownAnswers(t *testing.T) {
	for ka, parts := range kems {
		secrets, ciphertext, want := theOtherWay(t, parts, sha512.New384)
		key, err := mustKEM(t, ka).generate(bytes.NewReader(secrets))
		if err != nil {
			t.Fatal(err)
		}
		got, err := key.decapsulate(ciphertext)
		if err != nil || !bytes.Equal(got.Expose(), want) {
			t.Errorf("%s: %x, %v, want %x", ka, got.Expose(), err, want)
		}
		sum := sha256.Sum256(want)
		if known := knownSecrets[ka]; hex.EncodeToString(sum[:]) != known {
			t.Errorf("%s: the other way has changed: %x, once %s", ka, sum, known)
		}
	}
}

// RFC 9180, Section A.1.1: the values of its first example.
func TestDHKEMVector(t *testing.T) {
	skEm := unhex(t, "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736")
	pkEm := unhex(t, "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431")
	pkRm := unhex(t, "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d")
	want := unhex(t, "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc")
	enc, shared, err := dhkem255.encapsulate(bytes.NewReader(skEm), pkRm)
	if err != nil || !bytes.Equal(enc, pkEm) || !bytes.Equal(shared.Expose(), want) {
		t.Errorf("enc %x, shared secret %x, %v", enc, shared.Expose(), err)
	}
}

// badPublicKeys are public keys of the right length that are none.
func badPublicKeys(t *testing.T) map[wire.Algorithm]map[string][]byte {
	t.Helper()
	bad := map[wire.Algorithm]map[string][]byte{}
	for ka, parts := range kems {
		bad[ka] = map[string][]byte{}
		key, err := mustKEM(t, ka).generate(testRand(1))
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for _, part := range parts {
			damaged := bytes.Clone(key.public())
			name := "a coefficient of q or more" // FIPS 203, Section 7.2
			if part.PublicKeySize() < 100 {
				name = "a point of small order"
				clear(damaged[at : at+part.PublicKeySize()])
			} else {
				damaged[at], damaged[at+1] = 0xff, damaged[at+1]|0x0f
			}
			bad[ka][name] = damaged
			at += part.PublicKeySize()
		}
	}
	return bad
}

// FIPS 203, Section 7.2, and RFC 7748, Section 6: a public key is checked.
func TestKEMRefusesPublicKeys(t *testing.T) {
	for ka, keys := range badPublicKeys(t) {
		k := mustKEM(t, ka)
		for name, key := range keys {
			if _, _, err := k.encapsulate(testRand(2), key); !errors.Is(err, errPublicValue) {
				t.Errorf("%s: %s: %v", ka, name, err)
			}
		}
		for _, n := range []int{0, 4, k.publicKeyLen() - 1, k.publicKeyLen() + 1} {
			if _, _, err := k.encapsulate(testRand(2), make([]byte, n)); !errors.Is(err, errPublicValue) {
				t.Errorf("%s: %d octets: %v", ka, n, err)
			}
		}
	}
}

// A false ciphertext gives another secret and no error, but for one that makes
// the Diffie-Hellman predictable, or is of another length.
func TestKEMOfFalseCiphertexts(t *testing.T) {
	for ka, parts := range kems {
		k := mustKEM(t, ka)
		key, err := k.generate(testRand(1))
		if err != nil {
			t.Fatal(err)
		}
		ciphertext, shared, err := k.encapsulate(testRand(2), key.public())
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{0, len(ciphertext) / 2, len(ciphertext) - 1} {
			damaged := bytes.Clone(ciphertext)
			damaged[at] ^= 1
			if got, err := key.decapsulate(damaged); err != nil || got.Equal(shared) {
				t.Errorf("%s: octet %d changed: %v", ka, at, err)
			}
		}
		if small := parts[0].CiphertextSize(); small < 100 {
			clear(ciphertext[:small])
			if _, err := key.decapsulate(ciphertext); !errors.Is(err, errPublicValue) {
				t.Errorf("%s: all-zero result: %v", ka, err)
			}
		}
		for _, n := range []int{0, 4, len(ciphertext) - 1, len(ciphertext) + 1} {
			if _, err := key.decapsulate(make([]byte, n)); !errors.Is(err, errPublicValue) {
				t.Errorf("%s: %d octets: %v", ka, n, err)
			}
		}
	}
}

// Without random numbers there is neither half.
func TestKEMWithoutRandomNumbers(t *testing.T) {
	for ka := range kems {
		k := mustKEM(t, ka)
		good, err := k.generate(testRand(1))
		if err != nil {
			t.Fatal(err)
		}
		for n := range 20 {
			if _, err := k.generate(bytes.NewReader(make([]byte, n))); err == nil {
				t.Errorf("%s: a key pair of %d octets", ka, n)
			}
			if _, isGo := k.(goKEM); isGo {
				continue // asks crypto/rand
			}
			if _, _, err := k.encapsulate(bytes.NewReader(make([]byte, n)), good.public()); err == nil || errors.Is(err, errPublicValue) {
				t.Errorf("%s: encapsulated with %d octets: %v", ka, n, err)
			}
		}
	}
}

// What the halves hold themselves is wiped.
func TestKEMWiping(t *testing.T) {
	k := mustKEM(t, wire.X2M2)
	one, err := newKEMInitiator(k, testRand(1))
	if err != nil {
		t.Fatal(err)
	}
	two, err := newKEMResponder(k, testRand(2), one.key.public())
	if err != nil {
		t.Fatal(err)
	}
	shared, err := two.agree(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := witness{}
	w.add("X25519 scalar", one.key.(hybridKey).first.(dhkemKey).keyAgreement.(*x255).scalar)
	w.add("shared secret", two.shared)
	one.wipe()
	two.wipe()
	w.wantWiped(t, "after wipe")
	if one.key.(hybridKey).second.(*goKEMKey).key != nil {
		t.Error("the ML-KEM key is kept")
	}
	if shared.Equal(secret.Own(make([]byte, 48))) {
		t.Error("the DHResult was wiped under its owner")
	}
}

// FuzzKEM: of any public key or ciphertext comes a secret or errPublicValue.
func FuzzKEM(f *testing.F) {
	keys := map[wire.Algorithm]decapsulationKey{}
	var names []wire.Algorithm
	for _, ka := range []wire.Algorithm{wire.X2M2, wire.X1M1, wire.X3M3, wire.X1K1, wire.X3K3} {
		key, err := mustKEM(f, ka).generate(testRand(1))
		if err != nil {
			f.Fatal(err)
		}
		ciphertext, _, err := mustKEM(f, ka).encapsulate(testRand(2), key.public())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(len(names)), key.public())
		f.Add(byte(len(names)), ciphertext)
		keys[ka] = key
		names = append(names, ka)
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		ka := names[int(which)%len(names)]
		_, shared, err := mustKEM(t, ka).encapsulate(testRand(2), b)
		if err == nil && shared.Len() != 48 || err != nil && !errors.Is(err, errPublicValue) {
			t.Errorf("%s: encapsulated %d octets, %v", ka, shared.Len(), err)
		}
		shared, err = keys[ka].decapsulate(b)
		if err == nil && shared.Len() != 48 || err != nil && !errors.Is(err, errPublicValue) {
			t.Errorf("%s: decapsulated %d octets, %v", ka, shared.Len(), err)
		}
	})
}

// What is not offered has a reason, and no half of it is here.
func TestKEMsLeftOut(t *testing.T) {
	for ka, why := range leftOut {
		if _, ok := kemSuite(ka).kem(); ok || why == "" || !ka.KEM() {
			t.Errorf("%s: %q", ka, why)
		}
		if _, err := newOffer(Algorithms{KeyAgreements: []string{string(ka)}, Hashes: []string{"S384"}, Ciphers: []string{"AES3"}}); err == nil {
			t.Errorf("%s can be offered", ka)
		}
	}
	if len(leftOut)+len(kems) != 20 {
		t.Errorf("%d left out and %d here, of 20 that wire knows", len(leftOut), len(kems))
	}
}

// leftOut are the KEMs of other phones that are not spoken here.
var leftOut = map[wire.Algorithm]string{
	wire.HQD1: "HQC: chosen by NIST, no standard yet; its drafts and versions do not understand each other",
	wire.HQD2: "HQC, as HQD1",
	wire.HQD3: "HQC, as HQD1",
	wire.X1H1: "HQC, as HQD1",
	wire.X3H3: "HQC, as HQD1",
	wire.XKR1: "HQC as a third part, as HQD1",
	wire.XKR3: "HQC as a third part, as HQD1",
}
