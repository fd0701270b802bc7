package device

import (
	"fmt"
	"log/slog"
)

// Options are what a device may need besides its names.
type Options struct {
	// Logger hears of what goes wrong without stopping the call: a disk that
	// is full while recording, a sound card that stumbles. Nil: nobody does.
	Logger *slog.Logger
}

// Open opens a microphone and a speaker by their names. If both are sound
// cards they are opened as one duplex stream.
func Open(mic, speakerName string, opts Options) (Device, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	in, err := ParseName(true, mic)
	if err != nil {
		return nil, err
	}
	out, err := ParseName(false, speakerName)
	if err != nil {
		return nil, err
	}
	if in.Kind == Hardware && out.Kind == Hardware {
		return openHardware(&in.Arg, &out.Arg, opts)
	}
	m, err := openMicrophone(in, opts)
	if err != nil {
		return nil, err
	}
	s, err := openSpeaker(out, opts)
	if err != nil {
		_ = m.Close() // nothing was captured yet
		return nil, err
	}
	return pair{m, s}, nil
}

func openMicrophone(n Name, opts Options) (microphone, error) {
	switch n.Kind {
	case Null:
		return newNullMicrophone(), nil
	case Tone:
		return newToneMicrophone(n.Hertz), nil
	case File:
		return newFileMicrophone(n.Arg)
	case Hardware:
		return openHardware(&n.Arg, nil, opts)
	}
	return nil, fmt.Errorf("device: no microphone of kind %d", n.Kind)
}

func openSpeaker(n Name, opts Options) (speaker, error) {
	switch n.Kind {
	case Null:
		return newNullSpeaker(), nil
	case File:
		return newFileSpeaker(n.Arg, opts)
	case Hardware:
		return openHardware(nil, &n.Arg, opts)
	case Tone:
	}
	return nil, fmt.Errorf("device: no speaker of kind %d", n.Kind)
}
