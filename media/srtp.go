package media

import (
	"fmt"

	"github.com/pion/srtp/v3"

	"karat/internal/secret"
)

// replayWindow is how far behind the newest packet one may come and still be
// taken: 2.5 s of voice, as much as the playout buffer holds.
//
// RFC 3711, Section 3.3.2: the window MUST be at least 64.
const replayWindow = 128

// newContext makes one direction of SRTP and SRTCP.
func newContext(key, salt secret.Bytes, tagBits int) (*srtp.Context, error) {
	profile, err := profileOf(key.Len(), tagBits)
	if err != nil {
		return nil, err
	}
	if wiped(key) || wiped(salt) {
		return nil, fmt.Errorf("%w: they were wiped", ErrKeys)
	}
	var ctx *srtp.Context
	// pion/srtp keeps session keys that it does not let us clear.
	secret.Do(func() {
		ctx, err = srtp.CreateContext(key.Expose(), salt.Expose(), profile,
			srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	return ctx, nil
}

// profileOf names the transform. Its SRTCP tags have 80 bits in any case.
//
// RFC 3711, Section 5.2: "for SRTCP, the pre-defined HMAC-SHA1 MUST NOT be
// applied with a value of n_tag, nor n_a, that are smaller than these
// defaults", which are 80 and 160 bits.
func profileOf(keyBytes, tagBits int) (srtp.ProtectionProfile, error) {
	switch [2]int{keyBytes, tagBits} {
	case [2]int{16, 80}:
		return srtp.ProtectionProfileAes128CmHmacSha1_80, nil
	case [2]int{16, 32}:
		return srtp.ProtectionProfileAes128CmHmacSha1_32, nil
	case [2]int{32, 80}:
		return srtp.ProtectionProfileAes256CmHmacSha1_80, nil
	case [2]int{32, 32}:
		return srtp.ProtectionProfileAes256CmHmacSha1_32, nil
	case [2]int{16, 128}: // RFC 7714, Section 12: GCM, whose tags have 16 octets
		return srtp.ProtectionProfileAeadAes128Gcm, nil
	case [2]int{32, 128}:
		return srtp.ProtectionProfileAeadAes256Gcm, nil
	}
	return 0, fmt.Errorf("%w: a key of %d bytes with tags of %d bits", ErrKeys, keyBytes, tagBits)
}

// wiped tells whether nothing but zeros is left of a secret. Keys that another
// stream wiped must not be used by mistake: everyone knows them.
func wiped(s secret.Bytes) bool {
	var all byte
	for _, b := range s.Expose() {
		all |= b
	}
	return all == 0
}
