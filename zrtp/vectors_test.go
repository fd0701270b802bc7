package zrtp

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// vectorsVariable has TestVectors write its files anew.
const vectorsVariable = "ZRTP_VECTORS"

const vectorsDir = "../testdata/zrtp/vectors"

// vectorSeed is that of crypto/rand, which Go's ML-KEM asks by itself.
const vectorSeed = 7

// vector is a transcript with all values between: testdata/zrtp/vectors/README.md
// says what each line means.
type vector struct {
	header [][2]string // in the order of the file
	lines  []vectorLine
}

type vectorLine struct {
	from   string
	at     time.Duration
	packet []byte
	action string // in place of a packet: what the owner of this end asks it to do
}

// What an owner may ask for.
const (
	askGoClear  = "GoClear"
	askGoSecure = "GoSecure"
)

func (v *vector) set(name, value string) { v.header = append(v.header, [2]string{name, value}) }

// replace gives a line that is there another value.
func (v *vector) replace(name, value string) {
	i := slices.IndexFunc(v.header, func(h [2]string) bool { return h[0] == name })
	v.header[i][1] = value
}

func (v *vector) setHex(name string, b []byte) { v.set(name, hex.EncodeToString(b)) }

func (v *vector) get(name string) string {
	for _, h := range v.header {
		if h[0] == name {
			return h[1]
		}
	}
	return ""
}

