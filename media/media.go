package media

import (
	"log/slog"
	"net/netip"
	"time"

	"karat/internal/secret"
	"karat/media/device"
	"karat/media/path"
)

// Config is what a Stream is made of.
type Config struct {
	Path path.Path
	// Device gives the microphone and the speaker; the Stream closes it.
	Device device.Device
	SSRC   uint32 // random, also told to ZRTP
	Logger *slog.Logger
	// Verdict, when set, hears of every RTP-class datagram whether it
	// authenticated. The demo's tap uses it. b is valid during the call.
	Verdict func(b []byte, authenticated bool)
}

// Keys are the SRTP keys of one stream, as plain values: Key 16 or 32 bytes,
// Salt 14, TagBits 32 or 80.
type Keys struct {
	SendKey, SendSalt, ReceiveKey, ReceiveSalt secret.Bytes
	TagBits                                    int
}

// Parameters are what signalling agreed on.
type Parameters struct {
	SendPT, ReceivePT, EventPT uint8
	RTCPMux                    bool
}

// Stats are counted since the beginning of the stream.
type Stats struct {
	Sent, Received, Lost, Concealed, Late uint64
	Unauthenticated, Replayed             uint64
	Jitter, Delay, RTT                    time.Duration // RTT 0: not measured
	// PeakLevel of what was received in the last second, in dBFS.
	ReceivedLevel float64
}

// Authenticated is told once per new source address, with the fork it came by.
type Authenticated func(fork path.Fork, from netip.AddrPort)
