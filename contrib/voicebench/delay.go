package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"karat/contrib/interop/lab"
	"karat/contrib/interop/link"
	"karat/contrib/voicebench/quality"
)

// lateness is how late one phone's voice is, mouth to ear.
type lateness struct {
	Phone string
	// First is the delay in the first second of speech, Median that over all, in
	// milliseconds; Spread between the least and the most.
	First, Median, Spread float64
	Listening             float64
	CPU                   float64 // seconds a second, with a sound card; 0: not measured
}

// bareLoop is no phone.
const bareLoop = "bare device loop"

// measureDelay makes one call of each phone through virtual devices, one after
// the other, on a line without any delay.
func measureDelay(ctx context.Context, o options) error {
	s, err := cellSpeech(ctx, o)
	if err != nil {
		return err
	}
	var all []lateness
	for _, p := range append([]phone{{bareLoop, nil}}, phones(o.karat)...) {
		l, err := lab.New(filepath.Join(o.scratch, "delay-"+strings.ReplaceAll(p.name, " ", "-")), firstPort)
		if err != nil {
			return err
		}
		r, err := delayOf(ctx, l, p, s)
		if err = errors.Join(err, l.Close()); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Printf("%-17s %.0f ms at first, %.0f ms in the middle, within %.0f ms, listening %.2f, CPU %.3f\n", r.Phone, r.First, r.Median, r.Spread, r.Listening, r.CPU)
		all = append(all, r)
	}
	return o.keep("delay", all)
}

func delayOf(ctx context.Context, l *lab.Lab, p phone, s spoken) (lateness, error) {
	ctx, cancel := context.WithTimeout(ctx, s.length+2*callLimit)
	defer cancel()
	server, err := startPulse(ctx, l)
	if err != nil {
		return lateness{}, err
	}
	s.sound = map[string]*lab.Sound{"alice": server.sound("mouth", "elsewhere"), "bob": server.sound("elsewhere", "ear")}
	var mouth, ear tape
	var cost call
	speak := func(left, right *lab.Process) error {
		var group sync.WaitGroup
		var cerr, err error
		if left != right {
			group.Go(func() { cerr = cost.costs(ctx, left, right) })
		}
		mouth, ear, err = server.listen(ctx, s)
		group.Wait()
		return errors.Join(cerr, err)
	}
	if p.talk == nil {
		err = loopOf(ctx, l, server, speak)
	} else {
		var line *link.Link
		if line, err = (link.Line{Name: "-d"}).Join(ctx, nil); err != nil {
			return lateness{}, err
		}
		_, err = p.talk(ctx, l, line, s, speak)
		err = errors.Join(err, line.Close())
	}
	if err != nil {
		return lateness{}, err
	}
	report := quality.Measure(mouth.pcm, ear.pcm)
	ahead := ear.begin.Sub(mouth.begin)
	begin := firstSound(mouth.pcm)
	return lateness{
		Phone: p.name, Listening: report.Listening, CPU: cost.CPU,
		First:  milliseconds(report.Alignment.At(begin+500*time.Millisecond) + ahead),
		Median: milliseconds(report.Alignment.Median() + ahead),
		Spread: milliseconds(report.Alignment.Spread()),
	}, nil
}

// firstSound is when a tape is first louder than a room.
func firstSound(pcm []int16) time.Duration {
	for i, v := range pcm {
		if v > 1000 || v < -1000 {
			return time.Duration(i) * time.Second / quality.Rate
		}
	}
	return 0
}

// listen plays the speech into the mouth and records mouth and ear meanwhile.
func (p *pulse) listen(ctx context.Context, s spoken) (mouth, ear tape, err error) {
	during, end := context.WithCancel(ctx)
	defer end()
	var group sync.WaitGroup
	var merr, eerr error
	group.Go(func() { mouth, merr = p.record(during, "mouth") })
	group.Go(func() { ear, eerr = p.record(during, "ear") })
	err = errors.Join(wait(ctx, 300*time.Millisecond), p.play(ctx, "mouth", s.path), wait(ctx, time.Second))
	end()
	group.Wait()
	return mouth, ear, errors.Join(err, merr, eerr)
}

// loopOf runs the bare loop while it is listened to: two programs of the sound
// server's own, and a pipe.
func loopOf(ctx context.Context, l *lab.Lab, server *pulse, speak func(_, _ *lab.Process) error) error {
	format := fmt.Sprintf("--rate=48000 --channels=1 --format=s16le --raw --latency-msec=%d", deviceLatency.Milliseconds())
	p, err := l.Start(ctx, lab.Command{
		Name: "loop", Path: "sh", Dir: l.Dir, Env: server.env,
		Args: []string{"-c", fmt.Sprintf("parec -d mouth.monitor %[1]s | pacat -d ear %[1]s", format)},
	})
	if err != nil {
		return err
	}
	return errors.Join(wait(ctx, 2*time.Second), speak(p, p), p.Stop())
}

func reportDelay(o options, _ string, b *strings.Builder) error {
	var all []lateness
	if there, err := o.kept("delay", &all); err != nil || !there {
		return err
	}
	b.WriteString("## Delay from mouth to ear\n\nThrough virtual devices: PulseAudio's null sinks, asked for 20 ms, and ALSA's pulse plugin; one call after the other, on a line without delay; somebody listens to each sink from the beginning, or it would work seconds ahead, as no sound card does. The bare device loop is the sound server alone: its own recorder piped into its own player.\n\n| | first second, ms | median, ms | over the bare loop | within, ms | Listening | CPU seconds a second |\n|---|---|---|---|---|---|---|\n")
	bare := all[0].Median
	for _, r := range all {
		fmt.Fprintf(b, "| %s | %.0f | %.0f | %+.0f | %.0f | %.2f | %.3f |\n", r.Phone, r.First, r.Median, r.Median-bare, r.Spread, r.Listening, r.CPU)
	}
	for _, r := range all {
		if r.Phone != "karat" {
			continue
		}
		verdict := "not met"
		if r.Median <= bare+50 && r.First <= bare+50 {
			verdict = "met"
		}
		fmt.Fprintf(b, "\nThe aim is the bare loop and 50 ms, from the first second on: %s. Of Karat's %.0f ms the devices take %.0f, a frame 20, the encoder looks 6.5 ahead, the line takes none; what is left, %.0f, is the buffer, the second device's frame and the pacing of both ends.\n\n",
			verdict, r.Median, bare, r.Median-bare-26.5)
	}
	return nil
}
