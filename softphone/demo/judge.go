package demo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"karat/media/correlate"
	"karat/media/wav"
	"karat/softphone/view"
)

// judge prints what was found and says what did not hold.
func (s *stage) judge() error {
	a, b := s.alice, s.bob
	if a.secure == nil || b.secure == nil {
		return errors.New("no keys were agreed")
	}
	fmt.Fprintf(s.Out, "\nThe code that the two would compare:\n    alice sees  %s\n    bob sees    %s\n", a.secure.SAS, b.secure.SAS)
	fmt.Fprintf(s.Out, "Agreed in %v: %s, %s, %s, %s\n", a.secure.Elapsed.Round(100*time.Microsecond), a.secure.KeyAgreement, a.secure.Hash, a.secure.Cipher, a.secure.AuthTag)
	fmt.Fprintf(s.Out, "\nThe assay of alice's call:\n")
	if a.assay != nil {
		for _, line := range view.Lines(*a.assay) {
			fmt.Fprintf(s.Out, "    %s\n", line)
		}
	}
	faults := []error{s.sameSAS(), s.private()}
	fmt.Fprintf(s.Out, "\nOn the media path:\n")
	for _, x := range []*actor{a, b} {
		faults = append(faults, s.tapped(x))
	}
	fmt.Fprintf(s.Out, "\nThe voice:\n")
	faults = append(faults, s.recorded(a, b), s.recorded(b, a))
	fmt.Fprintf(s.Out, "\nThe recordings lie in %s\n", s.Dir)
	return errors.Join(faults...)
}

func (s *stage) sameSAS() error {
	if s.alice.secure.SAS == "" || s.alice.secure.SAS != s.bob.secure.SAS {
		return errors.New("the two see different codes")
	}
	return nil
}

func (s *stage) private() error {
	for _, a := range []*actor{s.alice, s.bob} {
		if a.assay == nil || !a.assay.Report.Private {
			return fmt.Errorf("%s's call was not private", a.name)
		}
	}
	return nil
}

// tapped says what was seen on the way to and from one phone.
func (s *stage) tapped(a *actor) error {
	t := &a.tap
	fmt.Fprintf(s.Out, "    %s: %d ZRTP packets, %d voice packets sent, %d received and %d of them authenticated, %d of anything else\n",
		a.name, t.zrtp.Load(), t.sent.Load(), t.received.Load(), t.authenticated.Load(), t.other.Load())
	if !t.clean() {
		return fmt.Errorf("%s's media path carried something that was neither ZRTP nor authenticated SRTP", a.name)
	}
	return nil
}

// recorded compares what one actor heard with what the two said.
func (s *stage) recorded(listener, speaker *actor) error {
	heard, err := readFile(listener.heard)
	if err != nil {
		return err
	}
	other, err := samples(bytes.NewReader(speaker.speech))
	if err != nil {
		return err
	}
	own, err := samples(bytes.NewReader(listener.speech))
	if err != nil {
		return err
	}
	theirs, mine := correlate.Contains(heard, other), correlate.Contains(heard, own)
	m := listener.media
	fmt.Fprintf(s.Out, "    %s heard %s's speech: likeness %.2f (own %.2f, threshold %.2f); %d packets, %d lost, %d concealed, delay %v\n",
		listener.name, speaker.name, theirs, mine, correlate.Threshold, m.Received, m.Lost, m.Concealed, m.Delay.Round(time.Millisecond))
	switch {
	case theirs < correlate.Threshold:
		return fmt.Errorf("%s's recording does not contain %s's speech", listener.name, speaker.name)
	case mine >= correlate.Threshold:
		return fmt.Errorf("%s's recording contains %s's own speech", listener.name, listener.name)
	}
	return nil
}

func readFile(name string) ([]int16, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("nothing was recorded: %w", err)
	}
	defer f.Close()
	return samples(f)
}

// samples reads a WAV at the rate of all devices.
func samples(r io.Reader) ([]int16, error) {
	a, err := wav.Read(r)
	if err != nil {
		return nil, err
	}
	return a.At48k(), nil
}
