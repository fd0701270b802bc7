package device

/*
#cgo LDFLAGS: -lasound
#include <alsa/asoundlib.h>

static void silent(const char *file, int line, const char *function, int err, const char *fmt, ...) {}
static void silence_alsa(void) { snd_lib_error_set_handler(silent); }
*/
import "C"

import "os"

// silenceALSA keeps ALSA from printing on standard error, from any thread and
// for good: it tells of each device that it did not find, and of each underrun
// during a call. What matters comes back as an error of PortAudio.
func silenceALSA() { C.silence_alsa() }

// soundCards changes when a sound card comes or goes.
func soundCards() string {
	b, err := os.ReadFile("/proc/asound/cards")
	if err != nil {
		return "" // no sound cards in this kernel: then it is a server's, and the list stays
	}
	return string(b)
}
