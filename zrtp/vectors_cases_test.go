package zrtp

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"karat/zrtp/wire"
)

// everyCombination is each key agreement with each hash, cipher, auth tag and SAS
// type that it goes with.
func everyCombination() (cases []vectorCase) {
	all := usableAlgorithms()
	for _, ka := range all.KeyAgreements {
		for _, hash := range all.Hashes {
			for _, cipher := range all.Ciphers {
				// Tags and SAS types change nothing of the keys: each is there, not
				// each with each other.
				for i, tag := range all.AuthTags {
					a := Algorithms{[]string{ka}, []string{hash}, []string{cipher}, []string{tag}, []string{all.SASTypes[i]}}
					if _, err := newOffer(a); err != nil {
						continue // a key agreement that asks for the stronger
					}
					cases = append(cases, vectorCase{
						name:       strings.Join([]string{ka, hash, cipher, tag, all.SASTypes[i]}, "-"),
						about:      "a whole exchange",
						algorithms: a,
					})
				}
			}
		}
	}
	return cases
}

// strongVector and classicVector are what faults are shown in.
func classicVector(ka string) Algorithms {
	return Algorithms{[]string{ka}, []string{"S256"}, []string{"AES1"}, []string{"HS32"}, []string{"B32"}}
}

func strongVector() Algorithms {
	return Algorithms{[]string{"X1M1"}, []string{"S384"}, []string{"AES3"}, []string{"HS80"}, []string{"B256"}}
}

// faults are exchanges with one fault each.
func faults(t *testing.T) (cases []vectorCase) {
	x255, kem := classicVector("X255"), strongVector()
	flip := func(at int) func(*end, []byte) []byte {
		return func(_ *end, msg []byte) []byte {
			msg[(at+len(msg))%len(msg)] ^= 1
			return msg
		}
	}
	add := func(name, about string, a Algorithms, typ wire.Type, code wire.ErrorCode, fault func(*end, []byte) []byte) {
		cases = append(cases, vectorCase{name: "fault-" + name, about: about, algorithms: a, typ: typ, fault: fault, code: code})
	}
	hello := func(change func(h *wire.Hello)) func(*end, []byte) []byte {
		return func(from *end, msg []byte) []byte {
			h, err := wire.ParseHello(msg)
			if err != nil {
				t.Fatal(err)
			}
			change(&h)
			return seal(h.Append(nil), from.chain.h2)
		}
	}
	prevailing := func(change func(c *wire.Commit)) func(*end, []byte) []byte {
		return changeCommit(t, func(c *wire.Commit) {
			change(c)
			c.HVI[0] = 0xff
		})
	}
	add("hello-version", "a Hello of version 0.90", x255, wire.TypeHello, wire.CodeVersion, hello(func(h *wire.Hello) { h.Version = "0.90" }))
	add("hello-zid", "a Hello with the ZID of the other end", x255, wire.TypeHello, wire.CodeEqualZIDs,
		func(from *end, msg []byte) []byte {
			return hello(func(h *wire.Hello) { h.ZID[0], h.ZID[1] = 3-h.ZID[0], 'a'+'b'-h.ZID[1] })(from, msg)
		})
	add("hello-mac", "a Hello with a wrong MAC, which Commit shows", x255, wire.TypeHello, wire.CodeHelloMismatch, flip(-1))
	add("commit-zid", "a Commit with another ZID than the Hello", x255, wire.TypeCommit, wire.CodeHelloMismatch, prevailing(func(c *wire.Commit) { c.ZID[0] ^= 1 }))
	add("commit-hash", "a Commit with a hash that nobody offered", x255, wire.TypeCommit, wire.CodeHash, prevailing(func(c *wire.Commit) { c.Hash = "N256" }))
	add("commit-cipher", "a Commit with a cipher that nobody offered", x255, wire.TypeCommit, wire.CodeCipher, prevailing(func(c *wire.Commit) { c.Cipher = "2FS3" }))
	add("commit-key-agreement", "a Commit with a key agreement that nobody offered", x255, wire.TypeCommit, wire.CodeKeyAgreement, prevailing(func(c *wire.Commit) { c.KeyAgreement = "DH2k" }))
	add("commit-auth-tag", "a Commit with an auth tag that nobody offered", x255, wire.TypeCommit, wire.CodeAuthTag, prevailing(func(c *wire.Commit) { c.AuthTag = "SK64" }))
	add("commit-sas", "a Commit with a SAS type that nobody offered", x255, wire.TypeCommit, wire.CodeSAS, prevailing(func(c *wire.Commit) { c.SAS = "B10D" }))
	add("commit-mult", "a Commit for Multistream mode without a first stream", x255, wire.TypeCommit, wire.CodeNoSharedSecret, prevailing(func(c *wire.Commit) { c.KeyAgreement = wire.Mult }))
	add("commit-mac", "a Commit with a wrong MAC, which DHPart2 shows", x255, wire.TypeCommit, wire.CodeBadCommitment, flip(-1))
	add("dhpart2-hvi", "a DHPart2 other than the one committed to, under a good MAC (CVE-2016-6271)", x255, wire.TypeDHPart2, wire.CodeBadCommitment,
		changeDHPart(t, func(d *wire.DHPart) { d.PublicValue[5] ^= 1 }))
	add("dhpart2-hvi-id", "a DHPart2 with another id of a secret than the one committed to, under a good MAC", x255, wire.TypeDHPart2, wire.CodeBadCommitment,
		changeDHPart(t, func(d *wire.DHPart) { d.RS1ID[0] ^= 1 }))
	add("kem-nonce", "KEM mode: a DHPart2 with another nonce than the one committed to, under a good MAC", kem, wire.TypeDHPart2, wire.CodeBadCommitment,
		changeDHPart(t, func(d *wire.DHPart) { d.PublicValue[5] ^= 1 }))
	add("kem-ciphertext", "KEM mode: a ciphertext that decapsulates to something else, which only the Confirms show", kem, wire.TypeDHPart1, wire.CodeBadConfirmMAC,
		changeDHPart(t, func(d *wire.DHPart) { d.PublicValue[len(d.PublicValue)-1] ^= 1 }))
	add("kem-public-key", "KEM mode: a public key with a coefficient that is too large (FIPS 203, Section 7.2)", kem, wire.TypeCommit, wire.CodeBadPublicValue,
		prevailing(func(c *wire.Commit) { c.PublicKey[32], c.PublicKey[33] = 0xff, 0xff }))
	add("kem-x25519-zero", "KEM mode: a public key whose X25519 is all zero", kem, wire.TypeCommit, wire.CodeBadPublicValue,
		prevailing(func(c *wire.Commit) { clear(c.PublicKey[:32]) }))
	weak := weakValues()
	maps.Copy(weak, weakPoints(t))
	for _, ka := range slices.Sorted(maps.Keys(weak)) {
		values := weak[ka]
		for _, name := range slices.Sorted(maps.Keys(values)) {
			a := classicVector(ka)
			if ka == "EC38" {
				a.Hashes = []string{"S384"}
			}
			add("dhpart1-"+strings.ReplaceAll(ka+"-"+name, " ", "-"), "a DHPart1 whose public value is "+name+", under a good MAC", a, wire.TypeDHPart1, wire.CodeBadPublicValue,
				changeDHPart(t, func(d *wire.DHPart) { d.PublicValue = values[name] }))
		}
	}
	add("dhpart1-length", "a DHPart1 whose public value is 4 octets too short", x255, wire.TypeDHPart1, wire.CodeMalformed,
		changeDHPart(t, func(d *wire.DHPart) { d.PublicValue = d.PublicValue[:28] }))
	for _, typ := range []wire.Type{wire.TypeConfirm1, wire.TypeConfirm2} {
		name := strings.ToLower(strings.TrimSpace(string(typ)))
		add(name+"-mac", "a wrong confirm_mac", x255, typ, wire.CodeBadConfirmMAC, flip(12))
		add(name+"-encrypted", "one bit of the encrypted part changed, as are the flags by it", x255, typ, wire.CodeBadConfirmMAC, flip(-5))
	}
	return append(cases, vectorCase{
		name: "fault-hello-not-announced", about: "a Hello other than the one that a=zrtp-hash announced to a",
		algorithms: x255, announced: true, code: wire.CodeHelloMismatch,
	})
}

