package request

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"karat/internal/secret"
)

// Epoch is where hours and steps begin. Before it all time is the first hour.
var Epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// KeyLen is the length of a request key in octets.
const KeyLen = 32

// Grace is how long after a full hour the key of the hour before is kept: for
// requests that were on their way, and clocks that are behind.
const Grace = 2 * time.Minute

// maxAhead bounds the work that a clock far ahead makes: forty years, some 0.2 s.
const maxAhead Hour = 40 * 366 * 24

// Hour is the number of a full hour since Epoch.
type Hour uint64

// HourOf is the hour of a moment.
func HourOf(now time.Time) Hour { return Hour(since(now) / time.Hour) }

// Kept is the oldest hour whose key is still needed: what is older is to be
// deleted, so that who steals the store later links no earlier request.
func Kept(now time.Time) Hour { return HourOf(now.Add(-Grace)) }

func since(now time.Time) time.Duration { return max(0, now.Sub(Epoch)) }

// Key is a request key at an hour.
type Key struct {
	secret secret.Bytes
	hour   Hour
}

// NewKey is the key that an exchange gave, at the beginning of the ratchet. The
// secret stays the caller's.
func NewKey(s secret.Bytes) Key { return Key{s, 0} }

// KeyAt is a key that was kept at an hour.
func KeyAt(s secret.Bytes, h Hour) Key { return Key{s, h} }

// Present tells whether there is a key.
func (k Key) Present() bool { return k.secret.Len() == KeyLen }

// Secret and Hour are what is to be kept of a key.
func (k Key) Secret() secret.Bytes { return k.secret }

// Hour is the hour that the key is for.
func (k Key) Hour() Hour { return k.hour }

// Advance returns the key at a later hour, in memory of its own; false for an hour
// that has passed: there is no way back. Also false for one that is out of reach,
// which only a wrong clock asks for.
func (k Key) Advance(to Hour) (Key, bool) {
	if !k.Present() || to < k.hour || to-k.hour > maxAhead {
		return Key{}, false
	}
	s := k.secret.Clone()
	for h := k.hour + 1; h <= to; h++ {
		next := hmac256(s, binary.BigEndian.AppendUint64([]byte("ratchet"), uint64(h)))
		s.Wipe()
		s = secret.Copy(next[:])
		clear(next[:])
	}
	return Key{s, to}, true
}

// IDKey is the key of the one-time ids of the secret that belongs to k.
func (k Key) IDKey() secret.Bytes {
	sum := hmac256(k.secret, []byte("rsID"))
	return secret.Own(sum[:])
}

// Wipe clears the key.
func (k Key) Wipe() { k.secret.Wipe() }

func hmac256(key secret.Bytes, message []byte) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, key.Expose())
	mac.Write(message)
	mac.Sum(sum[:0])
	return sum
}
