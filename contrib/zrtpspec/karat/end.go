// Package karat is Karat's engine as one of the two ends that M is between (package
// middle), and as little of a phone around it as that needs. The tester itself does
// not import it: it has a key schedule of its own.
package karat

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"karat/contrib/zrtpspec/middle"
	"karat/internal/secret"
	"karat/zrtp"
)

// Phone is what lasts from one call to the next.
type Phone struct {
	ZID zrtp.ZID
	// Friends are those that it shares a secret with.
	Friends map[zrtp.ZID]zrtp.Retained
}

// NewPhone has met nobody.
func NewPhone() *Phone {
	p := &Phone{Friends: map[zrtp.ZID]zrtp.Retained{}}
	_, _ = rand.Read(p.ZID[:])
	return p
}

// Befriend has two phones share a secret, and both users have compared the SAS.
func Befriend(a, b *Phone) {
	var rs1 [32]byte
	_, _ = rand.Read(rs1[:])
	a.Friends[b.ZID] = zrtp.Retained{RS1: secret.Copy(rs1[:]), Verified: true}
	b.Friends[a.ZID] = zrtp.Retained{RS1: secret.Copy(rs1[:]), Verified: true}
}

// End is the phone in one call.
type End struct {
	*zrtp.Session
	phone *Phone
	fate  middle.Fate
}

var _ middle.End = (*End)(nil)

// Call begins one. announced are the hashes of Hello that signalling told it.
func (p *Phone) Call(offer middle.Offer, announced ...string) (*End, error) {
	var ssrc [4]byte
	_, _ = rand.Read(ssrc[:])
	s, err := zrtp.NewSession(zrtp.Config{
		ZID: p.ZID, SSRC: binary.BigEndian.Uint32(ssrc[:]), Expiry: zrtp.ExpiryNever,
		PeerHelloHashes: announced,
		Retained: func(zid zrtp.ZID) (zrtp.Retained, bool) {
			r, ok := p.Friends[zid]
			return r, ok
		},
		Algorithms: zrtp.Algorithms(offer),
	})
	return &End{Session: s, phone: p}, err
}

// Said are its packets.
func (e *End) Said() (packets [][]byte) {
	for pkt, ok := e.NextPacket(); ok; pkt, ok = e.NextPacket() {
		packets = append(packets, pkt)
	}
	return packets
}

// Advance does nothing before something is due.
func (e *End) Advance(now time.Time) {
	if at := e.Deadline(); !at.IsZero() && !now.Before(at) {
		e.Session.Advance(now)
	}
}

// Fate is what it told its owner. What it is to remember it does, unless its user
// has an alarm to settle first.
func (e *End) Fate() middle.Fate {
	for event, ok := e.NextEvent(); ok; event, ok = e.NextEvent() {
		switch event := event.(type) {
		case zrtp.KeysAgreed:
			e.fate.Sends, e.fate.Hears = named(event.Keys.Send), named(event.Keys.Receive)
			event.Keys.Wipe()
		case zrtp.Secure:
			e.secure(event)
		case zrtp.Failed:
			e.failed(event)
		case zrtp.Mismatch:
			e.fate.Alarmed = true
		}
	}
	return e.fate
}

func (e *End) secure(s zrtp.Secure) {
	e.fate.Secure, e.fate.SAS, e.fate.Known, e.fate.Verified = true, s.SAS, s.Known, s.Verified
	e.fate.Alarmed = e.fate.Alarmed && s.Mismatched
	if !s.Mismatched {
		e.phone.Friends[s.Peer] = s.Remember
	}
}

func (e *End) failed(f zrtp.Failed) {
	e.fate.Failed, e.fate.ByPeer = true, f.ByPeer
	var fault *zrtp.ProtocolError
	if errors.As(f.Err, &fault) && !f.ByPeer {
		e.fate.Code = fault.Code
	}
}

// named stands for the keys of one direction. They are those of a test.
func named(d zrtp.Direction) string {
	return hex.EncodeToString(d.Key.Expose()) + hex.EncodeToString(d.Salt.Expose())
}
