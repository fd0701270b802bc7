package device

import (
	"errors"
	"fmt"
	"log/slog"
)

// Options are what a device may need besides its names.
type Options struct {
	// Logger hears of what goes wrong without stopping the call: a disk that
	// is full while recording, a sound card that stumbles. Nil: nobody does.
	Logger *slog.Logger
	// Trouble, when set, hears in a sentence that a sound card went away or came
	// back. It is called from a goroutine of the device and must not block.
	Trouble func(sentence string)
}

// say tells the user what became of a sound card.
func (o Options) say(what string, gone bool) {
	if o.Trouble == nil {
		return
	}
	sentence := "there is a " + what + " again"
	if gone {
		sentence = "the " + what + " is gone or does not open; the call goes on without it until there is one"
	}
	o.Trouble(sentence)
}

// Open opens a microphone and a speaker by their names.
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
		return openCards(in.Arg, out.Arg, opts)
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

// openCards opens two sound cards, or the halves of one. With one of them alone a
// call can begin: it says so, and looks for the other.
func openCards(mic, speakerName string, opts Options) (Device, error) {
	m := newHardwareMicrophone(openCard(true, mic), opts)
	s := newHardwareSpeaker(openCard(false, speakerName), opts)
	noMic, noSpeaker := m.start(), s.start()
	switch {
	case noMic != nil && noSpeaker != nil:
		return nil, errors.Join(noMic, noSpeaker)
	case noMic != nil:
		m.startWithout(noMic)
	case noSpeaker != nil:
		s.startWithout(noSpeaker)
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
		m := newHardwareMicrophone(openCard(true, n.Arg), opts)
		return m, m.start()
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
		s := newHardwareSpeaker(openCard(false, n.Arg), opts)
		return s, s.start()
	case Tone:
	}
	return nil, fmt.Errorf("device: no speaker of kind %d", n.Kind)
}
