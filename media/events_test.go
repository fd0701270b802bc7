package media

import (
	"encoding/binary"
	"errors"
	"testing"
)

// A key is ten packets in place of voice: one timestamp, a growing duration, the
// end said thrice; then a pause. Every key is the same to who counts.
func TestItem63_KeysAreSentWhole(t *testing.T) {
	for _, rate := range []int{48000, 8000} {
		var k keypad
		if err := k.press([]byte{5, 11, 5}); err != nil {
			t.Fatal(err)
		}
		var ear keyEar
		var keys []byte
		ends, events, timestamp := 0, 0, uint32(4294967000) // over the wrap
		for tick := range 3 * (eventTicks + eventRepeats + eventPause) {
			e, ok := k.next(timestamp, rate, 960)
			timestamp += 960
			if inKey := tick % 14; ok != (inKey < 10) {
				t.Fatalf("tick %d: an event: %v", tick, ok)
			} else if !ok {
				continue
			} else if e.marker != (inKey == 0) {
				t.Errorf("tick %d: marker %v", tick, e.marker)
			} else if got, want := binary.BigEndian.Uint16(e.payload[2:]), uint16(min(inKey+1, 8)*rate/50); got != want {
				t.Errorf("tick %d: duration %d, want %d", tick, got, want)
			}
			events++
			if e.payload[1]&0x80 != 0 {
				ends++
			}
			if tick%3 == 1 { // two of three packets are lost
				if code, fresh := ear.hear(e.timestamp, e.payload[:]); fresh {
					keys = append(keys, code)
				}
			}
		}
		if string(keys) != "\x05\x0b\x05" || events != 30 || ends != 9 {
			t.Errorf("at %d Hz: keys %v of %d packets, %d ends", rate, keys, events, ends)
		}
	}
}

func TestItem63_KeysAreBounded(t *testing.T) {
	var k keypad
	if err := k.press([]byte{16}); err == nil {
		t.Error("16 is no key")
	}
	for range maxKeys {
		if err := k.press([]byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.press([]byte{1}); !errors.Is(err, ErrTooManyKeys) {
		t.Errorf("%v", err)
	}
	var ear keyEar
	for _, bad := range [][]byte{nil, {1}, {1, 2, 3}, {16, 0, 0, 0}, {255, 0, 0, 0}} {
		if _, fresh := ear.hear(7, bad); fresh {
			t.Errorf("%v is a key", bad)
		}
	}
}