func (v *vector) bytes(t *testing.T, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.get(name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

func (v *vector) text() string {
	var b strings.Builder
	for _, h := range v.header {
		fmt.Fprintf(&b, "%s: %s\n", h[0], h[1])
	}
	b.WriteString("\n")
	for _, l := range v.lines {
		what := l.action
		if what == "" {
			what = hex.EncodeToString(l.packet)
		}
		fmt.Fprintf(&b, "%s %d %s\n", l.from, l.at.Milliseconds(), what)
	}
	return b.String()
}

func readVector(t *testing.T, path string) *vector {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v := &vector{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ": "); ok {
			v.set(name, value)
			continue
		}
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 {
			continue
		}
		at, err := strconv.Atoi(fields[1])
		line := vectorLine{from: fields[0], at: time.Duration(at) * ms}
		switch fields[2] {
		case askGoClear, askGoSecure:
			line.action = fields[2]
		default:
			var herr error
			line.packet, herr = hex.DecodeString(fields[2])
			err = errors.Join(err, herr)
		}
		if err != nil {
			t.Fatalf("%s: %q", path, lines.Text())
		}
		v.lines = append(v.lines, line)
	}
	return v
}

// recorder notes what a source of random octets gave.
type recorder struct {
	io.Reader
	given []byte
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.given = append(r.given, b[:n]...)
	return n, err
}

// vectorCase is what one file is made from.
type vectorCase struct {
	name, about string
	algorithms  Algorithms
	known       bool // the two share a retained secret
	aux, pbx    bool // and these
	preshared   bool // they have compared their SAS, and use Preshared mode
	announced   bool // of the other end's Hello another one was announced to a
	further     bool // a further stream, in Multistream mode
	allowClear  bool // both users allow GoClear
	// role is that of a, where it matters; it is as a's random octets will have it,
	// which begin with seed.
	role Role
	seed byte
	// prepare is what happens before the start, after what once both are secure.
	prepare func(l *link)
	after   func(t *testing.T, c vectorCase, v *vector, l *link)
	// damage changes packets on their way; the exchange comes to its end all the same.
	damage func(l *link) func(from *end, n int, pkt []byte) []arrival
	// fault changes all messages of a type on their way, as their sender could; nil:
	// there is none. code is what the other end says of it.
	typ   wire.Type
	fault func(from *end, msg []byte) []byte
	code  wire.ErrorCode
}

// config is that of both ends, which the file names.
func (c vectorCase) config(base Config) Config {
	base.Algorithms, base.ReturnPath = c.algorithms, true
	var kept Retained
	if c.known || c.preshared {
		kept.RS1, kept.RS2 = rs(1), rs(2)
	}
	base.Preshared, kept.Verified = c.preshared, c.preshared
	if c.pbx {
		kept.PBXSecret = rs(9)
	}
	if c.known || c.pbx || c.preshared {
		base.Retained = remembers(kept)
	}
	if c.aux {
		base.AuxSecret = vectorAux()
	}
	base.AllowClear, base.Further = c.allowClear, c.further
	return base
}

// vectorAux is the auxsecret, longer than a retained secret.
func vectorAux() secret.Bytes {
	return secret.Own([]byte("an auxsecret may have any length, as this has"))
}

// make runs the exchange and returns its transcript.
func (c vectorCase) make(t *testing.T) *vector {
	t.Helper()
	cryptotest.SetGlobalRandom(t, vectorSeed)
	a, b := configs()
	a, b = c.config(a), c.config(b)
	if c.seed > 0 {
		a.Rand = testRand(c.seed)
	}
	drawn := [2]*recorder{{Reader: a.Rand}, {Reader: b.Rand}}
	a.Rand, b.Rand = drawn[0], drawn[1]
	l := newLink(t, a, b)
	v := &vector{}
	v.set("source", "made by this project's engine (go test ./zrtp -run TestVectors)")
	v.set("about", c.about)
	if c.fault != nil {
		l.tamper(c.typ, c.fault)
	}
	if c.damage != nil {
		l.filter = c.damage(l)
	}
	v.record(l)
	if c.further {
		joinVector(t, l)
	}
	if c.prepare != nil {
		c.prepare(l)
	}
	if c.announced {
		l.a.ExpectHello([]string{version + " " + strings.Repeat("00", 32)})
	}
	l.start()
	if c.code == 0 {
		c.secure(t, v, l, drawn)
	} else {
		c.failed(t, v, l, drawn)
	}
	if c.role != RoleUnknown && c.role != l.a.x.role {
		c.seed++
		return c.make(t)
	}
	if c.after != nil {
		c.after(t, c, v, l)
		for i, e := range []*end{l.a, l.b} {
			v.replace(e.name+"-random", hex.EncodeToString(drawn[i].given))
		}
	}
	return v
}

// record writes down what arrives.
func (v *vector) record(l *link) {
	change := l.filter
	l.filter = func(from *end, n int, pkt []byte) []arrival {
		arrivals := []arrival{{pkt: pkt}}
		if change != nil {
			arrivals = change(from, n, pkt)
		}
		for _, arrives := range arrivals {
			v.lines = append(v.lines, vectorLine{from: from.name, at: l.now.Sub(epoch), packet: arrives.pkt})
		}
		return arrivals
	}
}

// act writes down what the owner of an end asks.
func (v *vector) act(l *link, e *end, action string) {
	v.lines = append(v.lines, vectorLine{from: e.name, at: l.now.Sub(epoch), action: action})
}

// suiteNames is a suite as a file tells it.
func suiteNames(s suite) []string {
	return []string{s.keyAgreement.Name(), s.hash.Name(), s.cipher.Name(), s.authTag.Name(), s.sas.Name()}
}

// sides writes down what both ends began with.
func (c vectorCase) sides(v *vector, l *link, drawn [2]*recorder) {
	list := func(names []string) string { return strings.Join(names, " ") }
	v.set("offer-key-agreements", list(c.algorithms.KeyAgreements))
	v.set("offer-hashes", list(c.algorithms.Hashes))
	v.set("offer-ciphers", list(c.algorithms.Ciphers))
	v.set("offer-auth-tags", list(c.algorithms.AuthTags))
	v.set("offer-sas-types", list(c.algorithms.SASTypes))
	if c.preshared {
		v.set("mode", "Preshared")
	}
	if c.further {
		v.set("mode", "Multistream")
		v.setHex("ZRTPSess", vectorSession(c.algorithms, l.a.cfg.ZID).value.Expose())
	}
	if c.allowClear {
		v.set("allow-clear", "both")
	}
	if c.known || c.preshared {
		for i := range 2 {
			v.setHex(fmt.Sprintf("rs%d", i+1), rs(byte(i+1)).Expose())
		}
	}
	if c.aux {
		v.setHex("auxsecret", vectorAux().Expose())
	}
	if c.pbx {
		v.setHex("pbxsecret", rs(9).Expose())
	}
	for i, e := range []*end{l.a, l.b} {
		v.setHex(e.name+"-zid", e.cfg.ZID[:])
		v.set(e.name+"-ssrc", fmt.Sprintf("%08x", e.cfg.SSRC))
		v.setHex(e.name+"-random", drawn[i].given)
	}
}

// failed runs an exchange with a fault.
func (c vectorCase) failed(t *testing.T, v *vector, l *link, drawn [2]*recorder) {
	t.Helper()
	l.run(15 * time.Second)
	for _, e := range []*end{l.a, l.b} {
		f, ok := find[Failed](e)
		var fault *ProtocolError
		if !ok || f.ByPeer || !errors.As(f.Err, &fault) || fault.Code != uint32(c.code) {
			continue
		}
		if v.get("expect") == "" {
			v.set("expect", "Error")
			v.set("error", fmt.Sprintf("0x%02x", fault.Code))
			v.set("victim", e.name)
		}
	}
	if v.get("victim") == "" {
		t.Fatalf("nobody answered with 0x%x: %s; %s", uint32(c.code), l.a.story(), l.b.story())
	}
	c.sides(v, l, drawn)
}

// secure runs an exchange to its end, and writes down all that lies between.
func (c vectorCase) secure(t *testing.T, v *vector, l *link, drawn [2]*recorder) {
	t.Helper()
	l.until(l.a, stateCommit)
	l.until(l.b, stateCommit)
	results, privates := map[string]secret.Bytes{}, map[string][]byte{}
	for _, e := range []*end{l.a, l.b} {
		privates[e.name] = privateHalf(e.x.ka)
	}
	// The KEM's responder has another half by the time that it agrees.
	capture := func(e *end) {
		if _, done := e.x.ka.(copier); !done && e.x.ka != nil {
			if _, isKEM := e.x.ka.(*kemInitiator); !isKEM || e.x.role == Initiator {
				e.x.ka = copier{e.x.ka, results}
			}
		}
	}
	for range 1000 {
		if next := l.next(); next.IsZero() || next.Sub(epoch) > time.Second {
			break
		}
		l.now = l.next()
		for len(l.queue) > 0 && !l.queue[0].at.After(l.now) {
			f := l.queue[0]
			l.queue = l.queue[1:]
			if messageType(f.pkt) == wire.TypeDHPart1 || messageType(f.pkt) == "more" || messageType(f.pkt) == wire.TypeDHPart2 {
				if f.to.state == stateCommit && f.to.x.role == RoleUnknown {
					f.to.x.role = Initiator
				}
				capture(f.to)
			}
			f.to.Receive(l.now, f.pkt)
			l.drain(f.to)
		}
		for _, e := range []*end{l.a, l.b} {
			if reached(l.now, e.Deadline()) {
				e.Advance(l.now)
				l.drain(e)
			}
		}
	}
	v.set("expect", "secure")
	initiator, responder := l.a, l.b
	if c.further {
		if s, _ := l.wantStream(); s.Role == Responder {
			initiator, responder = l.b, l.a
		}
	} else if s, _ := l.wantSecure(); s.Role == Responder {
		initiator, responder = l.b, l.a
	}
	v.set("initiator", initiator.name)
	v.set("suite", strings.Join(suiteNames(initiator.x.suite), " "))
	c.sides(v, l, drawn)
	for _, name := range slices.Sorted(maps.Keys(privates)) {
		if privates[name] != nil {
			v.setHex(name+"-private", privates[name])
		}
	}
	switch {
	case c.preshared:
		c.derivePreshared(t, v, initiator)
	case c.further:
		deriveStreamVector(t, v, initiator, vectorSession(c.algorithms, initiator.cfg.ZID).value, "")
	default:
		c.derive(t, v, initiator, responder, results["DHResult"])
	}
}

// privateHalf is the secret of a Diffie-Hellman half; nil of others, whose
// secrets follow from the random octets.
func privateHalf(ka keyAgreement) []byte {
	switch ka := ka.(type) {
	case *x255:
		return ka.scalar.Clone().Expose()
	case *x448:
		return ka.scalar.Clone().Expose()
	case *ec:
		return ka.scalar.Clone().Expose()
	case *dh3k:
		return ka.exponent.Clone().Expose()
	}
	return nil
}

// derive writes down the derivation of the keys, which wantSame then compares
// with those of the engine.
func (c vectorCase) derive(t *testing.T, v *vector, initiator, responder *end, dhResult secret.Bytes) {
	t.Helper()
	x := initiator.x
	responderHello := responder.hello
	if x.suite.bindsInitiator() {
		responderHello = slices.Concat(responderHello, initiator.hello)
	}
	g := agreement{
		suite: x.suite, dhResult: dhResult,
		initiator: initiator.cfg.ZID, responder: responder.cfg.ZID,
		totalHash: totalHash(x.suite, responderHello, x.commit, x.dhPart1, x.dhPart2),
	}
	if c.known {
		g.s1 = rs(1)
	}
	if c.aux {
		g.s2 = vectorAux()
	}
	if c.pbx {
		g.s3 = rs(9)
	}
	v.setHex("dhresult", dhResult.Expose())
	v.setHex("total_hash", g.totalHash)
	v.setHex("s1", g.s1.Expose())
	if c.aux || c.pbx {
		v.setHex("s2", g.s2.Expose())
		v.setHex("s3", g.s3.Expose())
	}
	setKeys(t, v, g.kdf(), initiator)
}

// derivePreshared writes down the derivation in Preshared mode.
func (c vectorCase) derivePreshared(t *testing.T, v *vector, initiator *end) {
	t.Helper()
	s := initiator.x.suite
	var aux, pbx secret.Bytes
	if c.aux {
		aux = vectorAux()
	}
	if c.pbx {
		pbx = rs(9)
	}
	key := presharedKey(s, rs(1), aux, pbx)
	id := keyID(s, key)
	context := initiator.nonceContext()
	v.setHex("preshared_key", key.Expose())
	v.setHex("keyID", id[:])
	v.setHex("total_hash", context[2*len(ZID{}):])
	setKeys(t, v, newKDF(s, deriveOnce(s, key, context, "ZRTP PSK", s.hashLen()), context), initiator)
}

// setKeys writes down all that an s0 gives.
func setKeys(t *testing.T, v *vector, k kdf, initiator *end) {
	t.Helper()
	setStreamKeys(t, v, k, initiator, "")
	v.setHex("retained secret", k.derive("retained secret", retainedLen).Expose())
	v.setHex("ZRTP Session Key", k.derive("ZRTP Session Key", k.suite.hashLen()).Expose())
	sas := k.derive("SAS", sasHashLen).Expose()
	v.setHex("SAS", sas)
	value := binary.BigEndian.Uint32(sas)
	v.set("sas-b32", renderSAS(wire.B32, value))
	v.set("sas-b256", renderSAS(wire.B256, value))
}

// setStreamKeys writes down what Multistream mode has too, each name after a prefix.
func setStreamKeys(t *testing.T, v *vector, k kdf, initiator *end, prefix string) {
	t.Helper()
	v.setHex(prefix+"s0", k.s0.Expose())
	v.setHex(prefix+"kdf_context", k.context)
	for _, role := range []string{"Initiator", "Responder"} {
		side := k.side(role)
		v.setHex(prefix+role+" SRTP master key", side.srtp.Key.Expose())
		v.setHex(prefix+role+" SRTP master salt", side.srtp.Salt.Expose())
		v.setHex(prefix+role+" HMAC key", side.mac.Expose())
		v.setHex(prefix+role+" ZRTP key", side.zrtp.Expose())
		agreed, _ := find[KeysAgreed](initiator)
		if own := agreed.Keys.Send; role == "Initiator" {
			wantSame(t, "the initiator's direction", own, side.srtp)
		}
	}
}

// The files are what the engine makes today, to the octet: so they were made by it,
// and it has not changed since.
func TestVectors(t *testing.T) {
	writing := os.Getenv(vectorsVariable) == "write"
	want := map[string]bool{"README.md": true}
	for _, c := range vectorCases(t) {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(vectorsDir, c.name+".txt")
			want[c.name+".txt"] = true
			text := c.make(t).text()
			if writing {
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != text {
				t.Errorf("%s is another (%s=write makes it anew): %v", path, vectorsVariable, err)
			}
		})
	}
	entries, err := os.ReadDir(vectorsDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("%s belongs to nothing", e.Name())
		}
	}
}
