package demo

import (
	"net/netip"
	"sync/atomic"

	"karat/media/path"
	"karat/zrtp/wire"
)

// tap listens on one phone's media path, as somebody on the way would, and
// counts what it saw by what it was.
type tap struct {
	sent, received        atomic.Int64 // RTP class
	authenticated, forged atomic.Int64 // verdicts on what was received
	zrtp, other           atomic.Int64 // both ways
}

// hear is the path's tap. It runs in the voice's goroutines and only counts.
func (t *tap) hear(sent bool, class path.Class, _ netip.AddrPort, b []byte) {
	switch class {
	case path.RTP:
		if sent {
			t.sent.Add(1)
		} else {
			t.received.Add(1)
		}
	case path.ZRTP:
		if _, err := wire.ParsePacket(b); err != nil {
			t.other.Add(1)
			return
		}
		t.zrtp.Add(1)
	case path.Unknown, path.STUN, path.DTLS:
		t.other.Add(1)
	}
}

// judge hears whether a packet that arrived was authenticated SRTP.
func (t *tap) judge(_ []byte, authenticated bool) {
	if authenticated {
		t.authenticated.Add(1)
	} else {
		t.forged.Add(1)
	}
}

// clean tells whether everything that arrived was ZRTP or authenticated SRTP,
// and something did.
func (t *tap) clean() bool {
	return t.other.Load() == 0 && t.forged.Load() == 0 && t.zrtp.Load() > 0 &&
		t.received.Load() > 0 && t.authenticated.Load() == t.received.Load()
}
