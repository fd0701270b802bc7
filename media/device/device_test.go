package device_test

import (
	"bytes"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"karat/media/device"
	"karat/media/device/devicetest"
	"karat/media/wav"
)

func open(t *testing.T, mic, speaker string) device.Device {
	t.Helper()
	d, err := device.Open(mic, speaker, device.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// speech is a recording of another rate than the device's.
const speech = "../../testdata/speech/alice.wav"

func TestSuite(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ mic, speaker string }{
		{"null", "null"},
		{"tone:440", "null"},
		{"file:" + speech, "file:" + filepath.Join(dir, "x.wav")},
	} {
		synctest.Test(t, func(t *testing.T) {
			devicetest.Run(t, true, func(t *testing.T) device.Device { return open(t, c.mic, c.speaker) })
		})
	}
}

// TestSoundCard runs the suite on a real sound card, where the environment says
// that there is one.
func TestSoundCard(t *testing.T) {
	if os.Getenv("KARAT_TEST_SOUND_CARD") == "" {
		t.Skip("KARAT_TEST_SOUND_CARD is not set")
	}
	infos, err := device.List()
	if err != nil || !slices.ContainsFunc(infos, func(i device.Info) bool { return i.DefaultMicrophone }) {
		t.Errorf("listed %+v, %v; want a default microphone among them", infos, err)
	}
	for _, c := range []struct{ mic, speaker string }{
		{"default", "default"}, {"default", "null"}, {"null", "default"},
	} {
		devicetest.Run(t, false, func(t *testing.T) device.Device { return open(t, c.mic, c.speaker) })
	}
}

// TestTicks: frames come on absolute ticks, however long each was worked on,
// and after a long pause they do not come in a burst.
func TestTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, "tone:440", "null")
		defer d.Close()
		start := time.Now()
		var f device.Frame
		read := func(want time.Duration) {
			t.Helper()
			if err := d.Read(&f); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got != want {
				t.Errorf("a frame at %v, want %v", got, want)
			}
		}
		const ms = time.Millisecond
		read(20 * ms)
		time.Sleep(13 * ms)
		read(40 * ms)
		time.Sleep(75 * ms) // until 115: the frames of 60, 80 and 100 wait
		read(115 * ms)
		read(115 * ms)
		read(115 * ms)
		read(120 * ms)
		time.Sleep(time.Hour)
		now := time.Since(start)
		read(now)
		read(now + 20*ms)
	})
}

// TestFileMicrophone plays the whole file, then silence.
func TestFileMicrophone(t *testing.T) {
	a, err := wav.ReadFile(speech)
	if err != nil {
		t.Fatal(err)
	}
	want := a.At48k()
	synctest.Test(t, func(t *testing.T) {
		d := open(t, "file:"+speech, "null")
		defer d.Close()
		var got []int16
		var f device.Frame
		for len(got) < len(want)+5*len(f) {
			if err := d.Read(&f); err != nil {
				t.Fatal(err)
			}
			got = append(got, f[:]...)
		}
		for i, v := range got {
			if i < len(want) && v != want[i] || i >= len(want) && v != 0 {
				t.Fatalf("sample %d is %d", i, v)
			}
		}
	})
}

func TestTone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, "tone:1000", "null")
		defer d.Close()
		var f device.Frame
		crossings, last := 0, int16(0)
		for range 50 {
			if err := d.Read(&f); err != nil {
				t.Fatal(err)
			}
			for _, v := range f {
				if last < 0 && v >= 0 {
					crossings++
				}
				last = v
			}
		}
		if math.Abs(float64(crossings)-1000) > 1 {
			t.Errorf("%d periods in a second, want 1000", crossings)
		}
	})
}

// playFrames lets a device ask for frames, which fill makes, and be silent after them.
func playFrames(t *testing.T, d device.Device, frames int, fill func(n int, samples []int16)) {
	t.Helper()
	done, n := make(chan struct{}), 0
	d.Play(func(samples []int16) {
		if n < frames {
			fill(n, samples)
		}
		if n++; n == frames {
			close(done)
		}
	})
	<-done
	d.Play(nil)
}

// TestRecording writes what is played, and nothing while nobody plays.
func TestRecording(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.wav")
	synctest.Test(t, func(t *testing.T) {
		d := open(t, "null", "file:"+path)
		playFrames(t, d, 100, func(n int, samples []int16) { clear(samples); samples[0] = int16(n + 1) })
		time.Sleep(time.Second)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	})
	a, err := wav.ReadFile(path)
	if err != nil || len(a.Samples) != 100*device.FrameSamples || a.Samples[99*device.FrameSamples] != 100 {
		t.Errorf("%d samples, %v", len(a.Samples), err)
	}
}

