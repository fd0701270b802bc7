package media_test

import (
	"crypto/aes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"karat/internal/residue"
	"karat/internal/secret"
	"karat/media"
	"karat/media/path"
)

// memoryVariable makes the test binary the process that TestMemory looks into.
const memoryVariable = "MEDIA_MEMORY_SUBJECT"

// TestMemorySubject is not a test: it is that process.
func TestMemorySubject(t *testing.T) {
	if os.Getenv(memoryVariable) != "" {
		t.Run("talk", talk) // which closes them at its end
		residue.Ready()
	}
}

// talk lets two streams hear each other for a moment.
func talk(t *testing.T) {
	var paths [2]*path.UDP
	var streams [2]*media.Stream
	for i := range streams {
		streams[i], paths[i] = dial(t, "null", "null", uint32(i+1))
	}
	for i, s := range streams {
		paths[i].Remote(1, netip.MustParseAddrPort(paths[1-i].Local().String()))
		paths[i].Select(1)
		own, other := byte(i), byte(1-i)
		k := media.Keys{
			SendKey: memoryKey(own, 32), SendSalt: memoryKey(own+2, 14),
			ReceiveKey: memoryKey(other, 32), ReceiveSalt: memoryKey(other+2, 14), TagBits: 80,
		}
		if err := s.ArmReceive(k, media.Parameters{SendPT: 96, ReceivePT: 96, RTCPMux: true}); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(1); err != nil {
			t.Fatal(err)
		}
	}
	<-streams[0].FirstAuthenticated()
	<-streams[1].FirstAuthenticated()
}

// memoryKey makes a key without any copy of it (Marsaglia's xorshift).
func memoryKey(seed byte, n int) secret.Bytes {
	k := make([]byte, n)
	x := 0x9e3779b97f4a7c15 * (uint64(seed) + 1)
	for i := range k {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		k[i] = byte(x >> 32)
	}
	return secret.Own(k)
}

// sessionKey is what SRTP makes of a master key.
//
// RFC 3711, Section 4.3.1: key_id = label || r; x = key_id XOR master_salt.
// Section 4.3.3: AES in counter mode, under the master key, of x * 2^16.
func sessionKey(t *testing.T, key, salt secret.Bytes, label byte, n int) secret.Bytes {
	t.Helper()
	block, err := aes.NewCipher(key.Expose())
	if err != nil {
		t.Fatal(err)
	}
	counter := make([]byte, aes.BlockSize)
	copy(counter, salt.Expose())
	counter[7] ^= label
	var out []byte
	for i := range (n + aes.BlockSize - 1) / aes.BlockSize {
		binary.BigEndian.PutUint16(counter[14:], uint16(i))
		out = append(out, make([]byte, aes.BlockSize)...)
		block.Encrypt(out[i*aes.BlockSize:], counter)
	}
	return secret.Own(out[:n])
}

// TestMemory: after a stream was closed nothing of its keys is in memory, but, in
// the default build, what is listed here. AES's expanded keys begin with the key.
func TestMemory(t *testing.T) {
	secrets, remains := map[string]secret.Bytes{}, map[string]string{}
	for seed := range byte(2) {
		key, salt := memoryKey(seed, 32), memoryKey(seed+2, 14)
		secrets[fmt.Sprintf("master key %d", seed)] = key
		secrets[fmt.Sprintf("master salt %d", seed)] = salt
		for _, name := range []string{"master key", "master salt"} {
			remains[fmt.Sprintf("%s %d", name, seed)] = "pion/srtp copies it where it derives the session keys"
		}
		for label, name := range []string{"SRTP key", "SRTP auth key", "SRTP salt", "SRTCP key", "SRTCP auth key", "SRTCP salt"} {
			name = fmt.Sprintf("%s %d", name, seed)
			secrets[name] = sessionKey(t, key, salt, byte(label), []int{32, 20, 14}[label%3])
			if label%3 == 1 {
				residue.WithPads(secrets, name)
			}
			for _, found := range []string{name, name + ", inner pad", name + ", outer pad"} {
				remains[found] = "pion/srtp has no way to wipe its session keys; they go with the garbage"
			}
		}
	}
	if secret.Erases {
		clear(remains)
	}
	residue.Check(t, residue.Subject(t, "TestMemorySubject", memoryVariable, "1"), secrets, remains)
}

// The search knows the keys that SRTP uses: those of the RFC's example.
//
// RFC 3711, Appendix B.3: master key E1F97A0D..., cipher key C61E7A93...
func TestMemoryKnowsSessionKeys(t *testing.T) {
	master := secret.Own([]byte{0xE1, 0xF9, 0x7A, 0x0D, 0x3E, 0x01, 0x8B, 0xE0, 0xD6, 0x4F, 0xA3, 0x2C, 0x06, 0xDE, 0x41, 0x39})
	salt := secret.Own([]byte{0x0E, 0xC6, 0x75, 0xAD, 0x49, 0x8A, 0xFE, 0xEB, 0xB6, 0x96, 0x0B, 0x3A, 0xAB, 0xE6})
	want := secret.Own([]byte{0xC6, 0x1E, 0x7A, 0x93, 0x74, 0x4F, 0x39, 0xEE, 0x10, 0x73, 0x4A, 0xFE, 0x3F, 0xF7, 0xA0, 0x87})
	if got := sessionKey(t, master, salt, 0, 16); !got.Equal(want) {
		t.Errorf("cipher key %x", got.Expose())
	}
}
