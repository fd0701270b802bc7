package zrtp

import (
	"bufio"
	"bytes"
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
}

func (v *vector) set(name, value string) { v.header = append(v.header, [2]string{name, value}) }

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
		fmt.Fprintf(&b, "%s %d %x\n", l.from, l.at.Milliseconds(), l.packet)
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
		packet, herr := hex.DecodeString(fields[2])
		if err != nil || herr != nil {
			t.Fatalf("%s: %q", path, lines.Text())
		}
		v.lines = append(v.lines, vectorLine{fields[0], time.Duration(at) * ms, packet})
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
	drawn := [2]*recorder{{Reader: a.Rand}, {Reader: b.Rand}}
	a.Rand, b.Rand = drawn[0], drawn[1]
	l := newLink(t, a, b)
	v := &vector{}
	v.set("source", "made by this project's engine (go test ./zrtp -run TestVectors)")
	v.set("about", c.about)
	if c.fault != nil {
		l.tamper(c.typ, c.fault)
	}
	change := l.filter
	l.filter = func(from *end, n int, pkt []byte) []arrival {
		arrivals := []arrival{{pkt: pkt}}
		if change != nil {
			arrivals = change(from, n, pkt)
		}
		for _, arrives := range arrivals {
			v.lines = append(v.lines, vectorLine{from.name, l.now.Sub(epoch), arrives.pkt})
		}
		return arrivals
	}
	if c.announced {
		l.a.ExpectHello([]string{version + " " + strings.Repeat("00", 32)})
	}
	l.start()
	if c.fault == nil && !c.announced {
		c.secure(t, v, l, drawn)
	} else {
		c.failed(t, v, l, drawn)
	}
	return v
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
	s, _ := l.wantSecure()
	v.set("expect", "secure")
	initiator, responder := l.a, l.b
	if s.Role == Responder {
		initiator, responder = l.b, l.a
	}
	v.set("initiator", initiator.name)
	v.set("suite", strings.Join([]string{s.KeyAgreement, s.Hash, s.Cipher, s.AuthTag, s.SASType}, " "))
	c.sides(v, l, drawn)
	for _, name := range slices.Sorted(maps.Keys(privates)) {
		if privates[name] != nil {
			v.setHex(name+"-private", privates[name])
		}
	}
	if c.preshared {
		c.derivePreshared(t, v, initiator)
		return
	}
	c.derive(t, v, initiator, responder, results["DHResult"])
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
	v.setHex("s0", k.s0.Expose())
	v.setHex("kdf_context", k.context)
	for _, role := range []string{"Initiator", "Responder"} {
		side := k.side(role)
		v.setHex(role+" SRTP master key", side.srtp.Key.Expose())
		v.setHex(role+" SRTP master salt", side.srtp.Salt.Expose())
		v.setHex(role+" HMAC key", side.mac.Expose())
		v.setHex(role+" ZRTP key", side.zrtp.Expose())
		agreed, _ := find[KeysAgreed](initiator)
		if own := agreed.Keys.Send; role == "Initiator" {
			wantSame(t, "the initiator's direction", own, side.srtp)
		}
	}
	v.setHex("retained secret", k.derive("retained secret", retainedLen).Expose())
	v.setHex("ZRTP Session Key", k.derive("ZRTP Session Key", k.suite.hashLen()).Expose())
	sas := k.derive("SAS", sasHashLen).Expose()
	v.setHex("SAS", sas)
	value := binary.BigEndian.Uint32(sas)
	v.set("sas-b32", renderSAS(wire.B32, value))
	v.set("sas-b256", renderSAS(wire.B256, value))
}

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
	x255, dh3k, kem := classicVector("X255"), classicVector("DH3k"), strongVector()
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
	for _, ka := range []string{"X255", "DH3k"} {
		values := weakValues()[ka]
		for _, name := range slices.Sorted(maps.Keys(values)) {
			a := x255
			if ka == "DH3k" {
				a = dh3k
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
	strongHash := Algorithms{[]string{"X255"}, []string{"S384"}, []string{"AES3"}, []string{"HS80"}, []string{"B256"}}
	cases = append(cases,
		vectorCase{name: "preshared-S256", about: "Preshared mode: the two share a retained secret, and have compared their SAS", algorithms: classicVector("X255"), preshared: true},
		vectorCase{name: "preshared-S384", about: "Preshared mode with the stronger hash and cipher", algorithms: strongHash, preshared: true},
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

// One end alone, given the random octets of the file and the other's packets,
// sends the packets of the file and comes to its keys, or to its Error.
func TestVectorsReplayed(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(vectorsDir, "*.txt"))
	if err != nil || len(paths) < 100 {
		t.Fatalf("%d vectors: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			v := readVector(t, path)
			if who := v.get("victim"); who != "" {
				replayFault(t, v, who)
				return
			}
			for _, who := range []string{"a", "b"} {
				if who == v.get("initiator") || !encapsulatesAlone(v) {
					replayEnd(t, v, who)
				}
			}
		})
	}
}

// encapsulatesAlone: Go's ML-KEM takes the responder's random octets from nobody,
// so that they are not those of the file. Of these TestVectors makes both ends.
func encapsulatesAlone(v *vector) bool {
	ka, _, _ := strings.Cut(v.get("suite"), " ")
	return slices.Contains([]string{"X2M2", "X3M3", "MLK2", "MLK3"}, ka)
}

// replayed feeds one end of a vector.
func replayed(t *testing.T, v *vector, who string) *end {
	t.Helper()
	cryptotest.SetGlobalRandom(t, vectorSeed)
	list := func(name string) []string { return strings.Fields(v.get(name)) }
	ssrc, err := strconv.ParseUint(v.get(who+"-ssrc"), 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		ZID: ZID(v.bytes(t, who+"-zid")), SSRC: uint32(ssrc), Expiry: ExpiryNever, ReturnPath: true,
		Rand: bytes.NewReader(v.bytes(t, who+"-random")),
		Algorithms: Algorithms{
			list("offer-key-agreements"), list("offer-hashes"), list("offer-ciphers"), list("offer-auth-tags"), list("offer-sas-types"),
		},
		Retained: func(ZID) (Retained, bool) { return Retained{}, false },
	}
	cfg.AuxSecret = secret.Own(v.bytes(t, "auxsecret"))
	cfg.Preshared = v.get("mode") == "Preshared"
	if v.get("rs1")+v.get("pbxsecret") != "" {
		cfg.Retained = remembers(Retained{
			Verified: cfg.Preshared,
			RS1:      secret.Own(v.bytes(t, "rs1")), RS2: secret.Own(v.bytes(t, "rs2")), PBXSecret: secret.Own(v.bytes(t, "pbxsecret")),
		})
	}
	if strings.Contains(v.get("about"), "announced to a") && who == "a" {
		cfg.PeerHelloHashes = []string{version + " " + strings.Repeat("00", 32)}
	}
	// The link is for its drain: nobody is at its other end.
	l := newLink(t, cfg, Config{ZID: ZID{9}, SSRC: 9})
	e := l.a
	e.Start(epoch)
	l.drain(e)
	advance := func(to time.Time) {
		for at := e.Deadline(); !at.IsZero() && !at.After(to); at = e.Deadline() {
			e.Advance(at)
			l.drain(e)
		}
	}
	for _, line := range v.lines {
		if line.from == who {
			continue
		}
		now := epoch.Add(line.at)
		advance(now.Add(-1))
		e.Receive(now, line.packet)
		l.drain(e)
	}
	advance(epoch.Add(time.Minute))
	return e
}

func replayFault(t *testing.T, v *vector, who string) {
	t.Helper()
	e := replayed(t, v, who)
	f, ok := find[Failed](e)
	var fault *ProtocolError
	if !ok || f.ByPeer || !errors.As(f.Err, &fault) || fmt.Sprintf("0x%02x", fault.Code) != v.get("error") {
		t.Errorf("%s, which must say %s: %s", who, v.get("error"), e.story())
	}
	if count[Secure](e) > 0 {
		t.Errorf("%s is secure all the same", who)
	}
}

func replayEnd(t *testing.T, v *vector, who string) {
	t.Helper()
	e := replayed(t, v, who)
	var want [][]byte
	for _, line := range v.lines {
		if line.from == who {
			want = append(want, line.packet)
		}
	}
	if !slices.EqualFunc(e.sent, want, bytes.Equal) {
		t.Errorf("%s sent other packets than the file has: %s", who, e.story())
	}
	s, secure := find[Secure](e)
	agreed, _ := find[KeysAgreed](e)
	if !secure {
		t.Fatalf("%s is not secure: %s", who, e.story())
	}
	own, peer := "Initiator", "Responder"
	if v.get("initiator") != who {
		own, peer = peer, own
	}
	for role, d := range map[string]Direction{own: agreed.Keys.Send, peer: agreed.Keys.Receive} {
		if !bytes.Equal(d.Key.Expose(), v.bytes(t, role+" SRTP master key")) || !bytes.Equal(d.Salt.Expose(), v.bytes(t, role+" SRTP master salt")) {
			t.Errorf("%s has another key of the %s than the file", who, role)
		}
	}
	if sas := map[string]string{"B32": v.get("sas-b32"), "B256": v.get("sas-b256")}[s.SASType]; s.SAS != sas {
		t.Errorf("%s shows %q, the file says %q", who, s.SAS, sas)
	}
	if !bytes.Equal(s.Remember.RS1.Expose(), v.bytes(t, "retained secret")) {
		t.Errorf("%s keeps another secret than the file", who)
	}
}
