package zrtp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"karat/zrtp/wire"
)

// dhVectors are known answers, in the form of the wire. The three curves: NIST
// CAVS 14.1, ECC CDH Primitive, the first of each; X255 and X448: RFC 7748, Section 6.
var dhVectors = []struct {
	keyAgreement                 wire.Algorithm
	private, public, peer, agree string
}{
	{
		wire.EC25,
		"7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
		"ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230" +
			"28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141",
		"700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287" +
			"db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
		"46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b",
	},
	{
		wire.EC38,
		"3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774ad463b205da88cf699ab4d43c9cf98a1",
		"9803807f2f6d2fd966cdd0290bd410c0190352fbec7ff6247de1302df86f25d34fe4a97bef60cff548355c015dbb3e5f" +
			"ba26ca69ec2f5b5d9dad20cc9da711383a9dbe34ea3fa5a2af75b46502629ad54dd8b7d73a8abb06a3a3be47d650cc99",
		"a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e0c50066" +
			"ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766fc8437a",
		"5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457e5621e766c40a2e3d4d6a04b25e533f1",
	},
	{
		wire.EC52,
		"017eecc07ab4b329068fba65e56a1f8890aa935e57134ae0ffcce802735151f4eac6564f6ee9974c5e6887a1fefee5743ae2241bfeb95d5ce31ddcb6f9edb4d6fc47",
		"00602f9d0cf9e526b29e22381c203c48a886c2b0673033366314f1ffbcba240ba42f4ef38a76174635f91e6b4ed34275eb01c8467d05ca80315bf1a7bbd945f550a5" +
			"01b7c85f26f5d4b2d7355cf6b02117659943762b6d1db5ab4f1dbc44ce7b2946eb6c7de342962893fd387d1b73d7a8672d1f236961170b7eb3579953ee5cdc88cd2d",
		"00685a48e86c79f0f0875f7bc18d25eb5fc8c0b07e5da4f4370f3a9490340854334b1e1b87fa395464c60626124a4e70d0f785601d37c09870ebf176666877a2046d" +
			"01ba52c56fc8776d9e8f5db4f0cc27636d0b741bbe05400697942e80b739884a83bde99e0f6716939e632bc8986fa18dccd443a348b6c3e522497955a4f3c302f676",
		"005fc70477c3e63bc3954bd0df3ea0d1f41ee21746ed95fc5e1fdf90930d5e136672d72cc770742d1711c3c3a4c334a0ad9759436a4d3c5bf6e74b9578fac148c831",
	},
	{
		wire.X255,
		"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
		"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
		"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
		"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
	},
	{
		wire.X448,
		"9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
		"9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0",
		"3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609",
		"07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d",
	},
}

// Section 5.1.5: the public value is x and y, the result is x alone with its
// leading zeros (the result on P-521 begins with one).
func TestKeyAgreementVectors(t *testing.T) {
	for _, v := range dhVectors {
		t.Run(string(v.keyAgreement), func(t *testing.T) {
			ka, err := newKeyAgreement(suite{keyAgreement: v.keyAgreement}, bytes.NewReader(unhex(t, v.private)))
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(ka.public()); got != v.public {
				t.Errorf("public value %s, want %s", got, v.public)
			}
			result, err := ka.agree(unhex(t, v.peer))
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(result.Expose()); got != v.agree {
				t.Errorf("DHResult %s, want %s", got, v.agree)
			}
			ka.wipe()
			if again, err := ka.agree(unhex(t, v.peer)); err == nil && again.Equal(result) {
				t.Error("a half that was wiped still agrees")
			}
		})
	}
}

// Table 5: the lengths of the public values in words.
func TestPublicValueWords(t *testing.T) {
	for ka, words := range map[wire.Algorithm]int{wire.EC25: 16, wire.EC38: 24, wire.EC52: 33, wire.X448: 14, wire.X255: 8, wire.DH3k: 96} {
		s := suite{keyAgreement: ka, cipher: wire.AES3}
		half, err := newKeyAgreement(s, testRand(1))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(half.public()); got != 4*words || s.publicLen() != 4*words {
			t.Errorf("%s: %d octets sent, %d expected, want %d words", ka, got, s.publicLen(), words)
		}
	}
}

