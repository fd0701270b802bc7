package device

// The one format of all devices: mono, 48 kHz, 20 ms frames of float32 or int16.
const (
	SampleRate   = 48000
	FrameSamples = 960 // 20 ms
)

// Frame is 20 ms of one channel.
type Frame [FrameSamples]int16

// Device is a microphone and a speaker that run on one clock. Read and Write
// pace the voice: Read blocks until 20 ms were captured, Write until there is
// room for 20 ms; both return an error after Close.
type Device interface {
	Read(f *Frame) error
	Write(f *Frame) error
	// Close stops both and flushes what is recorded; Read and Write return.
	Close() error
}