func flipLast(_ *end, msg []byte) []byte {
	msg[len(msg)-1] ^= 1
	return msg
}

func flipConfirmMAC(_ *end, msg []byte) []byte {
	msg[12] ^= 1
	return msg
}

// vectorCases are all files.
func vectorCases(t *testing.T) []vectorCase {
	cases := append(everyCombination(), faults(t)...)
	for _, ka := range []string{"X255", "DH3k"} {
		cases = append(cases, vectorCase{
			name: "known-" + ka, about: "the two share a retained secret, which is s1", algorithms: classicVector(ka), known: true,
		})
	}
	cases = append(cases, skippingDH()...)
	cases = append(cases, skippingDHFaults(t)...)
	cases = append(cases, clearCases(t)...)
	cases = append(cases, pbxCases(t)...)
	cases = append(cases, damagedCases(t)...)
	cases = append(cases,
		vectorCase{name: "preshared-aux-pbx", about: "Preshared mode with an auxsecret and a pbxsecret in the preshared_key", algorithms: classicVector("X255"), preshared: true, aux: true, pbx: true},
		vectorCase{
			name: "fault-preshared-commit-mac", about: "Preshared mode: a Commit with a wrong MAC, which Confirm2 shows", algorithms: classicVector("X255"), preshared: true,
			typ: wire.TypeCommit, fault: flipLast, code: wire.CodeBadConfirmMAC,
		},
		vectorCase{
			name: "fault-preshared-confirm1-mac", about: "Preshared mode: a wrong confirm_mac", algorithms: classicVector("X255"), preshared: true,
			typ: wire.TypeConfirm1, fault: flipConfirmMAC, code: wire.CodeBadConfirmMAC,
		},
	)
	for _, a := range []Algorithms{classicVector("X255"), strongVector()} {
		ka := a.KeyAgreements[0]
		cases = append(cases,
			vectorCase{name: "aux-" + ka, about: "the two share an auxsecret, which is s2", algorithms: a, aux: true},
			vectorCase{name: "pbx-" + ka, about: "the two share a pbxsecret, which is s3", algorithms: a, pbx: true},
			vectorCase{name: "all-secrets-" + ka, about: "the two share a retained secret, an auxsecret and a pbxsecret: s1, s2 and s3", algorithms: a, known: true, aux: true, pbx: true},
		)
	}
	return cases
}
