//go:build unix

package device

import (
	"os"

	"golang.org/x/sys/unix"
)

// quiet keeps what PortAudio's host APIs (JACK above all; ALSA is silenced by
// silenceALSA) print on standard error while they look for devices from the
// user's terminal, until restore is called. They write to file descriptor 2
// from C, so that is where it must be caught.
//
// The gap: whatever else the process writes to standard error meanwhile (up to
// two seconds with PulseAudio) is lost with it, a crash report included.
func quiet() (restore func()) {
	nothing := func() {}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nothing
	}
	defer null.Close() // only its descriptor's copy is used
	saved, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nothing
	}
	if err := unix.Dup2(int(null.Fd()), 2); err != nil {
		_ = unix.Close(saved) // a copy that was never used
		return nothing
	}
	return func() {
		_ = unix.Dup2(saved, 2) // both are open: it cannot fail
		_ = unix.Close(saved)
	}
}
