package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp"
	"karat/zrtp/wire"
)

// M is in the middle between two of Karat's engines, A and B. Here it passes their
// messages on, changed; with a leg to each it talks to both in its own name.

// victim is one of the two ends, and what it told its owner.
type victim struct {
	*zrtp.Session
	ssrc    uint32
	keys    *zrtp.Keys
	secure  *zrtp.Secure
	failed  *zrtp.Failed
	alarmed bool
}

// begin is when every attack begins.
var begin = time.Unix(1_800_000_000, 0)

func newVictim(t *testing.T, name byte, change func(*zrtp.Config)) *victim {
	t.Helper()
	cfg := zrtp.Config{
		ZID: zrtp.ZID{name}, SSRC: uint32(name) << 24, Expiry: zrtp.ExpiryNever,
		Retained: func(zrtp.ZID) (zrtp.Retained, bool) { return zrtp.Retained{}, false },
	}
	if change != nil {
		change(&cfg)
	}
	s, err := zrtp.NewSession(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &victim{Session: s, ssrc: cfg.SSRC}
}

// hear takes the events.
func (v *victim) hear() {
	for e, ok := v.NextEvent(); ok; e, ok = v.NextEvent() {
		switch e := e.(type) {
		case zrtp.KeysAgreed:
			v.keys = &e.Keys
		case zrtp.Secure:
			v.secure = &e
		case zrtp.Failed:
			v.failed = &e
		case zrtp.Mismatch:
			v.alarmed = true
		}
	}
}

// said are its packets.
func (v *victim) said() (pkts [][]byte) {
	v.hear()
	for pkt, ok := v.NextPacket(); ok; pkt, ok = v.NextPacket() {
		pkts = append(pkts, pkt)
	}
	return pkts
}

// code is what it called the fault; 0 if it found none by itself.
func (v *victim) code() uint32 {
	var fault *zrtp.ProtocolError
	if v.failed == nil || v.failed.ByPeer || !errors.As(v.failed.Err, &fault) {
		return 0
	}
	return fault.Code
}

// relay passes messages between two victims.
type relay struct {
	ends   [2]*victim
	pieces [2]wire.Reassembly
	// change says what arrives at the other end instead of a message; nil: as it is.
	change func(from int, msg []byte) [][]byte
	now    time.Time
}

func newRelay(a, b *victim) *relay { return &relay{ends: [2]*victim{a, b}, now: begin} }

// run lets a minute pass.
func (r *relay) run() {
	for _, v := range r.ends {
		v.Start(r.now)
	}
	for end := r.now.Add(time.Minute); r.now.Before(end); r.now = r.now.Add(10 * time.Millisecond) {
		for range 20 { // until nobody has anything to say
			for i := range r.ends {
				r.carry(i)
			}
		}
		for _, v := range r.ends {
			v.Advance(r.now)
		}
	}
	for _, v := range r.ends {
		v.hear()
	}
}

func (r *relay) carry(from int) {
	for _, pkt := range r.ends[from].said() {
		p, err := wire.ParsePacket(pkt)
		if err != nil {
			continue
		}
		if f, ok := p.Fragment(); ok {
			p.Message = r.pieces[from].Add(r.now, f)
		}
		if p.Message == nil {
			continue
		}
		arriving := [][]byte{bytes.Clone(p.Message)}
		if r.change != nil {
			arriving = r.change(from, arriving[0])
		}
		for _, msg := range arriving {
			r.give(1-from, r.ends[from].ssrc, msg)
		}
	}
}

// give lets a message arrive.
func (r *relay) give(to int, ssrc uint32, msg []byte) {
	var id [2]byte
	_, _ = rand.Read(id[:])
	pieces := wire.Split(binary.BigEndian.Uint16(id[:]), msg)
	for _, f := range pieces {
		r.ends[to].Receive(r.now, wire.AppendPacket(nil, wire.Packet{Unused: wire.FragmentMark, SSRC: ssrc, Message: f.Append(nil)}))
	}
	if pieces == nil {
		r.ends[to].Receive(r.now, wire.AppendPacket(nil, wire.Packet{SSRC: ssrc, Message: msg}))
	}
}

// leg is one of two exchanges in which M is the peer of a victim, in its own name.
type leg struct {
	t      *testing.T
	victim *victim
	now    time.Time
	zid    [12]byte
	ssrc   uint32
	chain  keys.Chain
	suite  keys.Suite
	half   keys.Half

	hello, theirHello         []byte
	commit, theirCommit       []byte
	dhPart1, dhPart2          []byte
	theirDHPart, theirConfirm []byte
	dhResult                  []byte
	keys                      *keys.Keys
}

// legSuite is what M offers: any other would do.
var legSuite = keys.Suite{Hash: wire.S256, Cipher: wire.AES1, AuthTag: wire.HS32, KeyAgreement: wire.X255, SAS: wire.B256}

// legAlgorithms has a victim offer the same.
func legAlgorithms(c *zrtp.Config) {
	c.Algorithms = zrtp.Algorithms{
		KeyAgreements: []string{"X255"}, Hashes: []string{"S256"}, Ciphers: []string{"AES1"},
		AuthTags: []string{"HS32"}, SASTypes: []string{"B256"},
	}
}

func newLeg(t *testing.T, v *victim, zid byte) *leg {
	t.Helper()
	half, err := keys.NewHalf(legSuite.KeyAgreement)
	if err != nil {
		t.Fatal(err)
	}
	l := &leg{t: t, victim: v, now: begin, zid: [12]byte{zid}, ssrc: 0x4d << 24, chain: keys.NewChain(), suite: legSuite, half: half}
	l.hello = keys.Seal(wire.Hello{
		Version: "1.10", Client: [16]byte([]byte("                ")), ZID: l.zid, H3: l.chain.H3,
		Hashes: []wire.Algorithm{wire.S256}, Ciphers: []wire.Algorithm{wire.AES1}, AuthTags: []wire.Algorithm{wire.HS32},
		KeyAgreements: []wire.Algorithm{wire.X255}, SASTypes: []wire.Algorithm{wire.B256},
	}.Append(nil), l.chain.H2)
	v.Start(l.now)
	l.say(nil)
	l.say(wire.HelloACK{}.Append(nil))
	l.say(l.hello)
	return l
}

// say sends a message, and takes what the victim answers.
func (l *leg) say(msg []byte) {
	if msg != nil {
		l.victim.Receive(l.now, wire.AppendPacket(nil, wire.Packet{SSRC: l.ssrc, Message: msg}))
	}
	for _, pkt := range l.victim.said() {
		p, err := wire.ParsePacket(pkt)
		if err != nil {
			continue
		}
		into := map[wire.Type]*[]byte{
			wire.TypeHello: &l.theirHello, wire.TypeCommit: &l.theirCommit, wire.TypeDHPart1: &l.theirDHPart,
			wire.TypeDHPart2: &l.theirDHPart, wire.TypeConfirm1: &l.theirConfirm, wire.TypeConfirm2: &l.theirConfirm,
		}[wire.TypeOf(p.Message)]
		if into != nil {
			*into = bytes.Clone(p.Message)
		}
	}
}

// wait lets time pass.
func (l *leg) wait(d time.Duration) {
	for end := l.now.Add(d); l.now.Before(end); l.now = l.now.Add(10 * time.Millisecond) {
		l.victim.Advance(l.now)
		l.say(nil)
	}
}

// ids are random: M shares no secret.
func (l *leg) dhPart(part int) wire.DHPart {
	d := wire.DHPart{Part: part, H1: l.chain.H1, PublicValue: l.half.Public()}
	for _, id := range []*[8]byte{&d.RS1ID, &d.RS2ID, &d.AuxID, &d.PBXID} {
		_, _ = rand.Read(id[:])
	}
	return d
}

// respond answers the victim's Commit: from then on its SAS is known.
func (l *leg) respond() {
	l.dhPart1 = keys.Seal(l.dhPart(1).Append(nil), l.chain.H0)
	l.say(l.dhPart1)
	l.keys = l.derive(l.theirCommit, l.dhPart1, l.theirDHPart)
}

// initiate sends a Commit that commits to nothing, and that the victim must give
// in to; it answers with its DHPart1.
func (l *leg) initiate() {
	c := wire.Commit{
		H2: l.chain.H2, ZID: l.zid, Hash: l.suite.Hash, Cipher: l.suite.Cipher,
		AuthTag: l.suite.AuthTag, KeyAgreement: l.suite.KeyAgreement, SAS: l.suite.SAS,
	}
	for i := range c.HVI {
		c.HVI[i] = 0xff
	}
	l.commit = keys.Seal(c.Append(nil), l.chain.H1)
	l.say(l.commit)
}

// derive is what the exchange comes to.
func (l *leg) derive(commit, dhPart1, dhPart2 []byte) *keys.Keys {
	d, err := wire.ParseDHPart(l.theirDHPart)
	if err != nil {
		l.t.Fatal(err)
	}
	hello, err := wire.ParseHello(l.theirHello)
	if err != nil {
		l.t.Fatal(err)
	}
	x := keys.Exchange{
		Suite: l.suite, Commit: commit, DHPart1: dhPart1, DHPart2: dhPart2,
		InitiatorZID: l.zid, ResponderZID: hello.ZID, ResponderHello: l.theirHello,
	}
	if l.dhPart1 != nil { // M is responder
		x.InitiatorZID, x.ResponderZID, x.ResponderHello = hello.ZID, l.zid, l.hello
	}
	if l.dhResult == nil { // once for all tries
		if l.dhResult, err = l.half.Agree(d.PublicValue); err != nil {
			l.t.Fatal(err)
		}
	}
	x.DHResult = l.dhResult
	return x.Keys()
}

// sasBits of the sasvalue are shown as two words.
const sasBits = 16

// grind looks for a DHPart2 with which the victim shows the same words as the one
// on the other leg: an id changes total_hash, and so the SAS, and costs no
// Diffie-Hellman.
func (l *leg) grind(want uint32) (tries int) {
	d := l.dhPart(2)
	for tries = 1; tries < 1<<22; tries++ {
		binary.BigEndian.PutUint32(d.AuxID[:], uint32(tries))
		l.dhPart2 = keys.Seal(d.Append(nil), l.chain.H0)
		l.keys = l.derive(l.commit, l.theirDHPart, l.dhPart2)
		if l.keys.SAS>>(32-sasBits) == want>>(32-sasBits) {
			return tries
		}
	}
	l.t.Fatal("no DHPart2 gives the same words")
	return 0
}

// confirm sends M's Confirm.
func (l *leg) confirm(r keys.Role) {
	l.say(l.keys.Confirm(r, wire.Confirmed{H0: l.chain.H0, Expiry: wire.ExpiryNever}).Append(nil))
}

// finish ends a leg in which M is responder.
func (l *leg) finish() {
	l.confirm(keys.Responder)
	l.say(wire.Conf2ACK{}.Append(nil))
	l.wait(5 * time.Second)
}

// bothLegs puts M between two victims as both their peers, and has it try for equal
// words if it may. It returns the two.
func bothLegs(t *testing.T, changeA, changeB func(*zrtp.Config), zidForA, zidForB byte, brute bool) (a, b *victim) {
	t.Helper()
	a, b = newVictim(t, 'a', changeA), newVictim(t, 'b', changeB)
	toA, toB := newLeg(t, a, zidForA), newLeg(t, b, zidForB)
	toA.respond()
	if brute {
		toB.initiate()
		t.Logf("%d tries for the words that A shows", toB.grind(toA.keys.SAS))
		toB.say(toB.dhPart2)
		if toB.theirConfirm != nil {
			toB.confirm(keys.Initiator)
		}
		toB.wait(5 * time.Second)
	} else {
		toB.respond()
		toB.finish()
	}
	toA.finish()
	return a, b
}

// bruteVariable tells TestBruteForce that the engine is one without the check.
const bruteVariable = "ZRTPSPEC_NO_HVI_CHECK"

// wordsEqual tells whether M has what it wants: both say that they are secure, and
// their users would read the same words to each other.
func wordsEqual(a, b *victim) bool {
	return a.secure != nil && b.secure != nil && a.secure.SAS == b.secure.SAS
}

// sameKeys tells whether two ends have the same keys, so that nobody is between.
func sameKeys(a, b *victim) bool {
	return a.keys != nil && b.keys != nil && a.keys.Send.Key.Equal(b.keys.Receive.Key) && b.keys.Send.Key.Equal(a.keys.Receive.Key)
}

func (v *victim) String() string {
	switch {
	case v.secure != nil && v.alarmed:
		return "keys, with the alarm for a mismatch"
	case v.secure != nil:
		return "secure"
	case v.failed != nil && v.failed.ByPeer:
		return "ends: the other end sent an Error"
	case v.failed != nil:
		return fmt.Sprintf("ends with Error 0x%02x", v.code())
	}
	return "no keys"
}
