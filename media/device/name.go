package device

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the kind of a device name.
type Kind uint8

// The kinds.
const (
	Hardware Kind = iota // Arg is the device's name, "" for the default one
	Null
	Tone // Hertz
	File // Arg is the path
)

// Name is a device name that was read.
type Name struct {
	Kind  Kind
	Arg   string
	Hertz float64
}

// The range of tones: what Opus at 48 kHz carries and a speaker plays.
const (
	minHertz = 20
	maxHertz = 20000
)

// IsHardware tells whether a name is that of a sound card. A name that cannot be
// read is not.
func IsHardware(name string) bool {
	n, err := ParseName(true, name)
	return err == nil && n.Kind == Hardware
}

// ParseName reads the name of a microphone (mic) or speaker. It opens nothing:
// an error means that no machine has such a device.
func ParseName(mic bool, name string) (Name, error) {
	kind, arg, _ := strings.Cut(name, ":")
	switch kind {
	case "":
		return Name{}, fmt.Errorf("device: the name of the %s is empty", role(mic))
	case "default":
		if name == kind {
			return Name{Kind: Hardware}, nil
		}
	case "null":
		if name == kind {
			return Name{Kind: Null}, nil
		}
	case "tone":
		return parseTone(mic, name, arg)
	case "file":
		if arg == "" {
			return Name{}, fmt.Errorf("device: %q names no file; write file:speech.wav", name)
		}
		return Name{Kind: File, Arg: arg}, nil
	}
	return Name{Kind: Hardware, Arg: name}, nil // "hw:0,0" has a colon too
}

func parseTone(mic bool, name, arg string) (Name, error) {
	if !mic {
		return Name{}, fmt.Errorf("device: %q is a microphone, not a speaker", name)
	}
	hz, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(hz >= minHertz && hz <= maxHertz) {
		return Name{}, fmt.Errorf("device: %q is not a tone of %d to %d Hz; write tone:440", name, minHertz, maxHertz)
	}
	return Name{Kind: Tone, Hertz: hz}, nil
}

func role(mic bool) string {
	if mic {
		return "microphone"
	}
	return "speaker"
}
