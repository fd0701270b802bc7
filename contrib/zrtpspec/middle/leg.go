package middle

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

// leg is one of two exchanges in which M is the peer of an end, in its own name.
type leg struct {
	clock Clock
	end   End
	zid   [12]byte
	ssrc  uint32
	sent  uint16
	chain keys.Chain
	half  keys.Half
	hello []byte
	// theirs are the last messages of the end, by their type.
	theirs map[wire.Type][]byte

	commit, dhPart1, dhPart2 []byte
	dhResult                 []byte
	keys                     *keys.Keys
}

// legSuite is what M offers in its own name: any other would do.
var legSuite = keys.Suite{Hash: wire.S256, Cipher: wire.AES1, AuthTag: wire.HS32, KeyAgreement: wire.X255, SAS: wire.B256}

// legOffer has an end offer the same.
var legOffer = Offer{
	KeyAgreements: []string{"X255"}, Hashes: []string{"S256"}, Ciphers: []string{"AES1"},
	AuthTags: []string{"HS32"}, SASTypes: []string{"B256"},
}

// patience is how long M waits for a message.
const patience = 8 * time.Second

// newLeg makes itself known to an end, up to the Hellos.
func newLeg(clock Clock, end End, zid [12]byte) (*leg, error) {
	half, err := keys.NewHalf(legSuite.KeyAgreement)
	if err != nil {
		return nil, err
	}
	l := &leg{
		clock: clock, end: end, zid: zid, ssrc: 0x4d << 24,
		chain: keys.NewChain(), half: half, theirs: map[wire.Type][]byte{},
	}
	l.hello = keys.Seal(wire.Hello{
		Version: "1.10", Client: [16]byte([]byte("                ")), ZID: l.zid, H3: l.chain.H3,
		Hashes: []wire.Algorithm{legSuite.Hash}, Ciphers: []wire.Algorithm{legSuite.Cipher}, AuthTags: []wire.Algorithm{legSuite.AuthTag},
		KeyAgreements: []wire.Algorithm{legSuite.KeyAgreement}, SASTypes: []wire.Algorithm{legSuite.SAS},
	}.Append(nil), l.chain.H2)
	l.end.Start(clock.Now())
	return l, l.await(wire.TypeHello)
}

// say sends a message.
func (l *leg) say(msg []byte) {
	l.sent++
	l.end.Receive(l.clock.Now(), wire.AppendPacket(nil, wire.Packet{Sequence: l.sent, SSRC: l.ssrc, Message: msg}))
}

// hear takes what the end says. A Hello is answered: until the end has M's there is
// nothing else to say.
func (l *leg) hear() {
	for _, pkt := range l.end.Said() {
		p, err := wire.ParsePacket(pkt)
		if err != nil {
			continue
		}
		typ := wire.TypeOf(p.Message)
		l.theirs[typ] = bytes.Clone(p.Message)
		if typ == wire.TypeHello {
			l.say(wire.HelloACK{}.Append(nil))
			l.say(l.hello)
		}
	}
}

// wait lets time pass until over, and tells whether it was in time.
func (l *leg) wait(limit time.Duration, over func() bool) bool {
	for end := l.clock.Now().Add(limit); l.clock.Now().Before(end); l.clock.Tick() {
		l.end.Advance(l.clock.Now())
		for range 3 {
			l.hear()
		}
		if over() {
			return true
		}
	}
	return false
}

// await waits for a message of that type.
func (l *leg) await(typ wire.Type) error {
	if !l.wait(patience, func() bool { return l.theirs[typ] != nil }) {
		return fmt.Errorf("the end sent no %s", strings.TrimSpace(string(typ)))
	}
	return nil
}

// dhPart has ids that are random: M shares no secret.
func (l *leg) dhPart(part int) wire.DHPart {
	d := wire.DHPart{Part: part, H1: l.chain.H1, PublicValue: l.half.Public()}
	for _, id := range []*[8]byte{&d.RS1ID, &d.RS2ID, &d.AuxID, &d.PBXID} {
		_, _ = rand.Read(id[:])
	}
	return d
}

