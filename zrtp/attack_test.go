package zrtp

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// tamper changes all messages of one type on their way.
func (l *link) tamper(typ wire.Type, change func(from *end, msg []byte) []byte) {
	pieces := map[*end]*wire.Reassembly{l.a: {}, l.b: {}}
	l.filter = func(from *end, _ int, pkt []byte) []arrival {
		p, err := wire.ParsePacket(pkt)
		if err != nil {
			return []arrival{{pkt: pkt}}
		}
		id := uint16(0)
		f, isPiece := p.Fragment()
		if isPiece {
			id, p.Message = f.MessageID, pieces[from].Add(l.now, f)
		}
		switch {
		case p.Message == nil:
			return nil // its last piece brings the whole
		case !isPiece && wire.TypeOf(p.Message) != typ:
			return []arrival{{pkt: pkt}}
		}
		msg := bytes.Clone(p.Message)
		if wire.TypeOf(msg) == typ {
			msg = change(from, msg)
		}
		return inPackets(from.cfg.SSRC, id, msg)
	}
}

// inPackets is a message in as many packets as it needs.
func inPackets(ssrc uint32, id uint16, msg []byte) (arrivals []arrival) {
	for _, f := range wire.Split(id, msg) {
		p := wire.Packet{Unused: wire.FragmentMark, SSRC: ssrc, Message: f.Append(nil)}
		arrivals = append(arrivals, arrival{pkt: wire.AppendPacket(nil, p)})
	}
	if arrivals == nil {
		arrivals = []arrival{{pkt: wire.AppendPacket(nil, wire.Packet{SSRC: ssrc, Message: msg})}}
	}
	return arrivals
}

// tampered runs a call in which all messages of one type are changed, and
// returns whoever received them.
func tampered(t *testing.T, a, b Config, typ wire.Type, change func(from *end, msg []byte) []byte) (*link, *end) {
	t.Helper()
	l := newLink(t, a, b)
	var victim *end
	l.tamper(typ, func(from *end, msg []byte) []byte {
		if victim == nil {
			victim = l.other(from)
		}
		return change(from, msg)
	})
	l.start()
	l.run(30 * time.Second)
	if victim == nil {
		t.Fatalf("no %s was sent", typ)
	}
	return l, victim
}

// changeDHPart changes a DHPart and seals it again, as its sender could.
func changeDHPart(t *testing.T, change func(d *wire.DHPart)) func(*end, []byte) []byte {
	return func(from *end, msg []byte) []byte {
		d, err := wire.ParseDHPart(msg)
		if err != nil {
			t.Fatal(err)
		}
		change(&d)
		return seal(d.Append(nil), from.chain.h0)
	}
}

// Attack A1, CVE-2016-6271: a DHPart2 other than the one committed to. Section
// 4.4.1.2: Error 0x62, and no Confirm1.
func TestBrokenCommitment(t *testing.T) {
	a, b := configs()
	for name, change := range map[string]func(d *wire.DHPart){
		"another public value": func(d *wire.DHPart) { d.PublicValue[5] ^= 1 },
		"another rs1ID":        func(d *wire.DHPart) { d.RS1ID[0] ^= 1 },
		"another auxsecretID":  func(d *wire.DHPart) { d.AuxID[0] ^= 1 },
	} {
		l, responder := tampered(t, a, b, wire.TypeDHPart2, changeDHPart(t, change))
		t.Log(name)
		wantCode(t, l.wantFailed(responder), wire.CodeBadCommitment)
		if slices.Contains(responder.types(), wire.TypeConfirm1) {
			t.Error("Confirm1 was sent")
		}
	}
}

