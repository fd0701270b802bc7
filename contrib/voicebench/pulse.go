package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"karat/contrib/interop/lab"
)

// deviceLatency is what the sound server is asked for, by all phones.
const deviceLatency = 20 * time.Millisecond

// pulse is a sound server without a sound card: "mouth" is what alice's
// microphone hears, "ear" what bob's speaker plays; "elsewhere" takes and gives
// what nobody listens to.
type pulse struct {
	env []string
}

// alsaThroughPulse makes the server ALSA's default device.
const alsaThroughPulse = "pcm.!default { type pulse }\nctl.!default { type pulse }\n"

func startPulse(ctx context.Context, l *lab.Lab) (*pulse, error) {
	dir, err := l.Subdir("pulse")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "native")
	p := &pulse{env: []string{
		"PULSE_SERVER=unix:" + socket, "PULSE_RUNTIME_PATH=" + dir, "XDG_RUNTIME_DIR=" + dir,
		fmt.Sprintf("PULSE_LATENCY_MSEC=%d", deviceLatency.Milliseconds()),
		"HOME=" + dir, // the last: phones have homes of their own
	}}
	args := []string{
		"-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no", "--realtime=no", "--high-priority=no",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket=" + socket,
	}
	for _, sink := range sinks {
		args = append(args, "-L", fmt.Sprintf("module-null-sink sink_name=%[1]s rate=48000 sink_properties=device.description=%[1]s", sink))
	}
	if _, err := l.Start(ctx, lab.Command{Name: "pulseaudio", Path: "pulseaudio", Dir: dir, Args: args, Env: p.env}); err != nil {
		return nil, err
	}
	if err := p.ready(ctx, socket); err != nil {
		return nil, err
	}
	return p, p.keepAwake(ctx, l, dir)
}

var sinks = []string{"mouth", "ear", "elsewhere"}

// awake is how long a null sink takes to come to its pace.
const awake = 3 * time.Second

// keepAwake has somebody listen to each sink from the beginning. One to which nobody
// listens works two seconds ahead, as no sound card does, and takes up its pace only a
// while after somebody comes: what a phone plays in its first seconds would be late.
func (p *pulse) keepAwake(ctx context.Context, l *lab.Lab, dir string) error {
	for _, sink := range sinks {
		_, err := l.Start(ctx, lab.Command{
			Name: "listener-" + sink, Path: "sh", Dir: dir, Env: p.env,
			Args: []string{"-c", fmt.Sprintf("exec parec -d %s.monitor --raw --latency-msec=%d >/dev/null", sink, deviceLatency.Milliseconds())},
		})
		if err != nil {
			return err
		}
	}
	return wait(ctx, awake)
}

func (p *pulse) ready(ctx context.Context, socket string) error {
	for range 100 {
		if _, err := os.Stat(socket); err == nil {
			return wait(ctx, 500*time.Millisecond) // it loads what follows
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("pulseaudio does not start")
}

// sound is a sound card that hears one sink and plays into another.
func (p *pulse) sound(hears, plays string) *lab.Sound {
	return &lab.Sound{ALSA: alsaThroughPulse, Plays: plays, Env: append([]string{"PULSE_SOURCE=" + hears + ".monitor", "PULSE_SINK=" + plays}, p.env[:4]...)}
}

// tape is what a sink was given, and when its first sample was.
type tape struct {
	begin time.Time
	pcm   []int16
}

// record keeps what a sink is given until ctx ends.
func (p *pulse) record(ctx context.Context, sink string) (tape, error) {
	cmd := exec.CommandContext(ctx, "parec", "-d", sink+".monitor", "--rate=48000", "--channels=1", "--format=s16le", "--raw", "--latency-msec=10")
	cmd.Env = append(os.Environ(), p.env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return tape{}, err
	}
	if err := cmd.Start(); err != nil {
		return tape{}, err
	}
	var t tape
	buf := make([]byte, 1<<16)
	for {
		n, err := out.Read(buf)
		now := time.Now()
		for i := 0; i+2 <= n; i += 2 {
			t.pcm = append(t.pcm, int16(binary.LittleEndian.Uint16(buf[i:])))
		}
		// The least delayed read tells best when the first sample was.
		begin := now.Add(-time.Duration(len(t.pcm)) * time.Second / 48000)
		if t.begin.IsZero() || begin.Before(t.begin) {
			t.begin = begin
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				return t, err
			}
			_ = cmd.Wait() // it was ended by ctx
			return t, nil
		}
	}
}

// play plays a file into a sink, to its end.
func (p *pulse) play(ctx context.Context, sink, file string) error {
	cmd := exec.CommandContext(ctx, "paplay", "-d", sink, file)
	cmd.Env = append(os.Environ(), p.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("paplay: %w: %s", err, out)
	}
	return nil
}
