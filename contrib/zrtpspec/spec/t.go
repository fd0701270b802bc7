package spec

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"karat/contrib/zrtpspec/keys"
	"karat/zrtp/wire"
)

const (
	// patience is how long T waits for what must come. It is longer than a phone
	// may doubt a fault that anyone could have sent.
	patience = 3 * time.Second
	// helloPause is between T's Hellos.
	helloPause = 100 * time.Millisecond
	// commitPause is how long T lets P commit first.
	commitPause = 500 * time.Millisecond
)

// T is the tester's end of a case: it plays P's peer.
type T struct {
	phone   Phone
	call    Call
	options Options
	can     Ability
	trace   []string
	note    string
	silent  bool // P ended an exchange without a word

	// What lasts over the calls of one case.
	zid    [12]byte
	memory memory
	// streams are the further ones of this call.
	streams []*T

	session
}

// memory is what T keeps about P.
type memory struct{ rs1, rs2 []byte }

// session is one call.
type session struct {
	began    time.Time
	ssrc     uint32
	sequence uint16
	chain    keys.Chain
	// hello is T's and may be changed before Meet; unannounced keeps its hash
	// from signalling.
	hello       wire.Hello
	helloRaw    []byte
	unannounced bool
	announce    []string // instead of the hash of hello
	deaf        bool     // no HelloACK for P's Hellos

	role  keys.Role
	suite keys.Suite
	half  keys.Half
	// draft changes T's DHPart before it is committed to and sealed, spoil is a
	// message whose MAC T gets wrong, and lower makes T's Commit lose.
	draft func(*wire.DHPart)
	spoil wire.Type
	lower bool
	// choice changes T's Commit before it is sealed.
	choice func(*wire.Commit)

	commit, dhPart1, dhPart2, confirm []byte
	keys                              *keys.Keys
	matched                           bool
	confirmed                         wire.Confirmed // T's own
	media                             *media

	peer peer
	log  []message
}

// peer is what T has learned of P.
type peer struct {
	ssrc      uint32
	hello     wire.Hello
	raw       []byte
	acked     bool
	ours      []byte // P's own Commit, even if it lost
	dhPart    wire.DHPart
	confirmed wire.Confirmed
}

// message is one that P sent.
type message struct {
	at     time.Time
	typ    wire.Type
	raw    []byte
	packet wire.Packet
}

func newT(p Phone, o Options, can Ability) *T {
	t := &T{phone: p, options: o, can: can}
	_, _ = rand.Read(t.zid[:])
	t.fresh()
	return t
}

// fresh prepares the next call.
func (t *T) fresh() {
	var b [6]byte
	_, _ = rand.Read(b[:])
	t.session = session{
		began:    time.Now(),
		ssrc:     binary.BigEndian.Uint32(b[:]),
		sequence: binary.BigEndian.Uint16(b[4:]),
		chain:    keys.NewChain(),
	}
	t.confirmed = wire.Confirmed{Expiry: wire.ExpiryNever}
	t.hello = wire.Hello{
		Version:       "1.10",
		Client:        [16]byte([]byte("zrtpspec        ")),
		ZID:           t.zid,
		Hashes:        []wire.Algorithm{wire.S256, wire.S384},
		Ciphers:       []wire.Algorithm{wire.AES1, wire.AES3},
		AuthTags:      []wire.Algorithm{wire.HS32, wire.HS80},
		KeyAgreements: keys.Agreements(),
		SASTypes:      []wire.Algorithm{wire.B32},
	}
}

// Recall hangs up and prepares another call of the same T.
func (t *T) Recall() {
	t.hangup()
	t.fresh()
	t.say("-- another call")
}

func (t *T) hangup() {
	for _, u := range t.streams {
		u.hangup()
		t.trace = append(t.trace, u.trace...)
	}
	t.streams = nil
	if t.call != nil {
		t.call.Hangup()
		t.call = nil
	}
}

// dial begins the call, with T's Hello announced.
func (t *T) dial() {
	if t.call != nil {
		return
	}
	t.hello.H3 = t.chain.H3
	t.helloRaw = t.seal(t.hello.Append(nil), t.chain.H2)
	if t.announce == nil && !t.unannounced {
		t.announce = []string{HelloHash("1.10", t.helloRaw)}
	}
	var err error
	if t.call, err = t.phone.Call(t.announce); err != nil {
		t.Fail("no call: %v", err)
	}
	t.began = time.Now()
}

// HelloHash is a value of a=zrtp-hash (RFC 6189, Section 8.1).
func HelloHash(version string, hello []byte) string {
	sum := keys.Hash(hello)
	return version + " " + hex.EncodeToString(sum[:])
}

// seal writes the MAC of a message, wrong when it is the one to spoil.
func (t *T) seal(msg []byte, key [32]byte) []byte {
	if wire.TypeOf(msg) == t.spoil {
		key[0] ^= 1
	}
	return keys.Seal(msg, key)
}

