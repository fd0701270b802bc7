package store

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"

	"karat/internal/secret"
)

// ring is a keyring, as far as the store needs one; tests have one in memory.
// An item that is not there is keyring.ErrNotFound.
type ring interface {
	get(user string) (string, error)
	set(user, value string) error
}

// ringService is the name that our items have in the keyring.
const ringService = "karat"

// How long the keyring may take. It is another process, and go-keyring waits
// for it without end.
const (
	unattendedPatience = 3 * time.Second // nobody is asked anything
	attendedPatience   = 2 * time.Minute // somebody may be typing a password
)

var (
	errRingSilent  = errors.New("it does not answer")
	errRingLocked  = errors.New("it is locked, and nobody is here to unlock it")
	errRingForgets = errors.New("it does not give back what was put in")
)

// desktopRing is the desktop's. It is asked only after ringReady found a
// service that answers, and whose collection is open unless attended.
type desktopRing struct {
	attended bool
	patience time.Duration
}

var _ ring = desktopRing{}

func newDesktopRing(attended bool) desktopRing {
	if attended {
		return desktopRing{attended, attendedPatience}
	}
	return desktopRing{attended, unattendedPatience}
}

func (r desktopRing) get(user string) (value string, err error) {
	return bounded(r, func() (string, error) { return keyring.Get(ringService, user) })
}

func (r desktopRing) set(user, value string) error {
	_, err := bounded(r, func() (struct{}, error) { return struct{}{}, keyring.Set(ringService, user, value) })
	return err
}

// bounded gives the keyring the time it has. go-keyring cannot be called off:
// one goroutine stays behind for every keyring that falls silent in the middle,
// at most one for each time a store is opened.
func bounded[T any](r desktopRing, ask func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), r.patience)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		if a.err = ringReady(ctx, r.attended); a.err == nil {
			a.value, a.err = ask()
		}
		answered <- a
	}()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, errRingSilent
	}
}

// ringUser is the name of a store's item in the keyring.
func (h header) ringUser() string { return "store " + hex.EncodeToString(h.id[:]) }

// makeRingKey puts a fresh key into the keyring, and looks whether it is there.
func makeRingKey(r ring, h header) (secret.Bytes, error) {
	key := newKey()
	if err := r.set(h.ringUser(), base64.StdEncoding.EncodeToString(key.Expose())); err != nil {
		return secret.Bytes{}, err
	}
	back, err := readRingKey(r, h)
	if err != nil || !back.Equal(key) {
		return secret.Bytes{}, errRingForgets
	}
	return key, nil
}

func readRingKey(r ring, h header) (secret.Bytes, error) {
	value, err := r.get(h.ringUser())
	if errors.Is(err, keyring.ErrNotFound) {
		return secret.Bytes{}, fmt.Errorf("%w: the desktop keyring does not have it; the store was made on another machine or by another user, or the keyring was emptied", ErrNoKey)
	}
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("%w: it is in the desktop keyring, which is out of reach here: %w; start Karat in the desktop's session", ErrNoKey, err)
	}
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(raw) != keyBytes {
		return secret.Bytes{}, fmt.Errorf("%w: what the desktop keyring has is not a key", ErrNoKey)
	}
	return secret.Own(raw), nil
}
