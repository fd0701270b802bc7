package zrtp

import (
	"crypto/mlkem"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"testing"
	"testing/cryptotest"
	"time"

	"karat/internal/residue"
	"karat/internal/secret"
)

// subjectVariable makes the test binary the process that is looked into.
const subjectVariable = "ZRTP_MEMORY_SUBJECT"

// memoryConfigs are the two ends of the call: for a key agreement, or for Preshared
// mode.
func memoryConfigs(ka string) (a, b Config) {
	a, b = configs()
	a.Algorithms = Algorithms{
		KeyAgreements: []string{ka}, Hashes: []string{"S384"}, Ciphers: []string{"AES3"},
		AuthTags: []string{"HS80"}, SASTypes: []string{"B256"},
	}
	if ka == preshared {
		a.Algorithms.KeyAgreements = []string{"X255"}
	}
	a.Multistream, b.Multistream = true, true
	b.Algorithms = a.Algorithms
	a.Rand, b.Rand = forgetful{a.Rand}, forgetful{b.Rand}
	if ka == preshared {
		a.Preshared, b.Preshared = true, true
		a.Retained, b.Retained = remembers(verified()), remembers(verified())
	}
	return a, b
}

const preshared = "Preshared"

// forgetful gives random octets that its source does not keep a copy of.
type forgetful struct{ io.Reader }

func (f forgetful) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b)
	for i := range b[:n] {
		b[i] ^= 0x55
	}
	return n, err
}

// TestMemorySubject is not a test: it is the process that TestMemory looks into.
func TestMemorySubject(t *testing.T) {
	if ka := os.Getenv(subjectVariable); ka != "" {
		wholeCall(t, ka)
		residue.Ready()
	}
}

// wholeCall makes a call, and wipes at its end what the owner has to wipe.
//
//go:noinline
func wholeCall(t *testing.T, ka string) {
	cryptotest.SetGlobalRandom(t, 1) // for Go's own ML-KEM, which asks no one else
	a, b := memoryConfigs(ka)
	l := newLink(t, a, b)
	l.start()
	l.run(time.Second)
	for _, e := range []*end{l.a, l.b} {
		agreed, ok := find[KeysAgreed](e)
		if !ok {
			t.Fatal("no keys")
		}
		agreed.Keys.Wipe()
		done, _ := find[Secure](e)
		done.Remember.RS1.Wipe()
		done.Remember.RS2.Wipe()
		done.SessionKey.Wipe()
		e.Close()
	}
}

// sought are the secrets of the call by name.
func sought(t *testing.T, ka string) map[string]secret.Bytes {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	a, b := memoryConfigs(ka)
	l := newLink(t, a, b)
	l.start()
	l.until(l.a, stateCommit)
	l.until(l.b, stateCommit)
	found := map[string]secret.Bytes{}
	if ka == preshared {
		found["preshared_key"] = presharedKey(l.a.x.suite, rs(1), secret.Bytes{}, secret.Bytes{})
	} else {
		keyPairs(found, l)
	}
	l.run(time.Second)
	l.wantSecure()
	initiator := l.a
	if l.b.x.role == Initiator {
		initiator = l.b
	}
	x := initiator.x
	var keys kdf
	if ka == preshared {
		context := initiator.nonceContext()
		keys = newKDF(x.suite, newKDF(x.suite, found["preshared_key"], context).derive("ZRTP PSK", x.suite.hashLen()), context)
	} else {
		responderHello := initiator.peer.raw
		if x.suite.bindsInitiator() {
			responderHello = slices.Concat(responderHello, initiator.hello)
		}
		keys = agreement{
			suite: x.suite, dhResult: found["DHResult"],
			initiator: initiator.cfg.ZID, responder: ZID(initiator.peer.hello.ZID),
			totalHash: totalHash(x.suite, responderHello, x.commit, x.dhPart1, x.dhPart2),
		}.kdf()
	}
	maps.Copy(found, derived(keys))
	agreed, _ := find[KeysAgreed](initiator)
	if !agreed.Keys.Send.Key.Equal(found["initiator's SRTP key"]) {
		t.Fatal("what is sought is not what the call had")
	}
	return found
}