// send sends a message in a packet of its own.
func (t *T) send(msg []byte) {
	t.sendPacket(wire.Packet{Message: msg})
}

// sendPacket sends a packet, with number and SSRC filled in.
func (t *T) sendPacket(p wire.Packet) {
	p.Sequence = t.sequence
	if p.SSRC == 0 {
		p.SSRC = t.ssrc
	}
	t.sequence++
	t.sendRaw(wire.AppendPacket(nil, p), describe(p.Message))
}

// sendRaw sends octets.
func (t *T) sendRaw(b []byte, what string) {
	t.dial()
	t.say("T -> P  %s", what)
	if err := t.call.Send(b); err != nil {
		t.Fail("sending failed: %v", err)
	}
}

// receive takes what comes within a while: a ZRTP message of P's. It answers
// P's Hello, and acknowledges its Error.
func (t *T) receive(wait time.Duration) (message, bool) {
	t.dial()
	until := time.Now().Add(wait)
	for {
		b := t.call.Receive(time.Until(until))
		if len(b) == 0 {
			return message{}, false
		}
		p, err := wire.ParsePacket(b)
		switch {
		case err == nil:
			return t.sort(p), true
		case isRTP(b):
			t.heard(b)
		case b[0] < 4:
			t.say("P -> T  STUN")
		default:
			t.say("P -> T  %d octets that are neither ZRTP nor RTP: %v", len(b), err)
		}
	}
}

// sort notes a message.
func (t *T) sort(p wire.Packet) message {
	p.Message = bytes.Clone(p.Message)
	m := message{time.Now(), wire.TypeOf(p.Message), p.Message, p}
	t.log = append(t.log, m)
	t.say("P -> T  %s", describe(p.Message))
	switch m.typ {
	case wire.TypeHello:
		t.sortHello(m)
	case wire.TypeHelloACK:
		t.peer.acked = true
	case wire.TypeCommit:
		t.peer.acked = true
		t.peer.ours = m.raw
	case wire.TypeError:
		t.send(wire.ErrorACK{}.Append(nil))
	default:
	}
	return m
}

func (t *T) sortHello(m message) {
	if h, err := wire.ParseHello(m.raw); err == nil && t.peer.raw == nil {
		t.peer.ssrc, t.peer.hello, t.peer.raw = m.packet.SSRC, h, m.raw
	}
	if !t.deaf {
		t.send(wire.HelloACK{}.Append(nil))
	}
}

// await waits for one of several types. An Error instead ends the case.
func (t *T) await(wait time.Duration, types ...wire.Type) message {
	until := time.Now().Add(wait)
	for {
		m, ok := t.receive(time.Until(until))
		switch {
		case !ok:
			t.Fail("no %s came within %v", join(types), wait)
		case slices.Contains(types, m.typ):
			if m.typ == wire.TypeHello && t.peer.raw == nil {
				t.Fail("P's Hello cannot be read: %s", describe(m.raw))
			}
			return m
		case m.typ == wire.TypeError:
			t.Fail("instead of %s came %s", join(types), describe(m.raw))
		}
	}
}

// Idle lets time pass and takes what comes.
func (t *T) Idle(d time.Duration) {
	until := time.Now().Add(d)
	for {
		if _, ok := t.receive(time.Until(until)); !ok {
			return
		}
	}
}

// say adds a line to the trace.
func (t *T) say(format string, args ...any) {
	const longest = 2000 // a flood fills no disk
	if len(t.trace) < longest {
		line := fmt.Sprintf(format, args...)
		t.trace = append(t.trace, fmt.Sprintf("%8.3f  %s", time.Since(t.began).Seconds(), line))
	}
}

// Fail ends the case: P broke the rule.
func (t *T) Fail(format string, args ...any) {
	panic(ended{Fail, fmt.Sprintf(format, args...)})
}

// NotApplicable ends the case: this P does not do what the rule speaks of.
func (t *T) NotApplicable(format string, args ...any) {
	panic(ended{Inapplicable, fmt.Sprintf(format, args...)})
}

// describe names a message for the trace.
func describe(msg []byte) string {
	name := string(bytes.TrimRight([]byte(wire.TypeOf(msg)), " "))
	parsed, err := wire.Parse(msg)
	if err != nil {
		return fmt.Sprintf("%s (%v)", name, err)
	}
	switch m := parsed.(type) {
	case wire.Hello:
		return fmt.Sprintf("Hello %q", m.Version)
	case wire.Commit:
		return fmt.Sprintf("Commit %s %s %s %s %s", m.KeyAgreement, m.Hash, m.Cipher, m.AuthTag, m.SAS)
	case wire.Error:
		return fmt.Sprintf("Error 0x%x (%v)", uint32(m.Code), m.Code)
	}
	return name
}

func join(types []wire.Type) string {
	var b bytes.Buffer
	for i, typ := range types {
		if i > 0 {
			b.WriteString(" or ")
		}
		b.Write(bytes.TrimRight([]byte(typ), " "))
	}
	return b.String()
}
