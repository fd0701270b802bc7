package apm

/*
#cgo pkg-config: webrtc-audio-processing
#cgo CXXFLAGS: -std=c++11
#include "webrtc.h"
*/
import "C"

import (
	"errors"
	"unsafe"

	"karat/media/device"
)

// library is the C++ library's state. Nothing of it is allocated or locked by
// Go, and a call takes some tens of microseconds.
type library struct{ state *C.karat_apm }

var errLibrary = errors.New("apm: webrtc-audio-processing refused")

func newLibrary() (*library, error) {
	state := C.karat_apm_new(device.SampleRate)
	if state == nil {
		return nil, errLibrary
	}
	return &library{state}, nil
}

func (l *library) free() {
	C.karat_apm_free(l.state)
	l.state = nil
}

func (l *library) far(f *device.Frame) error {
	if C.karat_apm_far(l.state, (*C.int16_t)(unsafe.Pointer(&f[0])), C.int(len(f))) != 0 {
		return errLibrary
	}
	return nil
}

func (l *library) near(f *device.Frame, delayMilliseconds int) error {
	if C.karat_apm_near(l.state, (*C.int16_t)(unsafe.Pointer(&f[0])), C.int(len(f)), C.int(delayMilliseconds)) != 0 {
		return errLibrary
	}
	return nil
}