// weakValues are public values that make the result predictable (attack A2).
func weakValues() map[string]map[string][]byte {
	below, prime, over := modulus3072, modulus3072, bytes.Repeat([]byte{0xff}, 384)
	below[383]--
	one := make([]byte, 384)
	one[383] = 1
	return map[string]map[string][]byte{
		"DH3k": {"0": make([]byte, 384), "1": one, "p-1": below[:], "p": prime[:], "2^3072-1": over},
		"X255": {
			"0": make([]byte, 32),
			"1": append([]byte{1}, make([]byte, 31)...),
			// RFC 7748, Section 6.1: the all-zero result; p-1, p and p+1.
			"p-1": append(append([]byte{0xec}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f),
			"p":   append(append([]byte{0xed}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f),
			"p+1": append(append([]byte{0xee}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f),
			"order 8": {
				0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
				0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
			},
		},
	}
}

// Sections 4.4.1.2 and 4.4.1.3: a weak public value is Error 0x61, at both ends.
// The responder sees it under a commitment that fits.
func TestWeakPublicValues(t *testing.T) {
	all := weakValues()
	maps.Copy(all, weakPoints(t))
	for ka, values := range all {
		for name, value := range values {
			t.Run(ka+"/"+name, func(t *testing.T) {
				a, b := configs()
				a.Algorithms = Algorithms{KeyAgreements: []string{ka}, Hashes: []string{"S384"}}
				b.Algorithms = a.Algorithms
				weak := changeDHPart(t, func(d *wire.DHPart) { d.PublicValue = value })
				l, initiator := tampered(t, a, b, wire.TypeDHPart1, weak)
				wantCode(t, l.wantFailed(initiator), wire.CodeBadPublicValue)
				if slices.Contains(initiator.types(), wire.TypeDHPart2) {
					t.Error("DHPart2 was sent")
				}
				testWeakInitiator(t, a, b, value)
			})
		}
	}
}

func testWeakInitiator(t *testing.T, a, b Config, value []byte) {
	l := newLink(t, a, b)
	for _, e := range []*end{l.a, l.b} { // whoever becomes initiator
		e.Start(l.now)
		e.x.suite = e.offer.choose(e.offer)
		e.x.kaFor, e.x.ka = e.x.suite, weakHalf(value)
		l.drain(e)
	}
	// The responder draws a value of its own, not to be caught first.
	l.tamper(wire.TypeDHPart1, func(from *end, msg []byte) []byte {
		d, _ := wire.ParseDHPart(msg)
		good, err := newKeyAgreement(from.x.suite, testRand(9))
		if err != nil {
			t.Fatal(err)
		}
		from.x.ka = good
		d.PublicValue = good.public()
		sealed := seal(d.Append(nil), from.chain.h0)
		from.x.dhPart1 = sealed
		return sealed
	})
	l.run(5 * time.Second)
	responder := l.a
	if l.a.x.role == Initiator {
		responder = l.b
	}
	wantCode(t, l.wantFailed(responder), wire.CodeBadPublicValue)
	if slices.Contains(responder.types(), wire.TypeConfirm1) {
		t.Error("Confirm1 was sent")
	}
}

// A public value that is fixed.
type weakHalf []byte

func (w weakHalf) public() []byte                     { return w }
func (w weakHalf) agree([]byte) (secret.Bytes, error) { return secret.Copy(w), nil }
func (w weakHalf) wipe()                              {}

// A public value of the wrong length, from the peer.
func TestPublicValueLength(t *testing.T) {
	a, b := configs()
	for _, n := range []int{4, 28, 36, 384} {
		l, initiator := tampered(t, a, b, wire.TypeDHPart1, changeDHPart(t, func(d *wire.DHPart) {
			d.PublicValue = make([]byte, n)
		}))
		wantCode(t, l.wantFailed(initiator), wire.CodeMalformed)
	}
}

// changeCommit changes a Commit and seals it again.
func changeCommit(t *testing.T, change func(c *wire.Commit)) func(*end, []byte) []byte {
	return func(from *end, msg []byte) []byte {
		c, err := wire.ParseCommit(msg)
		if err != nil {
			t.Fatal(err)
		}
		change(&c)
		return seal(c.Append(nil), from.chain.h1)
	}
}

// Attack A19: an algorithm that was not offered: Error 0x51 to 0x55.
func TestCommitChoosesTheUnoffered(t *testing.T) {
	for code, change := range map[wire.ErrorCode]func(c *wire.Commit){
		wire.CodeHash:         func(c *wire.Commit) { c.Hash = "N256" },
		wire.CodeCipher:       func(c *wire.Commit) { c.Cipher = "2FS3" },
		wire.CodeKeyAgreement: func(c *wire.Commit) { c.KeyAgreement, c.PublicKey = "DH2k", nil },
		wire.CodeAuthTag:      func(c *wire.Commit) { c.AuthTag = "SK64" },
		wire.CodeSAS:          func(c *wire.Commit) { c.SAS = "B10D" },
		wire.CodeHelloMismatch: func(c *wire.Commit) { // Section 5.4: the ZID of the Hello
			c.ZID[0] ^= 1
		},
		wire.CodeNoSharedSecret: func(c *wire.Commit) { // Section 4.4.3.1: no session key
			c.KeyAgreement = wire.Mult
		},
	} {
		a, b := configs()
		l := newLink(t, a, b)
		l.tamper(wire.TypeCommit, changeCommit(t, func(c *wire.Commit) {
			change(c)
			c.HVI[0] = 0xff // prevails
		}))
		l.start()
		l.run(time.Second)
		wantCode(t, l.wantFailed(l.a), code)
		wantCode(t, l.wantFailed(l.b), code)
	}
}

// A choice within the implied algorithms only counts if it was offered: S384 is
// not, where the configuration names S256 alone.
func TestCommitChoosesTheUnconfigured(t *testing.T) {
	a, b := configs()
	a.Algorithms = Algorithms{Hashes: []string{"S256"}, KeyAgreements: []string{"DH3k"}}
	l := newLink(t, a, b)
	l.tamper(wire.TypeCommit, changeCommit(t, func(c *wire.Commit) { c.KeyAgreement, c.HVI[0] = wire.X255, 0xff }))
	l.start()
	l.run(time.Second)
	wantCode(t, l.wantFailed(l.a), wire.CodeKeyAgreement)
}

// Section 4.2: a Preshared Commit is discarded, and the DH Commit proceeds.
func TestPresharedCommitIsDiscarded(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.tamper(wire.TypeCommit, func(from *end, msg []byte) []byte {
		if from != l.b {
			return msg
		}
		return changeCommit(t, func(c *wire.Commit) {
			c.KeyAgreement = wire.Prsh
			c.Nonce = [16]byte(bytes.Repeat([]byte{0xff}, 16))
		})(from, msg)
	})
	l.start()
	l.run(100 * ms)
	if count[Failed](l.a) > 0 || l.a.state == stateDHPart1 {
		t.Errorf("took it: %s", l.a.story())
	}
}

// Section 8.1.1 (attack A22): the MAC of a Hello is checked when its key comes
// out, and a wrong one is a security exception, never a random error.
func TestHelloMAC(t *testing.T) {
	a, b := configs()
	l, victim := tampered(t, a, b, wire.TypeHello, func(_ *end, msg []byte) []byte { msg[len(msg)-1] ^= 1; return msg })
	f := l.wantFailed(victim)
	wantCode(t, f, wire.CodeHelloMismatch)
	if !errors.Is(f.Err, ErrMessageMAC) {
		t.Errorf("failed with %v, want ErrMessageMAC", f.Err)
	}
}

// Attacks A17 and A18: the initiator's Hello is in no hash of version 1.10. An
// attacker in the middle who learns H2 early can strip it of its strong
// algorithms under a good MAC. The initiator still chooses from the true Hello of
// the responder; and who commits on the false one chooses too little, or breaks
// its own commitment. Of two Karats' calls none comes through, whoever commits;
// in classical ones the false Hello of an initiator does no harm, and shows in
// nothing.
func TestStrippedHello(t *testing.T) {
	testStrippedHello(t, withoutKEM(), wire.CodeBadCommitment, 2)
	testStrippedHello(t, DefaultAlgorithms(), wire.CodeKeyAgreement, 1)
	// With the hash in signalling it does not get that far.
	a, b := configs()
	l := newLink(t, a, b)
	l.b.ExpectHello([]string{l.a.HelloHash()})
	l.tamper(wire.TypeHello, func(from *end, msg []byte) []byte { msg[len(msg)-9] ^= 1; return msg })
	l.start()
	l.run(5 * time.Second)
	if f := l.wantFailed(l.b); !errors.Is(f.Err, ErrHelloHash) {
		t.Errorf("failed with %v", f.Err)
	}
}

func testStrippedHello(t *testing.T, offered Algorithms, code wire.ErrorCode, wantOutcomes int) {
	t.Helper()
	outcomes := map[bool]int{}
	for seed := range byte(16) {
		a, b := configs()
		a.Rand, a.Algorithms, b.Algorithms = testRand(seed), offered, offered
		l := newLink(t, a, b)
		l.tamper(wire.TypeHello, func(from *end, msg []byte) []byte {
			if from != l.a {
				return msg
			}
			h, _ := wire.ParseHello(msg)
			h.KeyAgreements, h.Hashes, h.Ciphers = []wire.Algorithm{wire.DH3k}, nil, nil
			return seal(h.Append(nil), from.chain.h2)
		})
		l.start()
		l.run(5 * time.Second)
		s, secure := find[Secure](l.a)
		outcomes[secure]++
		if secure && (s.KeyAgreement != "X255" || s.Hash != "S384" || s.Cipher != "AES3") {
			t.Errorf("brought down to %+v", s)
		}
		if !secure {
			wantCode(t, l.wantFailed(l.a), code)
		}
	}
	if len(outcomes) != wantOutcomes || outcomes[false] == 0 {
		t.Errorf("outcomes of 16 calls: %v", outcomes)
	}
}

// The same, where only the MAC tells: the sender itself made it wrong.
func TestLateMACOfASenderWhoLies(t *testing.T) {
	for _, lie := range []struct {
		typ  wire.Type
		do   func(e *end)
		code wire.ErrorCode
	}{
		{wire.TypeCommit, func(e *end) { e.x.commit[len(e.x.commit)-1] ^= 1 }, wire.CodeBadCommitment},
		{wire.TypeDHPart1, func(e *end) { e.x.dhPart1[len(e.x.dhPart1)-1] ^= 1 }, wire.CodeBadConfirmMAC},
	} {
		a, b := classicalConfigs()
		l := newLink(t, a, b)
		var victim *end
		l.filter = func(from *end, _ int, pkt []byte) []arrival {
			if messageType(pkt) == lie.typ {
				lie.do(from)
				p, _ := wire.ParsePacket(pkt)
				p.Message = bytes.Clone(p.Message)
				p.Message[len(p.Message)-1] ^= 1
				pkt = wire.AppendPacket(nil, p)
			}
			return []arrival{{pkt: pkt}}
		}
		l.start()
		l.run(5 * time.Second)
		for _, e := range []*end{l.a, l.b} {
			if f, ok := find[Failed](e); ok && !f.ByPeer && errors.Is(f.Err, ErrMessageMAC) {
				victim = e
				wantCode(t, f, lie.code)
			}
		}
		if victim == nil {
			t.Errorf("%s: nobody noticed\n%s\n%s", lie.typ, l.a.story(), l.b.story())
		}
	}
}

// Attack A23 and Section 4.6: a Confirm changed on its way is Error 0x70, and
// there are no keys.
func TestConfirmChanged(t *testing.T) {
	a, b := configs()
	for _, typ := range []wire.Type{wire.TypeConfirm1, wire.TypeConfirm2} {
		for at := 12; at < 76; at += 3 { // MAC, IV, H0, flags, expiry
			l, victim := tampered(t, a, b, typ, func(_ *end, msg []byte) []byte { msg[at] ^= 0x10; return msg })
			if typ == wire.TypeConfirm2 || at < 20 || at >= 52 {
				wantCode(t, l.wantFailed(victim), wire.CodeBadConfirmMAC)
			} else {
				l.wantFailed(victim)
			}
		}
	}
}

// Section 9 (attacks A20, A22): messages from strangers who know the SSRC, but
// not the hash chain, by the thousand, beside a true exchange.
func TestBogusFlood(t *testing.T) {
	for seed := range byte(8) {
		a, b := configs()
		a.Rand = testRand(seed)
		l := newLink(t, a, b)
		l.delay = 20 * ms
		hello := parseHello(t, l.b.Session)
		l.filter = func(from *end, n int, pkt []byte) []arrival {
			if n > 2 { // else answers to the flood would bring more of it
				return []arrival{{pkt: pkt}}
			}
			arrivals := []arrival{}
			for i := range 100 {
				at := time.Duration(i) * ms
				for _, m := range bogus(hello, byte(i)) {
					arrivals = append(arrivals, arrival{packet(from.cfg.SSRC, m), at})
				}
			}
			return append(arrivals, arrival{pkt: pkt})
		}
		l.a.ExpectHello([]string{l.b.HelloHash()})
		l.b.ExpectHello([]string{l.a.HelloHash()})
		l.start()
		l.run(20 * time.Second)
		l.wantSecure()
		if n := len(l.a.sent) + len(l.b.sent); n > 20_000 {
			t.Errorf("%d packets sent", n)
		}
	}
}

// bogus are messages that anyone could send.
func bogus(hello wire.Hello, i byte) []wire.Message {
	hello.H3[0] ^= i | 1
	return []wire.Message{
		hello,
		wire.Commit{KeyAgreement: wire.X255, Hash: wire.S256, Cipher: wire.AES1, AuthTag: wire.HS32, SAS: wire.B32, H2: [32]byte{i}},
		wire.DHPart{Part: 1, H1: [32]byte{i}, PublicValue: make([]byte, 32)},
		wire.DHPart{Part: 2, H1: [32]byte{i}, PublicValue: make([]byte, 32)},
		wire.Confirm{Part: 1, Encrypted: bytes.Repeat([]byte{i}, 40)},
		wire.Confirm{Part: 2, Encrypted: bytes.Repeat([]byte{i}, 40)},
		wire.Error{Code: wire.ErrorCode(i)},
		wire.ErrorACK{},
		wire.ClearACK{},
		wire.RelayACK{},
		wire.Raw{Preamble: 0x505a, Length: 3, Type: "Nonsense"},
		wire.Raw{Preamble: 0x505a, Length: 99, Type: wire.TypeDHPart1},
	}
}

// Section 9: an initiator that got no Commit checks the responder's Hello when
// DHPart1 reveals H1.
func TestResponderHelloMAC(t *testing.T) {
	for seed := range byte(64) {
		a, b := configs()
		a.Rand = testRand(seed)
		l := newLink(t, a, b)
		l.a.hello[len(l.a.hello)-1] ^= 1 // its own record too, so that all hashes agree
		l.filter = func(from *end, _ int, pkt []byte) []arrival {
			if from == l.a && messageType(pkt) == wire.TypeCommit {
				return nil
			}
			return []arrival{{pkt: pkt}}
		}
		l.start()
		l.run(100 * ms)
		if l.a.x.role != Responder {
			continue // a's hvi was the higher, and its Commit got lost
		}
		f := l.wantFailed(l.b)
		wantCode(t, f, wire.CodeHelloMismatch)
		if !errors.Is(f.Err, ErrMessageMAC) {
			t.Errorf("failed with %v, want ErrMessageMAC", f.Err)
		}
		return
	}
	t.Fatal("a never became responder")
}

// Section 9: a wrong H0 is no use, even under a good MAC.
func TestWrongH0(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.tamper(wire.TypeDHPart2, func(from *end, msg []byte) []byte {
		l.other(from).chain.h0[0] ^= 1 // after its DHPart1 was sealed
		return msg
	})
	l.start()
	l.run(100 * ms)
	initiator := l.a
	if l.b.x.role == Initiator {
		initiator = l.b
	}
	f := l.wantFailed(initiator)
	wantCode(t, f, wire.CodeBadConfirmMAC)
	if errors.Is(f.Err, ErrMessageMAC) {
		t.Errorf("blamed on the DHPart: %v", f.Err)
	}
}

// A Confirm whose H0 proves that the peer made it, with a wrong MAC, needs no
// doubt; one that proves nothing does.
func TestConfirmMACDoubt(t *testing.T) {
	for at, atOnce := range map[int]bool{12: true, 40: false} { // the MAC, and H0
		a, b := configs()
		l := newLink(t, a, b)
		var victim *end
		l.tamper(wire.TypeConfirm1, func(from *end, msg []byte) []byte {
			victim = l.other(from)
			msg[at] ^= 1
			return msg
		})
		l.start()
		l.run(100 * ms)
		if got := count[Failed](victim) > 0; got != atOnce {
			t.Errorf("octet %d changed: failed at once is %v, want %v", at, got, atOnce)
		}
		l.run(2 * time.Second)
		wantCode(t, l.wantFailed(victim), wire.CodeBadConfirmMAC)
	}
}
