package softphone_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"karat/internal/residue"
	"karat/internal/secret"
	"karat/softphone"
	"karat/zrtp"
)

// memoryVariable makes the test binary the process that TestMemory looks into, and
// names the file in which that tells what its secrets were.
const memoryVariable = "SOFTPHONE_MEMORY_SUBJECT"

// mask is what every octet of that file is XORed with: the process is not to hold
// what is looked for on account of the file.
const mask = 0xa5

// TestMemorySubject is not a test: it is that process.
func TestMemorySubject(t *testing.T) {
	if file := os.Getenv(memoryVariable); file != "" {
		t.Run("call", func(t *testing.T) { callOfAPhone(t, file) }) // which switches it off
		residue.Ready()
	}
}

// callOfAPhone calls a whole phone, talks with it for two seconds, and notes the
// secrets of the call, which both ends have.
func callOfAPhone(t *testing.T, file string) {
	var noted strings.Builder
	note := func(name string, s secret.Bytes) {
		masked := make([]byte, s.Len())
		for i, b := range s.Expose() {
			masked[i] = b ^ mask
		}
		fmt.Fprintf(&noted, "%s: %x\n", name, masked)
		s.Wipe()
	}
	inWorld(t, func(t *testing.T, w *world) {
		alice, r, mallory := w.direct(auto)
		nobody := func(zrtp.ZID) (zrtp.Retained, bool) { return zrtp.Retained{}, false }
		session, err := zrtp.NewSession(zrtp.Config{ZID: zrtp.ZID{6}, SSRC: 66, Retained: nobody, Expiry: zrtp.ExpiryNever, Multistream: true})
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		mallory.agreeHearing(session, r.wantsOffer(session), func(ev zrtp.Event) {
			switch ev := ev.(type) {
			case zrtp.KeysAgreed:
				note("the phone's SRTP master key", ev.Keys.Receive.Key)
				note("the phone's SRTP master salt", ev.Keys.Receive.Salt)
				note("the caller's SRTP master key", ev.Keys.Send.Key)
				note("the caller's SRTP master salt", ev.Keys.Send.Salt)
			case zrtp.Secure:
				note("the new retained secret", ev.Remember.RS1)
				ev.SessionKey.Wipe()
			}
		})
		expect[softphone.Talking](alice)
		time.Sleep(2 * time.Second)
		alice.phone.Hangup(alice.call)
		expect[softphone.Ended](alice)
	})
	if err := os.WriteFile(file, []byte(noted.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestMemory: after a call, and once the phone is switched off, no key of the call is
// in the memory of the whole process, but, in the default build, what is listed here.
func TestMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secrets")
	pid := residue.Subject(t, "TestMemorySubject", memoryVariable, file)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	secrets, remains := map[string]secret.Bytes{}, map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		s, err := hex.DecodeString(value)
		if err != nil {
			t.Fatal(err)
		}
		if len(s) < 14 {
			t.Fatalf("%s has %d octets", name, len(s))
		}
		for i := range s {
			s[i] ^= mask
		}
		secrets[name] = secret.Own(s)
		switch {
		case secret.Erases:
		case strings.Contains(name, "SRTP"):
			remains[name] = "pion/srtp copies it where it derives the session keys"
		default:
			remains[name] = "a hash leaves it on the stack until that is used again"
		}
	}
	if len(secrets) != 5 {
		t.Fatalf("%d secrets were noted", len(secrets))
	}
	kept := secrets["the new retained secret"].Expose() // as the store would write it
	if !secret.Erases {
		remains["the new retained secret in base64"] = "encoding/json keeps the buffer in which it wrote the store, until that is used again"
	}
	secrets["the new retained secret in base64"] = secret.Own([]byte(base64.StdEncoding.EncodeToString(kept)[:42]))
	secrets["the new retained secret in hexadecimal"] = secret.Own([]byte(hex.EncodeToString(kept)))
	residue.Check(t, pid, secrets, remains)
}
