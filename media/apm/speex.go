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
)

const (
	// tail is how long after a sound was played its echo may still come: the
	// buffers of both devices, and 200 ms of room.
	tail = 300 * rate / 1000
	// What is left of the echo is lowered by so many decibels: while the other end
	// alone talks, and while both do. The latter is what hurts the near voice.
	suppressAlone = -60
	suppressBoth  = -10

	// loudness is what speech is brought to, in libspeexdsp's measure of loudness: about
	// -24 dBFS with its pauses, and peaks at half of what there is. mostGain, in
	// decibels, is for microphones that are far away. What is loud is lowered at once,
	// and what is quiet raised slowly: by so many decibels a second.
	loudness = 16000
	mostGain = 18
	raising  = 6
	lowering = -40
	// audible is the energy of a frame, as a mean of squares, that comes back as an
	// echo (-60 dBFS), and echoing is how many frames later there is none of it left.
	audible = 1000
	echoing = tail/frameSamples + 10
)

// speex is the library's state. Only the microphone's goroutine uses it.
type speex struct {
	echo       *C.SpeexEchoState
	clean      *C.SpeexPreprocessState
	beside     frame
	suppressor *suppressor
	level      level
	raised     *C.int // what the library would raise this frame by, in decibels
	echoes     int    // frames in which there is still an echo
}

var errLibrary = errors.New("apm: speexdsp refused")

func newSpeex() (*speex, error) {
	s := &speex{
		suppressor: newSuppressor(),
		level:      level{1},
		raised:     new(C.int),
		echo:       C.speex_echo_state_init(frameSamples, tail),
		clean:      C.speex_preprocess_state_init(frameSamples, rate),
	}
	if s.echo == nil || s.clean == nil {
		s.free()
		return nil, errLibrary
	}
	hertz, alone, both := C.int(rate), C.int(suppressAlone), C.int(suppressBoth)
	C.speex_echo_ctl(s.echo, C.SPEEX_ECHO_SET_SAMPLING_RATE, unsafe.Pointer(&hertz))
	C.speex_preprocess_ctl(s.clean, C.SPEEX_PREPROCESS_SET_ECHO_STATE, unsafe.Pointer(s.echo))
	C.speex_preprocess_ctl(s.clean, C.SPEEX_PREPROCESS_SET_ECHO_SUPPRESS, unsafe.Pointer(&alone))
	C.speex_preprocess_ctl(s.clean, C.SPEEX_PREPROCESS_SET_ECHO_SUPPRESS_ACTIVE, unsafe.Pointer(&both))
	return s, s.controlGain()
}

// controlGain has speech, and nothing else, brought to one level.
func (s *speex) controlGain() error {
	on, level, most, down := C.int(1), C.float(loudness), C.int(mostGain), C.int(lowering)
	for _, c := range []struct {
		request C.int
		value   unsafe.Pointer
	}{
		{C.SPEEX_PREPROCESS_SET_AGC, unsafe.Pointer(&on)},
		{C.SPEEX_PREPROCESS_SET_AGC_LEVEL, unsafe.Pointer(&level)},
		{C.SPEEX_PREPROCESS_SET_AGC_MAX_GAIN, unsafe.Pointer(&most)},
		{C.SPEEX_PREPROCESS_SET_AGC_DECREMENT, unsafe.Pointer(&down)},
	} {
		if C.speex_preprocess_ctl(s.clean, c.request, c.value) != 0 {
			return errLibrary // built without floating point: it has none
		}
	}
	s.raise(raising)
	return nil
}

// raise sets by how many decibels a second what is quiet is raised.
func (s *speex) raise(by C.int) {
	C.speex_preprocess_ctl(s.clean, C.SPEEX_PREPROCESS_SET_AGC_INCREMENT, unsafe.Pointer(&by))
}

// guardEcho has nothing raised while the other end is heard: what is left of its
// echo sounds like somebody who speaks quietly.
func (s *speex) guardEcho(far *frame) {
	before := s.echoes
	if energy(far) > audible {
		s.echoes = echoing
	} else {
		s.echoes = max(s.echoes-1, 0)
	}
	switch {
	case before == 0 && s.echoes > 0:
		s.raise(0)
	case before > 0 && s.echoes == 0:
		s.raise(raising)
	}
}

// energy is the mean of the squares.
func energy(f *frame) (e int64) {
	for _, v := range f {
		e += int64(v) * int64(v)
	}
	return e / int64(len(f))
}

// cancel takes the echo of far, and noise, out of near. The library's own suppressor
// would delay it by a frame: it works beside, for what it says of the level.
func (s *speex) cancel(far, near, out *frame) {
	s.guardEcho(far)
	C.speex_echo_cancellation(s.echo, samples(near), samples(far), samples(out))
	s.beside = *out
	C.speex_preprocess_run(s.clean, samples(&s.beside))
	s.suppressor.clean(near, out)
	C.speex_preprocess_ctl(s.clean, C.SPEEX_PREPROCESS_GET_AGC_GAIN, unsafe.Pointer(s.raised))
	s.level.apply(out, float64(*s.raised))
}

func samples(f *frame) *C.spx_int16_t { return (*C.spx_int16_t)(unsafe.Pointer(&f[0])) }

func (s *speex) free() {
	if s.clean != nil {
		C.speex_preprocess_state_destroy(s.clean)
	}
	if s.echo != nil {
		C.speex_echo_state_destroy(s.echo)
	}
	s.echo, s.clean = nil, nil
	s.beside = frame{}
	s.suppressor.wipe()
}
