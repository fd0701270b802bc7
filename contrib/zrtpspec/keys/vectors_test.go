package keys

import (
	"bufio"
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"karat/zrtp/wire"
)

// transcript is a file of testdata/zrtp/vectors: its README says what is in it.
type transcript struct {
	header   map[string]string
	messages map[string][][]byte // by who sent them
}

func readTranscript(t *testing.T, path string) transcript {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x := transcript{map[string]string{}, map[string][][]byte{}}
	pieces := map[string]*wire.Reassembly{"a": {}, "b": {}}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ": "); ok {
			x.header[name] = value
			continue
		}
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 {
			continue
		}
		b, err := hex.DecodeString(fields[2])
		if err != nil {
			continue // what an end's owner asks
		}
		p, err := wire.ParsePacket(b)
		switch {
		case errors.Is(err, wire.ErrCRC):
			continue
		case err != nil:
			t.Fatalf("%s: %v", path, err)
		}
		if piece, ok := p.Fragment(); ok {
			p.Message = pieces[fields[0]].Add(time.Time{}, piece)
		}
		x.messages[fields[0]] = append(x.messages[fields[0]], p.Message)
	}
	return x
}

func (x transcript) bytes(t *testing.T, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(x.header[name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// message is the last of a type that one sent.
func (x transcript) message(from string, typ wire.Type) []byte {
	for _, m := range slices.Backward(x.messages[from]) {
		if m != nil && wire.TypeOf(m) == typ {
			return m
		}
	}
	return nil
}

// Every transcript that ends well gives the same keys here as in the engine that
// made it, and its chains, MACs and commitment are right.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("../../../testdata/zrtp/vectors/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range paths {
		x := readTranscript(t, path)
		if x.header["expect"] != "secure" {
			continue
		}
		n++
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { x.check(t) })
	}
	if n < 60 {
		t.Errorf("only %d transcripts", n)
	}
}

func (x transcript) check(t *testing.T) {
	initiator, responder := x.header["initiator"], "a"
	if initiator == "a" {
		responder = "b"
	}
	names := strings.Fields(x.header["suite"])
	suite := Suite{
		KeyAgreement: wire.Named(names[0]), Hash: wire.Named(names[1]), Cipher: wire.Named(names[2]),
		AuthTag: wire.Named(names[3]), SAS: wire.Named(names[4]),
	}
	skipping := Skipping{
		Suite:        suite,
		InitiatorZID: [12]byte(x.bytes(t, initiator+"-zid")), ResponderZID: [12]byte(x.bytes(t, responder+"-zid")),
		ResponderHello: x.message(responder, wire.TypeHello), Commit: x.message(initiator, wire.TypeCommit),
	}
	switch x.header["mode"] {
	case "Preshared":
		x.compare(t, skipping.Preshared(x.bytes(t, "rs1"), x.bytes(t, "auxsecret"), x.bytes(t, "pbxsecret")))
		return
	case "Multistream":
		x.compareStream(t, skipping.Multistream(x.bytes(t, "ZRTPSess")), "")
		return
	}
	e := Exchange{
		Suite:          suite,
		InitiatorZID:   [12]byte(x.bytes(t, initiator+"-zid")),
		ResponderZID:   [12]byte(x.bytes(t, responder+"-zid")),
		ResponderHello: x.message(responder, wire.TypeHello),
		Commit:         x.commit(initiator, suite.KeyAgreement),
		DHPart1:        x.message(responder, wire.TypeDHPart1),
		DHPart2:        x.message(initiator, wire.TypeDHPart2),
		DHResult:       x.bytes(t, "dhresult"),
		S1:             x.bytes(t, "s1"),
		S2:             x.bytes(t, "s2"),
		S3:             x.bytes(t, "s3"),
	}
	commit, err := wire.ParseCommit(e.Commit)
	if err != nil {
		t.Fatal(err)
	}
	if suite.HVI(e.DHPart2, e.ResponderHello) != commit.HVI {
		t.Error("the hvi is another")
	}
	if own, ok := x.dhResult(t, suite, initiator, e.DHPart1); ok && !bytes.Equal(own, e.DHResult) {
		t.Error("DHResult is another, from the initiator's private value")
	}
	if names[0] == "X2M2" { // the initiator's Hello is in total_hash, too
		e.ResponderHello = slices.Concat(e.ResponderHello, x.message(initiator, wire.TypeHello))
	}
	k := e.Keys()
	x.compare(t, k)
	if x.header["again initiator"] != "" {
		x.checkClear(t, suite, k, initiator, responder)
		return // the last Confirms are those of another exchange
	}
	x.checkConfirm(t, k, Initiator, initiator, wire.TypeConfirm2, e.DHPart2)
	x.checkConfirm(t, k, Responder, responder, wire.TypeConfirm1, e.DHPart1)
}

