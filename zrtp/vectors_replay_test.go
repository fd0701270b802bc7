package zrtp

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"karat/internal/secret"
)

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
			switch who := v.get("victim"); {
			case v.get("expect") != "secure":
				replayFault(t, v, who)
				return
			case who != "": // what the other end sends its engine would not
				replayEnd(t, v, who)
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
		Retained:   func(ZID) (Retained, bool) { return Retained{}, false },
		AllowClear: v.get("allow-clear") != "",
		Further:    v.get("mode") == "Multistream",
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
	if cfg.Further {
		key := vectorSession(cfg.Algorithms, cfg.ZID)
		key.value = secret.Own(v.bytes(t, "ZRTPSess"))
		if strings.Contains(v.get("about"), "nonce of an earlier stream") {
			key.spend(usedNonce)
		}
		if err := e.Join(epoch, key); err != nil {
			t.Fatal(err)
		}
	}
	e.Start(epoch)
	l.drain(e)
	advance := func(to time.Time) {
		for at := e.Deadline(); !at.IsZero() && !at.After(to); at = e.Deadline() {
			e.Advance(at)
			l.drain(e)
		}
	}
	own := 0
	for _, line := range v.lines {
		now := epoch.Add(line.at)
		advance(now.Add(-1))
		if line.from == who && line.packet != nil {
			if own++; len(e.sent) < own {
				advance(now) // of two things at one time the file says which comes first
			}
		}
		switch {
		case line.from == who && line.action != "":
			act(t, e, now, line.action)
		case line.from != who && line.packet != nil:
			e.Receive(now, line.packet)
		}
		l.drain(e)
	}
	advance(epoch.Add(time.Minute))
	return e
}

// act does what the owner of an end asks.
func act(t *testing.T, e *end, now time.Time, action string) {
	t.Helper()
	do := e.GoClear
	if action == askGoSecure {
		do = e.GoSecure
	}
	if err := do(now); err != nil {
		t.Errorf("%s: %v", action, err)
	}
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
		if line.from == who && line.packet != nil {
			want = append(want, line.packet)
		}
	}
	if !slices.EqualFunc(e.sent, want, bytes.Equal) {
		t.Errorf("%s sent other packets than the file has: %s", who, e.story())
	}
	wantKeysOf(t, v, e, who, "", 0)
	if v.get("again initiator") != "" {
		wantKeysOf(t, v, e, who, "again ", 1)
	}
	if v.get("mode") == "Multistream" {
		if count[StreamSecure](e) != 1 {
			t.Errorf("%s is not secure: %s", who, e.story())
		}
		return
	}
	s, secure := find[Secure](e)
	if !secure {
		t.Fatalf("%s is not secure: %s", who, e.story())
	}
	if sas := map[string]string{"B32": v.get("sas-b32"), "B256": v.get("sas-b256")}[s.SASType]; s.SAS != sas {
		t.Errorf("%s shows %q, the file says %q", who, s.SAS, sas)
	}
	if !bytes.Equal(s.Remember.RS1.Expose(), v.bytes(t, "retained secret")) {
		t.Errorf("%s keeps another secret than the file", who)
	}
	wantLater(t, v, e, who)
}

// wantKeysOf compares the SRTP keys of an exchange, the nth of the call.
func wantKeysOf(t *testing.T, v *vector, e *end, who, prefix string, n int) {
	t.Helper()
	var agreed []KeysAgreed
	for _, event := range e.events {
		if k, is := event.(KeysAgreed); is {
			agreed = append(agreed, k)
		}
	}
	if len(agreed) <= n {
		t.Fatalf("%s has no keys: %s", who, e.story())
	}
	own, peer := "Initiator", "Responder"
	if v.get(prefix+"initiator") != who {
		own, peer = peer, own
	}
	for role, d := range map[string]Direction{own: agreed[n].Keys.Send, peer: agreed[n].Keys.Receive} {
		if !bytes.Equal(d.Key.Expose(), v.bytes(t, prefix+role+" SRTP master key")) || !bytes.Equal(d.Salt.Expose(), v.bytes(t, prefix+role+" SRTP master salt")) {
			t.Errorf("%s has another %skey of the %s than the file", who, prefix, role)
		}
	}
}

// wantLater compares what an end says of what happened after it was secure.
func wantLater(t *testing.T, v *vector, e *end, who string) {
	t.Helper()
	if went, want := count[Cleared](e) > 0, v.get("again initiator") != ""; went != want {
		t.Errorf("%s has gone clear: %v", who, went)
	}
	if shown, _ := find[RelayedSAS](e); shown.SAS != v.get("shows") {
		t.Errorf("%s shows %q, the file says %q", who, shown.SAS, v.get("shows"))
	}
	want := v.bytes(t, "Trusted MiTM key")
	if accepted, err := e.AcceptEnrolment(); (err == nil) != (len(want) > 0) || !bytes.Equal(accepted.Expose(), want) {
		t.Errorf("%s was offered another pbxsecret, or none: %v", who, err)
	}
}