// derived are s0 and what comes of it.
func derived(keys kdf) map[string]secret.Bytes {
	found := map[string]secret.Bytes{"s0": keys.s0.Clone()}
	schedule := keys.schedule(true)
	for role, side := range map[string]sideKeys{"initiator": schedule.initiator, "responder": schedule.responder} {
		found[role+"'s SRTP key"], found[role+"'s SRTP salt"] = side.srtp.Key, side.srtp.Salt
		found[role+"'s mackey"], found[role+"'s zrtpkey"] = side.mac, side.zrtp
	}
	found["retained secret"], found["ZRTPSess"] = schedule.retained, schedule.session
	for _, name := range []string{"s0", "ZRTPSess", "initiator's mackey", "responder's mackey"} {
		residue.WithPads(found, name)
	}
	return found
}

// keyPairs notes what both ends have drawn, and has them note their DHResult.
func keyPairs(found map[string]secret.Bytes, l *link) {
	for _, e := range []*end{l.a, l.b} {
		if k, ok := e.x.ka.(*kemInitiator); ok {
			pair := k.key.(hybridKey)
			found[e.name+"'s X25519 scalar"] = secret.Copy(privateHalf(pair.first.(dhkemKey).keyAgreement))
			found[e.name+"'s ML-KEM seed"] = secret.Own(pair.second.(*goKEMKey).key.(*mlkem.DecapsulationKey768).Bytes())
			pair.first, pair.second = noting{pair.first, "X25519", found}, noting{pair.second, "ML-KEM", found}
			k.key = pair
		} else {
			found[e.name+"'s exponent"] = secret.Copy(privateHalf(e.x.ka))
		}
		e.x.ka = copier{e.x.ka, found}
	}
}

// copier is half of a key agreement that keeps a copy of its DHResult.
type copier struct {
	keyAgreement
	into map[string]secret.Bytes
}

func (c copier) agree(peer []byte) (secret.Bytes, error) {
	result, err := c.keyAgreement.agree(peer)
	c.into["DHResult"] = result.Clone()
	return result, err
}

// noting is a key pair that keeps a copy of its shared secret.
type noting struct {
	decapsulationKey
	name string
	into map[string]secret.Bytes
}

func (n noting) decapsulate(ciphertext []byte) (secret.Bytes, error) {
	shared, err := n.decapsulationKey.decapsulate(ciphertext)
	n.into["shared secret of "+n.name] = shared.Clone()
	return shared, err
}

// remains is what the default build may leave in memory, and why. With
// GOEXPERIMENT=runtimesecret nothing may be left.
func remains(ka string) map[string]string {
	if secret.Erases {
		return nil
	}
	const schedule = "crypto/aes keeps the key in its cipher, which cannot be wiped; it encrypts the Confirms and nothing else"
	left := map[string]string{
		"initiator's zrtpkey": schedule,
		"responder's zrtpkey": schedule,
		"DHResult":            "a curve's arithmetic, or a hash, leaves half of it on the stack until that is used again",
		"retained secret":     "a hash leaves it on the stack until that is used again",
	}
	const key = "%s keeps the private key, which cannot be wiped; it is of one call"
	for _, name := range []string{"a", "b"} {
		switch ka {
		case "EC25", "EC38":
			left[name+"'s exponent"] = fmt.Sprintf(key, "crypto/ecdh")
		case "X2M2":
			left[name+"'s ML-KEM seed"] = fmt.Sprintf(key, "crypto/mlkem")
		}
	}
	return left
}

// Section 4.4.1.4 and what follows: after a call nothing of its secrets is in
// memory but what is listed in remains: neither s0 nor an SRTP key in any build.
func TestMemory(t *testing.T) {
	for _, ka := range []string{"X255", "X448", "EC25", "EC38", "DH3k", "X2M2", preshared} {
		t.Run(ka, func(t *testing.T) {
			residue.Check(t, residue.Subject(t, "TestMemorySubject", subjectVariable, ka), sought(t, ka), remains(ka))
		})
	}
}
