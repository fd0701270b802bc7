package device

import (
	"fmt"
	"sync"

	"github.com/gordonklaus/portaudio"
)

// portAudio guards the library itself: its initialisation counts uses, and it
// is not safe for several goroutines.
var portAudio sync.Mutex

// initialize readies PortAudio; each success needs a terminate.
func initialize() error {
	portAudio.Lock()
	defer portAudio.Unlock()
	silenceALSA()
	restore := quiet()
	defer restore()
	if err := portaudio.Initialize(); err != nil {
		return fmt.Errorf("device: initialise PortAudio: %w", err)
	}
	return nil
}

func terminate() {
	portAudio.Lock()
	defer portAudio.Unlock()
	_ = portaudio.Terminate() // it fails only when it was not initialised
}

// Info is one sound device.
type Info struct {
	Name                string
	System              string // ALSA, Core Audio, ...
	Microphone, Speaker bool
	DefaultMicrophone   bool
	DefaultSpeaker      bool
}

// List tells the sound devices of this machine. It opens none of them.
func List() ([]Info, error) {
	if err := initialize(); err != nil {
		return nil, err
	}
	defer terminate()
	all, err := portaudio.Devices()
	if err != nil {
		return nil, fmt.Errorf("device: list the sound cards: %w", err)
	}
	mic, _ := portaudio.DefaultInputDevice()  // an error means there is none
	spk, _ := portaudio.DefaultOutputDevice() // likewise
	infos := make([]Info, 0, len(all))
	for _, d := range all {
		infos = append(infos, Info{
			Name:              d.Name,
			System:            d.HostApi.Name,
			Microphone:        d.MaxInputChannels > 0,
			Speaker:           d.MaxOutputChannels > 0,
			DefaultMicrophone: mic != nil && d.Index == mic.Index,
			DefaultSpeaker:    spk != nil && d.Index == spk.Index,
		})
	}
	return infos, nil
}
