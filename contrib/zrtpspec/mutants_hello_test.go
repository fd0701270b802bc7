package main

// helloMutants are about Hello, the choice of algorithms, and the chain of hashes.
var helloMutants = []mutant{
	{
		rule:  "a version that is too high",
		file:  "zrtp/hello.go",
		old:   "if hello.Version[:comparedVersion] > version[:comparedVersion] {",
		new:   "if false {",
		cases: []string{"4.1.1/5", "4.1.1/3"},
	},
	{
		rule:  "a version that is too low",
		file:  "zrtp/hello.go",
		old:   "case h.Version[:comparedVersion] < version[:comparedVersion]:",
		new:   "case false:",
		cases: []string{"4.1.1/7", "4.1.1/9"},
	},
	{
		rule:  "only three octets of the version count",
		file:  "zrtp/hello.go",
		old:   "const comparedVersion = 3",
		new:   "const comparedVersion = 4",
		cases: []string{"4.1.1/8"},
	},
	{
		rule:  "equal ZIDs",
		file:  "zrtp/hello.go",
		old:   "case ZID(h.ZID) == s.cfg.ZID:",
		new:   "case false:",
		cases: []string{"5.2/4"},
	},
	{
		rule:  "a Hello that was not announced",
		file:  "zrtp/hello.go",
		old:   "case len(s.cfg.PeerHelloHashes) > 0 && !bound:",
		new:   "case false:",
		cases: []string{"8.1/1", "8.1/2"},
	},
	{
		rule:  "a Hash that was not offered",
		file:  "zrtp/algorithms.go",
		old:   "{c.Hash, o.hashes, wire.CodeHash},",
		new:   "",
		cases: []string{"5.4/2"},
	},
	{
		rule:  "a Cipher that was not offered",
		file:  "zrtp/algorithms.go",
		old:   "{c.Cipher, o.ciphers, wire.CodeCipher},",
		new:   "",
		cases: []string{"5.4/3"},
	},
	{
		rule:  "a KeyAgreement that was not offered",
		file:  "zrtp/algorithms.go",
		old:   "{c.KeyAgreement, o.keyAgreements, wire.CodeKeyAgreement},",
		new:   "",
		cases: []string{"5.4/4"},
	},
	{
		rule:  "a AuthTag that was not offered",
		file:  "zrtp/algorithms.go",
		old:   "{c.AuthTag, o.authTags, wire.CodeAuthTag},",
		new:   "",
		cases: []string{"5.4/5"},
	},
	{
		rule:  "a SAS that was not offered",
		file:  "zrtp/algorithms.go",
		old:   "{c.SAS, o.sasTypes, wire.CodeSAS},",
		new:   "",
		cases: []string{"5.4/6"},
	},
	{
		rule:  "SHA-384",
		file:  "zrtp/algorithms.go",
		old:   `return sha512.New384()`,
		new:   `return sha512.New()`,
		cases: []string{"4.5.1/3", "5.1.2/2"},
	},
	{
		rule: "the key length of AES-256",
		file: "zrtp/algorithms.go",
		old: `if s.cipher == wire.AES3 {
		return 32`,
		new: `if s.cipher == wire.AES3 {
		return 16`,
		cases: []string{"4.5.1/2"},
	},
	{
		rule:  "the length of the auth tag",
		file:  "zrtp/algorithms.go",
		old:   "if s.authTag == wire.HS80 {",
		new:   "if s.authTag == wire.HS32 {",
		cases: []string{"5.1.4/1", "5.1.4/2"},
	},
	{
		rule:  "which half of a MAC is sent",
		file:  "zrtp/chain.go",
		old:   "msg[:len(msg)-macLen])[:macLen]",
		new:   "msg[:len(msg)-macLen])[24:]",
		cases: []string{"8.1.1/6", "9/1", "5.1.2.2/1"},
	},
	{
		rule:  "unused bits of Hello, sent",
		file:  "zrtp/hello.go",
		old:   "Version:       version,",
		new:   "Version:       version, Unused: 1,",
		cases: []string{"5.2/2"},
	},
	{
		rule: "unused bits of Hello, received",
		file: "zrtp/hello.go",
		old:  "bound := s.announced(msg)",
		new: `if hello.Unused != 0 {
		return errUnused
	}
	bound := s.announced(msg)`,
		cases: []string{"5.2/3"},
	},
	{
		rule:  "the S flag",
		file:  "zrtp/hello.go",
		old:   "Version:       version,",
		new:   "Version:       version, Signature: true,",
		cases: []string{"5.2/1"},
	},
	{
		rule:  "a HelloACK of a stranger",
		file:  "zrtp/hello.go",
		old:   "if s.acked.acked && s.acked.ssrc == p.ssrc {",
		new:   "if s.acked.acked {",
		cases: []string{"9/9"},
	},
	{
		rule:  "mandatory algorithms are implied",
		file:  "zrtp/algorithms.go",
		old:   "complete(o.hashes, wire.S256)",
		new:   "complete(o.hashes, wire.S384)",
		cases: []string{"5.1.2/1"},
	},
	{
		rule:  "a fresh H0",
		file:  "zrtp/chain.go",
		old:   "io.ReadFull(rand, h0[:])",
		new:   "io.ReadFull(rand, make([]byte, len(h0)))",
		cases: []string{"4.8/1"},
	},
	{
		rule:  "the length of Hello",
		file:  "zrtp/wire/hello.go",
		old:   "if len(r.b) != algorithmLen*total+8 {",
		new:   "if len(r.b) < algorithmLen*total+8 {",
		cases: []string{"5.2/14"},
	},
	{
		rule: "one HelloACK for a Hello",
		file: "zrtp/hello.go",
		old: `if bytes.Equal(msg, s.peer.raw) {
			s.transmit(wire.HelloACK{}.Append(nil))`,
		new: `if bytes.Equal(msg, s.peer.raw) {
			s.transmit(wire.HelloACK{}.Append(nil))
			s.transmit(wire.HelloACK{}.Append(nil))`,
		cases: []string{"6/2"},
	},
	{
		rule:  "the faster key agreement",
		file:  "zrtp/algorithms.go",
		old:   `for _, keyAgreement := range strongestFirst(o.keyAgreements) {`,
		new:   `for _, keyAgreement := range peer.keyAgreements {`,
		cases: []string{"4.1.2/1"},
	},
	{
		rule:  "no EC52",
		file:  "zrtp/hello.go",
		old:   "KeyAgreements: s.listed(),",
		new:   `KeyAgreements: append([]wire.Algorithm{"EC52"}, s.listed()[1:]...), // there is room for seven`,
		cases: []string{"5.1.5/7"},
	},
	{
		rule:  "AES-256 with EC38",
		file:  "zrtp/algorithms.go",
		old:   "first(o.ciphers, peer.ciphers)",
		new:   "first(peer.ciphers, []wire.Algorithm{wire.AES1, wire.AES3})",
		cases: []string{"5.1.5/6"},
	},
}
