package store

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"karat/internal/secret"
)

// Sealing is what holds the key of the store.
type Sealing byte

// The ways to seal a store, as the header says it.
const (
	Keyring    Sealing = 1 // the desktop's keyring
	Passphrase Sealing = 2 // the user's head
	KeyFile    Sealing = 3 // a file beside it: who copies both reads both
)

func (s Sealing) String() string {
	switch s {
	case Keyring:
		return "the desktop keyring"
	case Passphrase:
		return "a passphrase"
	case KeyFile:
		return "a key file"
	}
	return "an unknown sealing"
}

const (
	magic       = "KARATST\n"
	version     = 1
	headerBytes = 91
	keyBytes    = 32
	idBytes     = 16
	saltBytes   = 16
	checkBytes  = 16
	padTo       = 4096

	// maxStoreBytes bounds what is read: ten thousand peers are some 5 MB.
	maxStoreBytes = 64 << 20
)

// kdf are the parameters of argon2id.
type kdf struct {
	passes, memoryKiB uint32
	lanes             uint8
}

// defaultKDF is the second recommendation of RFC 9106, Section 4, for machines
// that cannot spare 2 GiB.
var defaultKDF = kdf{passes: 3, memoryKiB: 64 << 10, lanes: 4}

// The bounds of what a header may ask for, since it is read before it can be
// authenticated: a planted one must not exhaust memory or hang the start.
const (
	maxPasses    = 16
	maxMemoryKiB = 256 << 10
	maxLanes     = 16
)

func (k kdf) bounded() bool {
	// RFC 9106, Section 3.1: at least 8 KiB for each lane.
	return k.passes >= 1 && k.passes <= maxPasses &&
		k.lanes >= 1 && k.lanes <= maxLanes &&
		k.memoryKiB >= 8*uint32(k.lanes) && k.memoryKiB <= maxMemoryKiB
}

// header is what stands before the sealed inside.
type header struct {
	sealing Sealing
	id      [idBytes]byte
	kdf     kdf // zero unless sealed with a passphrase
	salt    [saltBytes]byte
	check   [checkBytes]byte
	nonce   [chacha20poly1305.NonceSizeX]byte
}

func (h header) marshal() []byte {
	b := make([]byte, 0, headerBytes)
	b = append(b, magic...)
	b = append(b, version, byte(h.sealing))
	b = append(b, h.id[:]...)
	b = binary.BigEndian.AppendUint32(b, h.kdf.passes)
	b = binary.BigEndian.AppendUint32(b, h.kdf.memoryKiB)
	b = append(b, h.kdf.lanes)
	b = append(b, h.salt[:]...)
	b = append(b, h.check[:]...)
	return append(b, h.nonce[:]...)
}

// Faults of a file, told apart for the sentence that is made of them.
var (
	errNotStore = errors.New("it is no Karat store, or was cut short")
	errNewer    = errors.New("a newer Karat wrote it")
	errDamaged  = errors.New("its contents were altered or damaged")
	errWrongKey = errors.New("the key does not fit")
)

func parseHeader(file []byte) (header, error) {
	var h header
	if len(file) < headerBytes+chacha20poly1305.Overhead || string(file[:8]) != magic {
		return h, errNotStore
	}
	if file[8] != version {
		return h, errNewer
	}
	h.sealing = Sealing(file[9])
	copy(h.id[:], file[10:])
	h.kdf.passes = binary.BigEndian.Uint32(file[26:])
	h.kdf.memoryKiB = binary.BigEndian.Uint32(file[30:])
	h.kdf.lanes = file[34]
	copy(h.salt[:], file[35:])
	copy(h.check[:], file[51:])
	copy(h.nonce[:], file[67:])
	switch h.sealing {
	case Passphrase:
		if !h.kdf.bounded() {
			return h, errDamaged
		}
	case Keyring, KeyFile:
		if h.kdf != (kdf{}) {
			return h, errDamaged
		}
	default:
		return h, errDamaged
	}
	return h, nil
}

// newHeader begins a store.
func newHeader(s Sealing, params kdf) header {
	h := header{sealing: s}
	if s == Passphrase {
		h.kdf = params
	}
	rand.Read(h.id[:])
	rand.Read(h.salt[:])
	return h
}

// stretch makes the store's key of a passphrase.
func (h header) stretch(passphrase secret.Bytes) secret.Bytes {
	return secret.Own(argon2.IDKey(passphrase.Expose(), h.salt[:], h.kdf.passes, h.kdf.memoryKiB, h.kdf.lanes, keyBytes))
}

// keys are what the store's key expands into.
type keys struct {
	cipher, witness secret.Bytes
	check           [checkBytes]byte
}

func expand(key secret.Bytes, h header) (keys, error) {
	var k keys
	const cipherEnd, witnessEnd = keyBytes, 2 * keyBytes
	info := "karat store v1 " + string(h.id[:])
	all, err := hkdf.Key(sha256.New, key.Expose(), h.salt[:], info, witnessEnd+checkBytes)
	if err != nil {
		return k, fmt.Errorf("store: expand the key: %w", err)
	}
	k.cipher = secret.Copy(all[:cipherEnd])
	k.witness = secret.Copy(all[cipherEnd:witnessEnd])
	copy(k.check[:], all[witnessEnd:])
	clear(all)
	return k, nil
}

func (k keys) wipe() {
	k.cipher.Wipe()
	k.witness.Wipe()
}

// seal returns the whole file: the header, and the inside padded and sealed
// under a fresh nonce. It wipes the inside.
func seal(h header, k keys, inside []byte) ([]byte, error) {
	defer clear(inside)
	aead, err := chacha20poly1305.NewX(k.cipher.Expose())
	if err != nil {
		return nil, fmt.Errorf("store: seal: %w", err)
	}
	h.check = k.check
	rand.Read(h.nonce[:])
	padding := bytes.Repeat([]byte{' '}, (padTo-len(inside)%padTo)%padTo)
	plain := append(append(make([]byte, 0, len(inside)+len(padding)), inside...), padding...)
	defer clear(plain)
	head := h.marshal()
	return aead.Seal(head, h.nonce[:], plain, head), nil
}

// unseal returns the inside of a file whose header was parsed.
func unseal(h header, k keys, file []byte) ([]byte, error) {
	if subtle.ConstantTimeCompare(k.check[:], h.check[:]) != 1 {
		return nil, errWrongKey
	}
	aead, err := chacha20poly1305.NewX(k.cipher.Expose())
	if err != nil {
		return nil, fmt.Errorf("store: unseal: %w", err)
	}
	inside, err := aead.Open(nil, h.nonce[:], file[headerBytes:], file[:headerBytes])
	if err != nil {
		return nil, errDamaged
	}
	return inside, nil
}
