package zrtp

import (
	"bytes"
	"crypto"
	"crypto/mlkem"
	"io"

	circl "github.com/cloudflare/circl/kem"
	circlkyber1024 "github.com/cloudflare/circl/kem/kyber/kyber1024"
	circlkyber512 "github.com/cloudflare/circl/kem/kyber/kyber512"
	circlkyber768 "github.com/cloudflare/circl/kem/kyber/kyber768"
	circlmlkem512 "github.com/cloudflare/circl/kem/mlkem/mlkem512"

	"karat/internal/secret"
)

// The mechanisms on lattices, which are only read after they were made. Go has
// two sizes of ML-KEM; what it lacks is circl's.
var (
	mlkem512 = circlKEM{circlmlkem512.Scheme()}
	mlkem768 = goKEM{
		mlkem.EncapsulationKeySize768, mlkem.CiphertextSize768,
		func(seed []byte) (crypto.Decapsulator, []byte, error) {
			key, err := mlkem.NewDecapsulationKey768(seed)
			if err != nil {
				return nil, nil, err
			}
			return key, key.EncapsulationKey().Bytes(), nil
		},
		func(publicKey []byte) (shared, ciphertext []byte, err error) {
			key, err := mlkem.NewEncapsulationKey768(publicKey)
			if err != nil {
				return nil, nil, err
			}
			shared, ciphertext = key.Encapsulate()
			return shared, ciphertext, nil
		},
	}
	mlkem1024 = goKEM{
		mlkem.EncapsulationKeySize1024, mlkem.CiphertextSize1024,
		func(seed []byte) (crypto.Decapsulator, []byte, error) {
			key, err := mlkem.NewDecapsulationKey1024(seed)
			if err != nil {
				return nil, nil, err
			}
			return key, key.EncapsulationKey().Bytes(), nil
		},
		func(publicKey []byte) (shared, ciphertext []byte, err error) {
			key, err := mlkem.NewEncapsulationKey1024(publicKey)
			if err != nil {
				return nil, nil, err
			}
			shared, ciphertext = key.Encapsulate()
			return shared, ciphertext, nil
		},
	}

	// Kyber as it was before FIPS 203: round 3 of the NIST contest.
	kyber512  = circlKEM{circlkyber512.Scheme()}
	kyber768  = circlKEM{circlkyber768.Scheme()}
	kyber1024 = circlKEM{circlkyber1024.Scheme()}
)

// goKEM is ML-KEM from Go's own library. A key pair that it holds cannot be
// wiped, only dropped. The functions name the library's types: so its public
// keys of some kilobytes stay on the stack.
type goKEM struct {
	publicKeySize, ciphertextSize int
	newKey                        func(seed []byte) (key crypto.Decapsulator, publicKey []byte, err error)
	newSecret                     func(publicKey []byte) (shared, ciphertext []byte, err error)
}

func (g goKEM) publicKeyLen() int  { return g.publicKeySize }
func (g goKEM) ciphertextLen() int { return g.ciphertextSize }

func (g goKEM) generate(rand io.Reader) (decapsulationKey, error) {
	seed, err := randomSecret(rand, mlkem.SeedSize)
	if err != nil {
		return nil, err
	}
	defer seed.Wipe()
	key, publicKey, err := g.newKey(seed.Expose())
	if err != nil {
		return nil, err
	}
	return &goKEMKey{key, publicKey}, nil
}

// encapsulate takes its randomness from crypto/rand: Go lets nobody else give
// it. It checks the key.
//
// FIPS 203, Section 7.2: If both checks pass, then ML-KEM.Encaps can be run with
// input ek: the length, and that every coefficient is less than q.
func (g goKEM) encapsulate(_ io.Reader, publicKey []byte) ([]byte, secret.Bytes, error) {
	shared, ciphertext, err := g.newSecret(publicKey)
	if err != nil {
		return nil, secret.Bytes{}, errPublicValue
	}
	return ciphertext, secret.Own(shared), nil
}

type goKEMKey struct {
	key       crypto.Decapsulator
	publicKey []byte
}

func (k *goKEMKey) public() []byte { return k.publicKey }

func (k *goKEMKey) decapsulate(ciphertext []byte) (secret.Bytes, error) {
	shared, err := k.key.Decapsulate(ciphertext)
	if err != nil {
		return secret.Bytes{}, errPublicValue
	}
	return secret.Own(shared), nil
}

func (k *goKEMKey) wipe() { k.key = nil }

// circlKEM is a mechanism from circl. Its key pairs cannot be wiped either.
type circlKEM struct{ scheme circl.Scheme }

func (c circlKEM) publicKeyLen() int  { return c.scheme.PublicKeySize() }
func (c circlKEM) ciphertextLen() int { return c.scheme.CiphertextSize() }

func (c circlKEM) generate(rand io.Reader) (decapsulationKey, error) {
	seed, err := randomSecret(rand, c.scheme.SeedSize())
	if err != nil {
		return nil, err
	}
	defer seed.Wipe()
	public, private := c.scheme.DeriveKeyPair(seed.Expose())
	publicKey, err := public.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return &circlKey{private, publicKey}, nil
}

// encapsulate checks the key as FIPS 203 asks, which Kyber did not ask yet: one
// with a coefficient that is too large is not written as it was read.
func (c circlKEM) encapsulate(rand io.Reader, publicKey []byte) ([]byte, secret.Bytes, error) {
	public, err := c.scheme.UnmarshalBinaryPublicKey(publicKey)
	if err != nil {
		return nil, secret.Bytes{}, errPublicValue
	}
	if again, err := public.MarshalBinary(); err != nil || !bytes.Equal(again, publicKey) {
		return nil, secret.Bytes{}, errPublicValue
	}
	seed, err := randomSecret(rand, c.scheme.EncapsulationSeedSize())
	if err != nil {
		return nil, secret.Bytes{}, err
	}
	defer seed.Wipe()
	ciphertext, shared, err := c.scheme.EncapsulateDeterministically(public, seed.Expose())
	return ciphertext, secret.Own(shared), err
}

type circlKey struct {
	key       circl.PrivateKey
	publicKey []byte
}

func (k *circlKey) public() []byte { return k.publicKey }

func (k *circlKey) decapsulate(ciphertext []byte) (secret.Bytes, error) {
	shared, err := k.key.Scheme().Decapsulate(k.key, ciphertext)
	if err != nil {
		return secret.Bytes{}, errPublicValue
	}
	return secret.Own(shared), nil
}

func (k *circlKey) wipe() { k.key = nil }