// A public value of another length, the one octet of infinity among them (SEC 1,
// Section 2.3.3), is refused by the key agreement itself.
func TestPublicValueOfAnotherLength(t *testing.T) {
	for _, v := range dhVectors {
		half, err := newKeyAgreement(suite{keyAgreement: v.keyAgreement}, testRand(1))
		if err != nil {
			t.Fatal(err)
		}
		whole := unhex(t, v.peer)
		for name, pv := range map[string][]byte{
			"none": nil, "infinity": {0}, "short": whole[1:], "long": append(slices.Clone(whole), 0),
			"compressed": append([]byte{2}, whole[:len(whole)/2]...), "with prefix": append([]byte{4}, whole...),
		} {
			if _, err := half.agree(pv); !errors.Is(err, errPublicValue) {
				t.Errorf("%s: %s: %v", v.keyAgreement, name, err)
			}
		}
	}
}

// On the wire likewise, where a value is whole words: 0x61.
func TestPointOfAnotherLength(t *testing.T) {
	for _, ka := range []string{"EC25", "EC38", "EC52"} {
		c, _ := curveOf(wire.Named(ka))
		for name, pv := range map[string][]byte{
			"infinity": make([]byte, 4), "one coordinate": make([]byte, c.publicLen()/8*4), "long": make([]byte, c.publicLen()+4),
		} {
			a, b := configs()
			a.Algorithms = Algorithms{KeyAgreements: []string{ka}, Hashes: []string{"S384"}}
			b.Algorithms = a.Algorithms
			l, initiator := tampered(t, a, b, wire.TypeDHPart1, changeDHPart(t, func(d *wire.DHPart) { d.PublicValue = pv }))
			t.Log(ka, name)
			wantCode(t, l.wantFailed(initiator), wire.CodeBadPublicValue)
		}
	}
}