// TestFullDisk: a full disk ends the recording with one sentence, in the log
// and from Close, and does not stop the call.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	if _, err := device.Open("null", "file:/dev/full", device.Options{}); err == nil {
		t.Error("a recording began on a full disk")
	} else if !strings.Contains(err.Error(), "no space left") || strings.Contains(err.Error(), "\n") {
		t.Errorf("the sentence is %q", err)
	}
}

// TestDiskFillsUp is the same, once the recording has begun.
func TestDiskFillsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.wav")
	var log bytes.Buffer
	limitFileSize(t, 20_000)
	synctest.Test(t, func(t *testing.T) {
		d, err := device.Open("null", "file:"+path, device.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		playFrames(t, d, 100, func(_ int, samples []int16) { clear(samples) })
		synctest.Wait()
		if err := d.Close(); err == nil || !strings.Contains(err.Error(), "the recording ends here") {
			t.Errorf("Close: %v", err)
		}
	})
	if n := strings.Count(log.String(), "the recording ends here"); n != 1 {
		t.Errorf("logged %d times, want once: %s", n, log.String())
	}
	if a, err := wav.ReadFile(path); err != nil || len(a.Samples) < 9000 {
		t.Errorf("what was recorded is lost: %d samples, %v", len(a.Samples), err)
	}
}

func TestParseName(t *testing.T) {
	for _, c := range []struct {
		mic  bool
		name string
		want device.Name
		fail string
	}{
		{true, "default", device.Name{Kind: device.Hardware}, ""},
		{false, "default", device.Name{Kind: device.Hardware}, ""},
		{true, "null", device.Name{Kind: device.Null}, ""},
		{true, "tone:440", device.Name{Kind: device.Tone, Hertz: 440}, ""},
		{true, "tone:0.5e3", device.Name{Kind: device.Tone, Hertz: 500}, ""},
		{true, "file:a:b.wav", device.Name{Kind: device.File, Arg: "a:b.wav"}, ""},
		{false, "file:x.wav", device.Name{Kind: device.File, Arg: "x.wav"}, ""},
		{true, "HDA Intel PCH: ALC (hw:0,0)", device.Name{Kind: device.Hardware, Arg: "HDA Intel PCH: ALC (hw:0,0)"}, ""},
		{true, "", device.Name{}, "the name of the microphone is empty"},
		{false, "", device.Name{}, "the name of the speaker is empty"},
		{false, "tone:440", device.Name{}, "is a microphone"},
		{true, "tone", device.Name{}, "write tone:440"},
		{true, "tone:", device.Name{}, "write tone:440"},
		{true, "tone:NaN", device.Name{}, "write tone:440"},
		{true, "tone:1e9", device.Name{}, "not a tone of 20 to 20000 Hz"},
		{true, "file:", device.Name{}, "names no file"},
	} {
		got, err := device.ParseName(c.mic, c.name)
		if got != c.want || (err == nil) != (c.fail == "") || err != nil && !strings.Contains(err.Error(), c.fail) {
			t.Errorf("%q: %+v, %v; want %+v, %q", c.name, got, err, c.want, c.fail)
		}
	}
}

// TestOpenFails with one sentence each, and leaves nothing open.
func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.wav")
	if err := os.WriteFile(text, []byte("this is no sound at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ mic, speaker, want string }{
		{"file:" + filepath.Join(dir, "none.wav"), "null", "no such file"},
		{"file:" + text, "null", "not a WAV file"},
		{"file:" + dir, "null", "is a directory"},
		{"null", "file:" + filepath.Join(dir, "none", "x.wav"), "no such file"},
		{"null", "file:" + dir, "is a directory"},
		{"null", "tone:440", "not a speaker"},
	} {
		d, err := device.Open(c.mic, c.speaker, device.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s, %s: %v, %v; want a sentence with %q", c.mic, c.speaker, d, err, c.want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, "tone:440", "null")
		defer d.Close()
		f := new(device.Frame)
		d.Play(func(samples []int16) { clear(samples) })
		n := testing.AllocsPerRun(100, func() {
			if d.Read(f) != nil { // the speaker asks at the same pace
				t.Fail()
			}
		})
		if n != 0 {
			t.Errorf("%v allocations a frame, want none", n)
		}
	})
}
