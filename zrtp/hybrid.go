package zrtp

import (
	"hash"
	"io"
	"slices"

	"karat/internal/secret"
)

// hybrid joins two mechanisms, the one that is known for long first: its secret
// is safe as long as either of them is. Public keys and ciphertexts stand one
// after the other.
type hybrid struct {
	first, second kem
	newHash       func() hash.Hash // the negotiated one
}

func (s suite) hybrid(first, second kem) hybrid { return hybrid{first, second, s.newHash} }

func (h hybrid) publicKeyLen() int  { return h.first.publicKeyLen() + h.second.publicKeyLen() }
func (h hybrid) ciphertextLen() int { return h.first.ciphertextLen() + h.second.ciphertextLen() }

type hybridKey struct {
	hybrid
	first, second decapsulationKey
}

func (h hybrid) generate(rand io.Reader) (decapsulationKey, error) {
	first, err := h.first.generate(rand)
	if err != nil {
		return nil, err
	}
	second, err := h.second.generate(rand)
	if err != nil {
		return nil, err
	}
	return hybridKey{h, first, second}, nil
}

func (h hybrid) encapsulate(rand io.Reader, publicKey []byte) ([]byte, secret.Bytes, error) {
	if len(publicKey) != h.publicKeyLen() {
		return nil, secret.Bytes{}, errPublicValue
	}
	ct1, ss1, err := h.first.encapsulate(rand, publicKey[:h.first.publicKeyLen()])
	if err != nil {
		return nil, secret.Bytes{}, err
	}
	defer ss1.Wipe()
	ct2, ss2, err := h.second.encapsulate(rand, publicKey[h.first.publicKeyLen():])
	if err != nil {
		return nil, secret.Bytes{}, err
	}
	defer ss2.Wipe()
	ciphertext := slices.Concat(ct1, ct2)
	return ciphertext, h.combine(ciphertext, ss1, ss2), nil
}

// combine makes one secret of several (Bindel et al. 2018, "Hybrid key
// encapsulation mechanisms and authenticated key exchange", Section 3.3): k1 =
// HMAC("", ss1), ki = HMAC(k(i-1), ssi), and the last one keys the HMAC of all
// ciphertexts.
func (h hybrid) combine(ciphertext []byte, shared ...secret.Bytes) secret.Bytes {
	var key []byte
	for _, ss := range shared {
		next := h.hmac(key, ss.Expose())
		clear(key)
		key = next
	}
	defer clear(key)
	return secret.Own(h.hmac(key, ciphertext))
}

func (h hybrid) hmac(key, message []byte) []byte {
	return macOnce(h.newHash, key, message)
}

func (k hybridKey) public() []byte {
	return slices.Concat(k.first.public(), k.second.public())
}

func (k hybridKey) decapsulate(ciphertext []byte) (secret.Bytes, error) {
	if len(ciphertext) != k.ciphertextLen() {
		return secret.Bytes{}, errPublicValue
	}
	half := k.hybrid.first.ciphertextLen()
	ss1, err := k.first.decapsulate(ciphertext[:half])
	if err != nil {
		return secret.Bytes{}, err
	}
	defer ss1.Wipe()
	ss2, err := k.second.decapsulate(ciphertext[half:])
	if err != nil {
		return secret.Bytes{}, err
	}
	defer ss2.Wipe()
	return k.combine(ciphertext, ss1, ss2), nil
}

func (k hybridKey) wipe() {
	k.first.wipe()
	k.second.wipe()
}
