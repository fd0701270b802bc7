package zrtp

import (
	"io"

	"karat/internal/secret"
	"karat/zrtp/wire"
)

// kem is a key encapsulation mechanism. Its values are whole words: those of all
// that are here are so by themselves, so that none has to be filled with zeros.
type kem interface {
	publicKeyLen() int
	ciphertextLen() int
	generate(rand io.Reader) (decapsulationKey, error)
	// encapsulate draws a shared secret that only the owner of a public key can
	// learn. It fails with errPublicValue for what is no public key.
	encapsulate(rand io.Reader, publicKey []byte) (ciphertext []byte, shared secret.Bytes, err error)
}

// decapsulationKey is a key pair for one exchange.
type decapsulationKey interface {
	public() []byte
	// decapsulate learns the shared secret. ML-KEM and Kyber do not tell when a
	// ciphertext is false: what comes out then is some other secret, and only
	// the Confirms show it.
	decapsulate(ciphertext []byte) (secret.Bytes, error)
	wipe()
}

// KEM mode is the exchange of Diffie-Hellman mode with other values in the
// messages. There is no standard for it; this is how other phones do it.
//
//	Commit    hvi, and the initiator's public key
//	DHPart1   the ciphertext that the responder made with it
//	DHPart2   a nonce of the initiator's, which hvi commits to
//
// The nonce has the part of the initiator's public value: the responder cannot
// compute s0 before it has it, and the initiator cannot change it any more once
// it can. So neither can try for a SAS. The two halves below fit where those of
// a Diffie-Hellman fit: public is what goes into our DHPart, and agree takes
// what is in the peer's.

// kemInitiator is the half that has a key pair.
type kemInitiator struct {
	key   decapsulationKey
	nonce []byte
}

func newKEMInitiator(k kem, rand io.Reader) (*kemInitiator, error) {
	nonce := make([]byte, wire.NonceLen)
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, err
	}
	key, err := k.generate(rand)
	if err != nil {
		return nil, err
	}
	return &kemInitiator{key, nonce}, nil
}

func (k *kemInitiator) public() []byte { return k.nonce }

func (k *kemInitiator) agree(ciphertext []byte) (secret.Bytes, error) {
	return k.key.decapsulate(ciphertext)
}

func (k *kemInitiator) wipe() { k.key.wipe() }

// kemResponder is the half that has encapsulated.
type kemResponder struct {
	ciphertext []byte
	shared     secret.Bytes
}

func newKEMResponder(k kem, rand io.Reader, publicKey []byte) (*kemResponder, error) {
	ciphertext, shared, err := k.encapsulate(rand, publicKey)
	if err != nil {
		return nil, err
	}
	return &kemResponder{ciphertext, shared}, nil
}

func (k *kemResponder) public() []byte { return k.ciphertext }

// agree needs no nonce: that is in the DHPart2, and so in total_hash.
func (k *kemResponder) agree([]byte) (secret.Bytes, error) { return k.shared.Clone(), nil }

func (k *kemResponder) wipe() { k.shared.Wipe() }

// kem returns the mechanism of a suite; false if it is for Diffie-Hellman.
func (s suite) kem() (kem, bool) {
	switch s.keyAgreement {
	case wire.K255:
		return dhkem255, true
	case wire.K448:
		return dhkem448, true
	case wire.KYB1:
		return kyber512, true
	case wire.KYB2:
		return kyber768, true
	case wire.KYB3:
		return kyber1024, true
	case wire.MLK1:
		return mlkem512, true
	case wire.MLK2:
		return mlkem768, true
	case wire.MLK3:
		return mlkem1024, true
	case wire.X1K1:
		return s.hybrid(dhkem255, kyber512), true
	case wire.X3K3:
		return s.hybrid(dhkem448, kyber1024), true
	case wire.X1M1:
		return s.hybrid(dhkem255, mlkem512), true
	case wire.X2M2:
		return s.hybrid(dhkem255, mlkem768), true
	case wire.X3M3:
		return s.hybrid(dhkem448, mlkem1024), true
	default:
		return nil, false
	}
}