// A source of octets that are all the same is none: a secret of 0, and one that
// is more than the order of the curve.
func TestScalarsAreDrawnAgain(t *testing.T) {
	for _, v := range dhVectors[:3] {
		c, _ := curveOf(v.keyAgreement)
		for _, octet := range []byte{0, 0xff} {
			same := bytes.NewReader(bytes.Repeat([]byte{octet}, 100*c.width))
			if _, err := newEC(c, same); !errors.Is(err, errNoScalar) {
				t.Errorf("%s: a secret of octets %x: %v", v.keyAgreement, octet, err)
			}
		}
		first := append(bytes.Repeat([]byte{0xff}, c.width), unhex(t, v.private)...)
		half, err := newEC(c, bytes.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(half.public()); got != v.public {
			t.Errorf("%s: the second draw gave %s", v.keyAgreement, got)
		}
	}
}

// weakPoints are what the curves refuse, and X448 likewise.
func weakPoints(t *testing.T) map[string]map[string][]byte {
	weak := map[string]map[string][]byte{}
	for _, v := range dhVectors[:3] {
		c, _ := curveOf(v.keyAgreement)
		off := unhex(t, v.peer)
		off[len(off)-1] ^= 1
		whole := unhex(t, v.peer)
		swapped := slices.Concat(whole[c.width:], whole[:c.width])
		weak[string(v.keyAgreement)] = map[string][]byte{
			"off the curve": off, "swapped": swapped,
			"0": make([]byte, 2*c.width), "too great": bytes.Repeat([]byte{0xff}, 2*c.width),
		}
	}
	zero := make([]byte, x448Len)
	one := slices.Clone(zero)
	one[0] = 1
	// RFC 7748, Section 4.2: p = 2^448 - 2^224 - 1, the lowest octet first.
	prime := bytes.Repeat([]byte{0xff}, x448Len)
	prime[28] = 0xfe
	below, above := slices.Clone(prime), slices.Clone(prime)
	below[0]--
	clear(above[:28])
	above[28] = 0xff
	weak["X448"] = map[string][]byte{"0": zero, "1": one, "p-1": below, "p": prime, "p+1": above}
	return weak
}

// Section 5.1.5: EC38 needs S384, whoever asks for something else.
func TestEC38NeedsS384(t *testing.T) {
	if _, err := newOffer(Algorithms{KeyAgreements: []string{"EC38"}, Hashes: []string{"S256"}}); err == nil {
		t.Error("EC38 was offered without S384")
	}
	ours, err := newOffer(Algorithms{KeyAgreements: []string{"EC38", "EC25"}, Hashes: []string{"S256", "S384"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := ours.choose(ours); s.keyAgreement != wire.EC38 || s.hash != wire.S384 {
		t.Errorf("chose %s with %s", s.keyAgreement, s.hash)
	}
	without := peerOffer(wire.Hello{KeyAgreements: []wire.Algorithm{wire.EC38, wire.EC25}})
	if s := ours.choose(without); s.keyAgreement != wire.EC25 || s.hash != wire.S256 {
		t.Errorf("chose %s with %s against a peer without S384", s.keyAgreement, s.hash)
	}
	only := peerOffer(wire.Hello{KeyAgreements: []wire.Algorithm{wire.EC38}})
	if s := ours.choose(only); s.keyAgreement != wire.DH3k || s.hash != wire.S256 {
		t.Errorf("chose %s with %s against a peer that has EC38 only, and no S384", s.keyAgreement, s.hash)
	}

	a, b := classicalConfigs()
	l := newLink(t, a, b)
	l.tamper(wire.TypeCommit, changeCommit(t, func(c *wire.Commit) {
		c.KeyAgreement, c.Hash, c.HVI[0] = wire.EC38, wire.S256, 0xff
	}))
	l.start()
	l.run(time.Second)
	wantCode(t, l.wantFailed(l.a), wire.CodeHash)
	wantCode(t, l.wantFailed(l.b), wire.CodeHash)
}

// Section 5.1.5: ECDH-521 SHOULD NOT be used: it is there for who names it.
func TestEC52IsNotOffered(t *testing.T) {
	if slices.Contains(DefaultAlgorithms().KeyAgreements, "EC52") {
		t.Error("EC52 is offered by default")
	}
	testAlgorithms(t, Algorithms{[]string{"EC52"}, []string{"S384"}, []string{"AES3"}, []string{"HS80"}, []string{"B256"}})
}

// BenchmarkKeyAgreement is what one side pays: a public value and a result.
func BenchmarkKeyAgreement(b *testing.B) {
	for _, ka := range []wire.Algorithm{wire.X255, wire.X448, wire.EC25, wire.EC38, wire.EC52, wire.DH3k} {
		b.Run(string(ka), func(b *testing.B) {
			s := suite{keyAgreement: ka, cipher: wire.AES3}
			random := testRand(1)
			peer, err := newKeyAgreement(s, random)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				half, err := newKeyAgreement(s, random)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := half.agree(peer.public()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzPublicValue: whatever a peer sends as its public value, there is a result
// of the right width or errPublicValue, and nothing else. An input takes some
// milliseconds at most: what Go reports as hung was stopped from outside.
func FuzzPublicValue(f *testing.F) {
	kinds := []wire.Algorithm{wire.X255, wire.X448, wire.EC25, wire.EC38, wire.EC52}
	for i := range kinds {
		f.Add(byte(i), make([]byte, 32))
	}
	for i, v := range dhVectors {
		pv, _ := hex.DecodeString(v.peer)
		f.Add(byte(i+2), pv)
	}
	f.Fuzz(func(t *testing.T, kind byte, pv []byte) {
		s := suite{keyAgreement: kinds[int(kind)%len(kinds)]}
		half, err := newKeyAgreement(s, testRand(1))
		if err != nil {
			t.Fatal(err)
		}
		width := s.publicLen()
		if c, ok := curveOf(s.keyAgreement); ok {
			width = c.width
		}
		result, err := half.agree(pv)
		if err != nil && !errors.Is(err, errPublicValue) || err == nil && (len(pv) != s.publicLen() || result.Len() != width) {
			t.Error(fmt.Sprintf("%s: %d octets gave %d", s.keyAgreement, len(pv), result.Len()), err)
		}
	})
}