// checkClear follows a call that went clear and back.
func (x transcript) checkClear(t *testing.T, suite Suite, k *Keys, initiator, responder string) {
	t.Helper()
	for _, r := range []Role{Initiator, Responder} {
		if mac := k.ClearMAC(r); !bytes.Equal(mac[:], x.bytes(t, string(r)+" clear_mac")) {
			t.Errorf("the clear_mac of the %s is another", r)
		}
	}
	// RFC 6189, Section 4.7.2.1: ZRTPSess = KDF(ZRTPSess, "New ZRTP Session", (ZIDi ||
	// ZIDr), negotiated hash length)
	zids := slices.Concat(x.bytes(t, initiator+"-zid"), x.bytes(t, responder+"-zid"))
	session := derivation{suite, k.Session, zids}.key("New ZRTP Session", len(k.Session))
	if !bytes.Equal(session, x.bytes(t, "New ZRTP Session")) {
		t.Error("the new ZRTPSess is another")
	}
	if x.header["again initiator"] != initiator {
		initiator, responder = responder, initiator
	}
	x.compareStream(t, Skipping{
		Suite:        suite,
		InitiatorZID: [12]byte(x.bytes(t, initiator+"-zid")), ResponderZID: [12]byte(x.bytes(t, responder+"-zid")),
		ResponderHello: x.message(responder, wire.TypeHello), Commit: x.commit(initiator, wire.Mult),
	}.Multistream(session), "again ")
}

// commit is the last Commit with a key agreement that one sent.
func (x transcript) commit(from string, keyAgreement wire.Algorithm) []byte {
	for _, m := range slices.Backward(x.messages[from]) {
		if c, err := wire.ParseCommit(m); err == nil && c.KeyAgreement == keyAgreement {
			return m
		}
	}
	return nil
}

// compareStream looks for what is another in the file, of the keys that every stream
// has.
func (x transcript) compareStream(t *testing.T, k *Keys, prefix string) {
	t.Helper()
	for _, r := range []Role{Initiator, Responder} {
		for label, value := range map[string][]byte{
			"SRTP master key": k.srtpKey[r], "SRTP master salt": k.srtpSalt[r], "HMAC key": k.macKey[r], "ZRTP key": k.zrtpKey[r],
		} {
			if !bytes.Equal(value, x.bytes(t, prefix+string(r)+" "+label)) {
				t.Errorf("%s%s %s is another", prefix, r, label)
			}
		}
	}
}

// compare looks for what is another in the file.
func (x transcript) compare(t *testing.T, k *Keys) {
	t.Helper()
	x.compareStream(t, k, "")
	if !bytes.Equal(k.Retained, x.bytes(t, "retained secret")) {
		t.Error("the retained secret is another")
	}
	if Base32(k.SAS) != x.header["sas-b32"] || fmt.Sprintf("%08x", k.SAS) != x.header["SAS"][:8] {
		t.Error("the SAS is another")
	}
}

// checkConfirm opens a Confirm, and follows the hash chain from it to the Hello.
func (x transcript) checkConfirm(t *testing.T, k *Keys, r Role, who string, typ wire.Type, dhPart []byte) {
	t.Helper()
	c, err := wire.ParseConfirm(x.message(who, typ))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := k.Open(r, c)
	if err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
	chain := ChainFrom(plain.H0)
	hello := x.message(who, wire.TypeHello)
	h, err := wire.ParseHello(hello)
	if err != nil || h.H3 != chain.H3 {
		t.Errorf("%s: the H0 does not lead to the H3 of the Hello (%v)", who, err)
	}
	if !Sealed(hello, chain.H2) || !Sealed(dhPart, chain.H0) {
		t.Errorf("%s: a MAC is wrong", who)
	}
	if commit := x.message(who, wire.TypeCommit); commit != nil && !Sealed(commit, chain.H1) {
		t.Errorf("%s: the MAC of Commit is wrong", who)
	}
}

// dhResult agrees once more, where there is a Diffie-Hellman for it here.
func (x transcript) dhResult(t *testing.T, s Suite, who string, dhPart []byte) ([]byte, bool) {
	t.Helper()
	curves := map[wire.Algorithm]ecdh.Curve{wire.X255: ecdh.X25519(), "EC25": ecdh.P256(), "EC38": ecdh.P384(), "EC52": ecdh.P521()}
	private := x.bytes(t, who+"-private")
	var half Half
	switch c, ok := curves[s.KeyAgreement]; {
	case s.KeyAgreement == wire.DH3k:
		half = modP{Prime(), new(big.Int).SetBytes(private)}
	case ok:
		key, err := c.NewPrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		half = curve{key}
	default:
		return nil, false
	}
	d, err := wire.ParseDHPart(dhPart)
	if err != nil {
		t.Fatal(err)
	}
	result, err := half.Agree(d.PublicValue)
	if err != nil {
		t.Fatal(err)
	}
	return result, true
}
