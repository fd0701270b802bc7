package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/voicebench/quality"
	"karat/media/wav"
)

// needed is what the bench installs.
var needed = []lab.Tool{
	{Needed: "linphonec", Package: "linphone-cli"},
	{Needed: "baresip", Package: "baresip-core"},
	{Needed: "ip", Package: "iproute2"},
	{Needed: "ffmpeg", Package: "ffmpeg"}, // reads G.722
	{Needed: "pulseaudio", Package: "pulseaudio"},
	{Needed: "parec", Package: "pulseaudio-utils"},
	{Needed: "/usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so", Package: "libasound2-plugins"},
	{Needed: soundFolder + "/demo-abouttotry.g722", Package: "asterisk-core-sounds-en-g722"},
	{Needed: speakers[1] + "/demo-abouttotry.g722", Package: "asterisk-core-sounds-fr-g722"},
	{Needed: speakers[2] + "/demo-abouttotry.g722", Package: "asterisk-core-sounds-ru-g722"},
}

// soundFolder holds wideband recordings of a speaker, made for announcements.
const soundFolder = "/usr/share/asterisk/sounds/en_US_f_Allison"

// sentences are long announcements; the first three are the speech of a cell.
var sentences = []string{"demo-abouttotry", "demo-moreinfo", "vm-opts-full", "demo-congrats", "basic-pbx-ivr-main", "demo-nogo"}

// lead is silence before the speech, in which calls settle.
const lead = 1500 * time.Millisecond

// recorded decodes announcements and joins them, at 48 kHz.
func recorded(ctx context.Context, o options, names ...string) ([]int16, error) {
	return recordedBy(ctx, o, soundFolder, names...)
}

// recordedBy does so with a speaker's folder.
func recordedBy(ctx context.Context, o options, folder string, names ...string) ([]int16, error) {
	var all []int16
	for _, name := range names {
		path := filepath.Join(o.scratch, filepath.Base(folder)+"-"+name+".wav")
		cmd := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "g722", "-i", filepath.Join(folder, name+".g722"), path)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("decoding %s: %w: %s", name, err, out)
		}
		a, err := wav.ReadFile(path)
		if err != nil {
			return nil, err
		}
		all = append(all, a.At48k()...)
	}
	if len(all) < 5*quality.Rate {
		return nil, errors.New("there is too little speech")
	}
	return all, nil
}

// spoken is what is said in a cell.
type spoken struct {
	pcm     []int16
	path    string // of a file that holds it
	silence string // and of one that holds nothing
	length  time.Duration
	// sound are the sound cards of alice, who says it, and bob; nil means files.
	sound map[string]*lab.Sound
}

func cellSpeech(ctx context.Context, o options) (spoken, error) {
	names := sentences[:3]
	if o.quick {
		names = sentences[:1]
	}
	pcm, err := recorded(ctx, o, names...)
	if err != nil {
		return spoken{}, err
	}
	s := spoken{pcm: append(make([]int16, int(lead.Seconds()*quality.Rate)), pcm...)}
	s.length = time.Duration(len(s.pcm)) * time.Second / quality.Rate
	s.path, s.silence = filepath.Join(o.scratch, "speech.wav"), filepath.Join(o.scratch, "silence.wav")
	return s, errors.Join(
		lab.WriteWAV(s.path, lab.Recording{Rate: quality.Rate, Samples: s.pcm}, 1),
		lab.WriteWAV(s.silence, lab.Recording{Rate: quality.Rate, Samples: faint(len(s.pcm))}, 1))
}

// faint is a room without people: none of the phones is given digital zero.
func faint(n int) []int16 {
	out := make([]int16, n)
	state := uint32(1)
	for i := range out {
		state = state*1664525 + 1013904223
		out[i] = int16(state>>28) - 8
	}
	return out
}
