package apm

/*
#cgo pkg-config: speexdsp
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
*/
import "C"

import (
	"errors"
	"unsafe"

	"karat/media/device"
)

const (
	// tail is how long after a sound was played its echo may still come: the
	// buffers of both devices, and 200 ms of room.
	tail = 300 * device.SampleRate / 1000
	// What is left of the echo is lowered by so many decibels: while the other end
	// alone talks, and while both do. The latter is what hurts the near voice.
	suppressAlone = -60
	suppressBoth  = -10
)

// speex is the library's state. Only the microphone's goroutine uses it.
type speex struct {
	echo  *C.SpeexEchoState
	clean *C.SpeexPreprocessState
}

var errLibrary = errors.New("apm: speexdsp refused")

func newSpeex() (*speex, error) {
	s := &speex{
		echo:  C.speex_echo_state_init(device.FrameSamples, tail),
		clean: C.speex_preprocess_state_init(device.FrameSamples, device.SampleRate),
	}
	if s.echo == nil || s.clean == nil {
		s.free()
		return nil, errLibrary
	}
	rate, alone, both := C.int(device.SampleRate), C.int(suppressAlone), C.int(suppressBoth)
	C.speex_echo_ctl(s.echo, C.SPEEX_ECHO_SET_SAMPLING_RATE, unsafe.Pointer(&rate))
	C.speex_preprocess_ctl(s.clean, C.SPEEX_PREPROCESS_SET_ECHO_STATE, unsafe.Pointer(s.echo))
	C.speex_preprocess_ctl(s.clean, C.SPEEX_PREPROCESS_SET_ECHO_SUPPRESS, unsafe.Pointer(&alone))
	C.speex_preprocess_ctl(s.clean, C.SPEEX_PREPROCESS_SET_ECHO_SUPPRESS_ACTIVE, unsafe.Pointer(&both))
	return s, nil
}

// cancel takes the echo of far, and noise, out of near.
func (s *speex) cancel(far, near, out *device.Frame) {
	C.speex_echo_cancellation(s.echo, samples(near), samples(far), samples(out))
	C.speex_preprocess_run(s.clean, samples(out))
}

func samples(f *device.Frame) *C.spx_int16_t { return (*C.spx_int16_t)(unsafe.Pointer(&f[0])) }

func (s *speex) free() {
	if s.clean != nil {
		C.speex_preprocess_state_destroy(s.clean)
	}
	if s.echo != nil {
		C.speex_echo_state_destroy(s.echo)
	}
	s.echo, s.clean = nil, nil
}
