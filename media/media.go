// Package media is the voice of one call: it turns a microphone into SRTP
// packets of one size at one pace, and SRTP packets into sound.
//
// RTP is RFC 3550, SRTP RFC 3711 (AES_CM) and RFC 6188 (AES-256), Opus in RTP
// RFC 7587, RTCP on the same port RFC 5761. Keys come from outside as plain
// values; this package agrees on none, and sends nothing without them. It
// signals nothing, and sends in the clear only what is given to ArmClear.
//
// What is sent does not depend on what is said: packets leave on absolute ticks,
// 5 ms after their encoding began, however long it took, and a muted microphone
// is replaced by encoded room tone. Two Karats repair lost packets (package
// profile), which they announce in RTCP; size, pace and payload type stay. With phones
// that do not speak Opus the codecs of the telephone network do (RFC 3551).
package media

import (
	"errors"
	"log/slog"
	"time"

	"karat/internal/secret"
	"karat/media/device"
	"karat/media/path"
	"karat/media/profile"
)

// Config is what a Stream is made of.
type Config struct {
	Path path.Path
	// Device gives the microphone and the speaker; the Stream closes it.
	Device device.Device
	SSRC   uint32 // random, also told to ZRTP
	// Profile is the size and the pace of what is sent, for the whole call; nil:
	// profile.Standard.
	Profile *profile.Profile
	// Effort is shared with the other streams of the process; nil: there are none.
	Effort *Effort
	Logger *slog.Logger
	// Verdict, when set, hears of every RTP-class datagram whether it
	// authenticated. The demo's tap uses it. b is valid during the call.
	Verdict func(b []byte, authenticated bool)
}

// Keys are the SRTP keys of one stream, as plain values: Key 16 or 32 bytes,
// Salt 14, TagBits 32 or 80; or, for AES-GCM (RFC 7714), Salt 12 and TagBits
// 128.
type Keys struct {
	SendKey, SendSalt, ReceiveKey, ReceiveSalt secret.Bytes
	TagBits                                    int
}

// Wipe clears the keys' memory.
func (k Keys) Wipe() {
	for _, s := range []secret.Bytes{k.SendKey, k.SendSalt, k.ReceiveKey, k.ReceiveSalt} {
		s.Wipe()
	}
}

// Parameters are what signalling agreed on.
type Parameters struct {
	SendPT, ReceivePT, EventPT uint8
	// Codec is that of SendPT and ReceivePT.
	Codec Codec
	// Also are other payload types that may come at any time.
	Also []Payload
	// EventRate is the clock that durations of telephone events are told in;
	// 0: the peer takes none. Their timestamps are on the voice's clock (RFC 4733,
	// Section 2.2).
	EventRate int
	RTCPMux   bool
}

// codecOf is what is in a payload type.
func (p *Parameters) codecOf(pt uint8) (Codec, bool) {
	if pt == p.ReceivePT {
		return p.Codec, true
	}
	for _, also := range p.Also {
		if also.PT == pt {
			return also.Codec, true
		}
	}
	return 0, false
}

// Stats are counted since the beginning of the stream.
type Stats struct {
	Sent, Received, Lost, Late uint64
	// Restored packets were lost, and made anew from what came with later ones.
	Restored uint64
	// Concealed is in units of 20 ms that were made up, LossHeard its share of the
	// last seconds.
	Concealed                 uint64
	LossHeard                 float64
	Unauthenticated, Replayed uint64
	// Early packets came before ArmReceive, Ignored ones were genuine but no
	// voice of ours to play: telephone events, payload types and sources that
	// were not agreed on.
	Early, Ignored uint64
	// SendFailed packets were refused by the path.
	SendFailed         uint64
	Jitter, Delay, RTT time.Duration // RTT 0: not measured
	// Peak levels of the last second, in dBFS: of what was received, and of the
	// microphone, muted or not.
	ReceivedLevel, MicrophoneLevel float64
}

// Errors that callers act on.
var (
	ErrKeys      = errors.New("media: these are no SRTP keys")
	ErrArmed     = errors.New("media: the stream has its keys already")
	ErrNotArmed  = errors.New("media: no keys yet, nothing can be sent")
	ErrStarted   = errors.New("media: the stream was started already")
	ErrStopped   = errors.New("media: the stream was stopped and does not start again")
	ErrExhausted = errors.New("media: these keys have sealed all the packets they may")
)
