package device

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"karat/media/wav"
)

// newFileMicrophone reads a whole file now, so that the voice never waits for
// a disk. It is played once, then there is silence.
func newFileMicrophone(path string) (microphone, error) {
	a, err := wav.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("device: open the file microphone: %w", err)
	}
	rest := a.At48k()
	return newPacedMicrophone(func(f *Frame) {
		n := copy(f[:], rest)
		clear(f[n:])
		rest = rest[n:]
	}), nil
}

// recorderFrames is how far a disk may lag behind before frames are lost, 5 s.
const recorderFrames = 250

// recorder writes frames to a file on a goroutine of its own: a slow or full
// disk must not stop a call.
type recorder struct {
	file   *os.File
	writer *wav.Writer
	frames chan Frame
	lost   atomic.Uint64
	wg     sync.WaitGroup
	log    *slog.Logger
	err    error // of the goroutine; read after wg.Wait
}

func newFileSpeaker(path string, opts Options) (speaker, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("device: open the recording: %w", err)
	}
	w, err := wav.NewWriter(f)
	if err != nil {
		_ = f.Close() // the first error is the one to tell
		return nil, fmt.Errorf("device: begin the recording %s: %w", path, err)
	}
	r := &recorder{file: f, writer: w, frames: make(chan Frame, recorderFrames), log: opts.Logger}
	r.wg.Go(r.run)
	return newPacedSpeaker(r.take, r.end), nil
}

func (r *recorder) take(f *Frame) {
	select {
	case r.frames <- *f:
	default:
		r.lost.Add(1)
	}
}

func (r *recorder) run() {
	for f := range r.frames {
		if r.err != nil {
			continue
		}
		if err := r.writer.Write(f[:]); err != nil {
			r.err = fmt.Errorf("device: the recording ends here, the call goes on: %w", err)
			r.log.Warn(r.err.Error())
		}
	}
}

// end is called once, when no take can follow.
func (r *recorder) end() error {
	close(r.frames)
	r.wg.Wait()
	err := r.err
	if n := r.lost.Load(); err == nil && n > 0 {
		err = fmt.Errorf("device: the disk was too slow for the recording: %d frames are missing", n)
	}
	if e := r.writer.Close(); err == nil {
		err = e
	}
	if e := r.file.Close(); err == nil && e != nil {
		err = fmt.Errorf("device: close the recording: %w", e)
	}
	return err
}
