package dtlssrtp

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pair starts two ends on a network that loses what lost says.
func pair(t *testing.T, change func(a, b *Config), lost func(n int) bool) (a, b *Handshake) {
	t.Helper()
	toA, toB := make(chan []byte, 64), make(chan []byte, 64)
	var certs [2]Certificate
	for i := range certs {
		c, err := NewCertificate()
		if err != nil {
			t.Fatal(err)
		}
		certs[i] = c
	}
	var n atomic.Int64
	send := func(to chan []byte) func([]byte) error {
		return func(p []byte) error {
			if i := int(n.Add(1)); lost == nil || !lost(i) {
				to <- bytes.Clone(p)
			}
			return nil
		}
	}
	ca := Config{Certificate: certs[0], Fingerprints: []string{certs[1].Fingerprint()}, Active: true, Send: send(toB), In: toA}
	cb := Config{Certificate: certs[1], Fingerprints: []string{"sha-1 00:11", certs[0].Fingerprint()}, Send: send(toA), In: toB}
	if change != nil {
		change(&ca, &cb)
	}
	return Start(ca), Start(cb)
}

// Both ends have the same keys, crosswise, by the best profile.
func TestKeysAreEqual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, nil, nil)
		ra, rb := <-a.Done(), <-b.Done()
		if ra.Err != nil || rb.Err != nil {
			t.Fatal(ra.Err, rb.Err)
		}
		ka, kb := ra.Keys, rb.Keys
		if ka.TagBits != 128 || ka.SendKey.Len() != 32 || ka.SendSalt.Len() != 12 ||
			!ka.SendKey.Equal(kb.ReceiveKey) || !ka.ReceiveKey.Equal(kb.SendKey) || !ka.SendSalt.Equal(kb.ReceiveSalt) || !ka.ReceiveSalt.Equal(kb.SendSalt) ||
			ka.SendKey.Equal(ka.ReceiveKey) {
			t.Error("the keys do not fit")
		}
		a.Close()
		b.Close()
	})
}

// Somebody with another certificate than the signalling announced gets no keys.
func TestWrongFingerprint(t *testing.T) {
	other, err := NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(a, b *Config){
		"of the one who answers": func(a, _ *Config) { a.Fingerprints = []string{other.Fingerprint()} },
		"of the one who begins":  func(_, b *Config) { b.Fingerprints = []string{other.Fingerprint()} },
		"none":                   func(_, b *Config) { b.Fingerprints = nil },
		"by a weak hash": func(a, b *Config) {
			a.Fingerprints = []string{"sha-1 " + strings.TrimPrefix(b.Certificate.Fingerprint(), "sha-256 ")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, change, nil)
				ra, rb := <-a.Done(), <-b.Done()
				if !errors.Is(ra.Err, ErrFingerprint) && !errors.Is(rb.Err, ErrFingerprint) {
					t.Errorf("%v; %v", ra.Err, rb.Err)
				}
				if ra.Err == nil && rb.Err == nil {
					t.Error("both have keys")
				}
				a.Close()
				b.Close()
			})
		})
	}
}

// Lost datagrams are sent again; where nobody answers the end comes in time, and
// Close ends it before.
func TestLossAndSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, nil, func(n int) bool { return n == 1 || n == 4 })
		if ra, rb := <-a.Done(), <-b.Done(); ra.Err != nil || rb.Err != nil {
			t.Errorf("%v; %v", ra.Err, rb.Err)
		}
		a.Close()
		b.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		a, b := pair(t, nil, func(int) bool { return true })
		if r := <-a.Done(); !errors.Is(r.Err, ErrHandshake) || time.Since(began) != patience {
			t.Errorf("%v after %v", r.Err, time.Since(began))
		}
		a.Close()
		b.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, nil, func(int) bool { return true })
		time.Sleep(time.Second)
		a.Close()
		b.Close()
		if r := <-a.Done(); r.Err == nil {
			t.Error("keys out of nothing")
		}
	})
}
