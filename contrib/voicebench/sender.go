package main

import (
	"errors"
	"flag"
	"net"
	"runtime"
	"time"

	"github.com/hraban/opus"
	"golang.org/x/sys/unix"

	"karat/contrib/voicebench/quality"
	"karat/media/wav"
)

// senderCommand runs this program as one of the senders that tell what is said:
// what the test for leaks must find.
const senderCommand = "send"

// The senders, all with Karat's codec.
const (
	// encodeThenSend encodes on the tick and sends what is ready.
	encodeThenSend = "encode then send"
	// variable sends on the tick what was encoded before, at its own size.
	variable = "variable bitrate"
	// discontinuous sends nothing while nothing is said.
	discontinuous = "discontinuous"
)

var tellingSenders = []string{encodeThenSend, variable, discontinuous}

const (
	frameTime      = 20 * time.Millisecond
	frameSamples   = quality.Rate / 50
	tellingBitrate = 24000
	// telling is the encoder's complexity: libopus' own default. Karat's costs
	// less time, and so tells less.
	telling = 9
)

// runSender sends a file to an address as RTP in clear: the contents do not
// matter here.
func runSender(args []string) error {
	f := flag.NewFlagSet(senderCommand, flag.ContinueOnError)
	kind := f.String("kind", encodeThenSend, "which")
	file := f.String("file", "", "what is said")
	to := f.String("to", "", "address")
	if err := f.Parse(args); err != nil {
		return err
	}
	a, err := wav.ReadFile(*file)
	if err != nil {
		return err
	}
	conn, err := net.Dial("udp", *to)
	if err != nil {
		return err
	}
	defer conn.Close()
	s, err := newSender(*kind, conn)
	if err != nil {
		return err
	}
	return s.run(a.At48k())
}

type sender struct {
	kind    string
	encoder *opus.Encoder
	conn    net.Conn
	packet  [12 + 400]byte
	size    int // of what is ready, with the header; 0: nothing
}

func newSender(kind string, conn net.Conn) (*sender, error) {
	e, err := opus.NewEncoder(quality.Rate, 1, opus.AppVoIP)
	if err != nil {
		return nil, err
	}
	s := &sender{kind: kind, encoder: e, conn: conn}
	s.packet[0], s.packet[1] = 0x80, 111
	return s, errors.Join(e.SetBitrate(tellingBitrate), e.SetComplexity(telling), e.SetDTX(kind == discontinuous))
}

// run sends every 20 ms, at absolute times. It waits in the kernel: Go's timers
// are late by up to a millisecond, which would hide what this sender is to tell.
func (s *sender) run(pcm []int16) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var next unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &next); err != nil {
		return err
	}
	for n := uint16(0); len(pcm) >= frameSamples; n++ {
		for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &next, nil) == unix.EINTR {
		}
		if s.kind == encodeThenSend {
			if err := s.encode(pcm[:frameSamples]); err != nil {
				return err
			}
		}
		s.packet[2], s.packet[3] = byte(n>>8), byte(n)
		if s.size > 0 {
			_, _ = s.conn.Write(s.packet[:s.size]) // nobody listens there, which comes back as an error
		}
		if s.kind != encodeThenSend {
			if err := s.encode(pcm[:frameSamples]); err != nil {
				return err
			}
		}
		pcm = pcm[frameSamples:]
		next = unix.NsecToTimespec(next.Nano() + frameTime.Nanoseconds())
	}
	return nil
}

func (s *sender) encode(frame []int16) error {
	payload := s.packet[12:]
	if s.kind != variable {
		payload = payload[:tellingBitrate/8/50]
	}
	n, err := s.encoder.Encode(frame, payload)
	switch {
	case err != nil:
		return err
	case s.kind == discontinuous && n <= 2: // what libopus says need not be sent
		s.size = 0
		return nil
	case s.kind != variable:
		n = len(payload) // what fills it up does not matter here
	}
	s.size = 12 + n
	return nil
}
