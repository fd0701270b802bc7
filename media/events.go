package media

import (
	"encoding/binary"
	"errors"

	"karat/media/device"
)

// Keys of a telephone inside SRTP (RFC 4733): an event takes the place of voice,
// packet for packet, so that the pace does not change. Its payload type stands
// in the clear, as SRTP leaves all headers: who watches sees that a key was
// pressed and when, not which, for every key lasts equally long. Padding the
// packets to the size of voice would hide nothing.

const (
	// eventTicks is how long a key sounds, 160 ms or, in longer packets, more: some
	// gateways miss what is shorter than 100. The last packet is sent thrice (RFC 4733, Section
	// 2.5.1.4), and then comes a pause of voice.
	eventTicks, eventRepeats, eventPause = 8, 2, 4
	// eventVolume is -10 dBm0 (RFC 4733, Section 2.5.2.4: 0 to 36 is usual).
	eventVolume = 10
	// eventBytes of a payload (RFC 4733, Section 2.3):
	//
	//	| event | E R volume | duration |
	eventBytes = 4
	// maxKeys that wait: more than a person dials at once.
	maxKeys = 64
	// lastKey is the last of the sixteen keys: 0..9, *, #, A..D.
	lastKey = 15
)

// errKeyCode: there are sixteen keys.
var errKeyCode = errors.New("media: no key of a telephone")

// ErrTooManyKeys: the keys before are not sent yet.
var ErrTooManyKeys = errors.New("media: too many keys at once")

// ErrNoEvents: the peer takes no telephone events.
var ErrNoEvents = errors.New("media: the other end takes no telephone keys in its voice stream")

// keypad sends keys, one after the other.
type keypad struct {
	waiting [maxKeys]byte
	n       int
	tick    int // of the key that is being sent, from 0
	start   uint32
}

// press adds keys.
func (k *keypad) press(codes []byte) error {
	for _, c := range codes {
		if c > lastKey {
			return errKeyCode
		}
	}
	if k.n+len(codes) > maxKeys {
		return ErrTooManyKeys
	}
	k.n += copy(k.waiting[k.n:], codes)
	return nil
}

// event is what is sent at a tick in place of voice.
type event struct {
	payload   [eventBytes]byte
	timestamp uint32
	marker    bool
}

// next is the event of a tick whose voice would have this timestamp; false: it is
// voice's. Durations are in units of the event's own clock; a tick has so many
// samples.
func (k *keypad) next(timestamp uint32, rate, samples int) (event, bool) {
	if k.n == 0 {
		return event{}, false
	}
	tick := k.tick
	k.tick++
	if tick == 0 {
		k.start = timestamp
	}
	if tick >= eventTicks+eventRepeats {
		if tick == eventTicks+eventRepeats+eventPause-1 {
			copy(k.waiting[:], k.waiting[1:k.n])
			k.n, k.tick = k.n-1, 0
		}
		return event{}, false
	}
	e := event{timestamp: k.start, marker: tick == 0}
	e.payload[0], e.payload[1] = k.waiting[0], eventVolume
	if tick >= eventTicks-1 {
		e.payload[1] |= 1 << 7 // the end
	}
	ticks := min(tick+1, eventTicks)
	binary.BigEndian.PutUint16(e.payload[2:], uint16(ticks*samples*rate/device.SampleRate))
	return e, true
}

// keyEar puts the packets of events together: each event is heard once, however
// often its packets come, and whichever of them are lost.
type keyEar struct {
	last  uint32 // timestamp of the event heard last
	heard bool
}

// hear takes a payload, and returns a key that is new. The first packet of an
// event tells it, so that the loss of the last ones loses no key.
func (k *keyEar) hear(timestamp uint32, payload []byte) (code byte, fresh bool) {
	if len(payload) < eventBytes || payload[0] > lastKey {
		return 0, false
	}
	if k.heard && int32(timestamp-k.last) <= 0 {
		return 0, false // of the same event, or of one before
	}
	k.last, k.heard = timestamp, true
	return payload[0], true
}
