package main

// modesMutants are about Multistream and Preshared mode, GoClear, and SASrelay.
var modesMutants = []mutant{
	{
		rule:  "GoClear is refused",
		file:  "zrtp/clear.go",
		old:   "s.transmit(wire.Error{Code: wire.CodeGoClearRefused}.Append(nil))",
		new:   "s.transmit(wire.ClearACK{}.Append(nil))",
		cases: []string{"4.7.2/1", "4.7.2/4", "7.3.1/1"},
	},
	{
		rule:  "GoClear is answered",
		file:  "zrtp/clear.go",
		old:   "s.transmit(wire.Error{Code: wire.CodeGoClearRefused}.Append(nil))",
		new:   "",
		cases: []string{"4.7.2/2", "4.7.2/3"},
	},
	{
		rule:  "RelayACK",
		file:  "zrtp/relay.go",
		old:   "return wire.RelayACK{}.Append(nil)",
		new:   "return wire.ClearACK{}.Append(nil)",
		cases: []string{"5.13/1"},
	},
	{
		rule:  "RelayACK for who is no PBX",
		file:  "zrtp/relay.go",
		old:   "s.transmit(wire.RelayACK{}.Append(nil))",
		new:   "",
		cases: []string{"5.13/3"},
	},
	{
		rule:  "a nonce used again",
		file:  "zrtp/multistream.go",
		old:   `if !s.key.spend(c.Nonce) {`,
		new:   `if false {`,
		cases: []string{"4.4.3.1/3"},
	},
	{
		rule:  "one ZID for all streams",
		file:  "zrtp/multistream.go",
		old:   `if s.key != nil && s.key.peer != ZID(h.ZID) {`,
		new:   `if false {`,
		cases: []string{"4.4.3/6"},
	},
	{
		rule: "the first stream's algorithms",
		file: "zrtp/multistream.go",
		old: `s.keyAgreement = wire.Mult
`,
		new: `s.keyAgreement, s.hash = wire.Mult, wire.S256
`,
		cases: []string{"4.4.3.1/1"},
	},
	{
		rule:  "the label of a further stream's s0",
		file:  "zrtp/multistream.go",
		old:   `"ZRTP MSK", s.x`,
		new:   `"ZRTP PSK", s.x`,
		cases: []string{"4.4.3/2", "4.4.3/3"},
	},
	{
		rule:  "the label of Preshared mode's s0",
		file:  "zrtp/preshared.go",
		old:   `"ZRTP PSK", s.x`,
		new:   `"ZRTP MSK", s.x`,
		cases: []string{"4.4.2/1"},
	},
	{
		rule:  "a key agreement every so often",
		file:  "zrtp/preshared.go",
		old:   `const maxPreshared = 5`,
		new:   `const maxPreshared = 500`,
		cases: []string{"4.4.2/2"},
	},
	{
		rule:  "the MAC of GoClear",
		file:  "zrtp/clear.go",
		old:   `if !hmac.Equal(g.MAC[:], s.clear.peer[:]) {`,
		new:   `if false && !hmac.Equal(g.MAC[:], s.clear.peer[:]) {`,
		cases: []string{"4.7.2/7"},
	},
	{
		rule:  "E implies not A",
		file:  "zrtp/clear.go",
		old:   ` || s.x.confirmed.Enrollment {`,
		new:   ` {`,
		cases: []string{"7.3.1/1"},
	},
	{
		rule:  "ZRTPSess is replaced",
		file:  "zrtp/multistream.go",
		old:   `k.consume("New ZRTP Session"`,
		new:   `k.consume("ZRTP Session Key"`,
		cases: []string{"4.7.2.1/2"},
	},
}