// respond answers the end's Commit: from then on its SAS is known.
func (l *leg) respond() error {
	if err := l.await(wire.TypeCommit); err != nil {
		return err
	}
	l.dhPart1 = keys.Seal(l.dhPart(1).Append(nil), l.chain.H0)
	l.say(l.dhPart1)
	if err := l.await(wire.TypeDHPart2); err != nil {
		return err
	}
	return l.derive(l.theirs[wire.TypeCommit], l.dhPart1, l.theirs[wire.TypeDHPart2])
}

// initiate sends a Commit that commits to nothing, and that the end must give in
// to; it answers with its DHPart1.
func (l *leg) initiate() error {
	c := wire.Commit{
		H2: l.chain.H2, ZID: l.zid, Hash: legSuite.Hash, Cipher: legSuite.Cipher,
		AuthTag: legSuite.AuthTag, KeyAgreement: legSuite.KeyAgreement, SAS: legSuite.SAS,
	}
	for i := range c.HVI {
		c.HVI[i] = 0xff
	}
	l.commit = keys.Seal(c.Append(nil), l.chain.H1)
	l.say(l.commit)
	return l.await(wire.TypeDHPart1)
}

// derive is what the exchange comes to.
func (l *leg) derive(commit, dhPart1, dhPart2 []byte) error {
	asResponder := l.dhPart1 != nil
	hello, err := wire.ParseHello(l.theirs[wire.TypeHello])
	if err != nil {
		return err
	}
	x := keys.Exchange{
		Suite: legSuite, Commit: commit, DHPart1: dhPart1, DHPart2: dhPart2,
		InitiatorZID: l.zid, ResponderZID: hello.ZID, ResponderHello: l.theirs[wire.TypeHello],
	}
	theirs := dhPart1
	if asResponder {
		x.InitiatorZID, x.ResponderZID, x.ResponderHello, theirs = hello.ZID, l.zid, l.hello, dhPart2
	}
	if x.DHResult, err = l.agree(theirs); err != nil {
		return err
	}
	l.keys = x.Keys()
	return nil
}

// agree computes the DHResult, once for all tries.
func (l *leg) agree(dhPart []byte) ([]byte, error) {
	if l.dhResult == nil {
		d, err := wire.ParseDHPart(dhPart)
		if err != nil {
			return nil, err
		}
		if l.dhResult, err = l.half.Agree(d.PublicValue); err != nil {
			return nil, err
		}
	}
	return l.dhResult, nil
}

// sasBits of the sasvalue are shown as two words.
const sasBits = 16

// maxTries is a hundred times what is needed.
const maxTries = 1 << 22

// grind looks for a DHPart2 with which the end shows the same words as the one on
// the other leg: an id changes total_hash, and so the SAS, and costs no
// Diffie-Hellman.
func (l *leg) grind(want uint32) error {
	d := l.dhPart(2)
	for try := range uint32(maxTries) {
		binary.BigEndian.PutUint32(d.AuxID[:], try)
		l.dhPart2 = keys.Seal(d.Append(nil), l.chain.H0)
		if err := l.derive(l.commit, l.theirs[wire.TypeDHPart1], l.dhPart2); err != nil {
			return err
		}
		if l.keys.SAS>>(32-sasBits) == want>>(32-sasBits) {
			return nil
		}
	}
	return errors.New("no DHPart2 gives the same words")
}

// confirm sends M's Confirm.
func (l *leg) confirm(r keys.Role) {
	l.say(l.keys.Confirm(r, wire.Confirmed{H0: l.chain.H0, Expiry: wire.ExpiryNever}).Append(nil))
}

// settle is how long an end has to say what came of a leg.
const settle = 5 * time.Second

// finish ends a leg in which M is responder.
func (l *leg) finish() {
	l.confirm(keys.Responder)
	l.wait(settle, func() bool { return l.theirs[wire.TypeConfirm2] != nil })
	l.say(wire.Conf2ACK{}.Append(nil))
	l.wait(settle, func() bool { return l.end.Fate().Secure })
}

// press ends a leg in which M is initiator and has found its DHPart2.
func (l *leg) press() {
	l.say(l.dhPart2)
	l.wait(settle, func() bool { return l.theirs[wire.TypeConfirm1] != nil || l.theirs[wire.TypeError] != nil })
	if l.theirs[wire.TypeConfirm1] != nil {
		l.confirm(keys.Initiator)
	}
	l.wait(settle, func() bool { return l.end.Fate().Secure })
}
