package cli

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"karat/internal/secret"
	"karat/media/device"
	"karat/sip"
	"karat/softphone/store"
)

// withStore opens the store of this home for as long as f runs.
func (e *env) withStore(f func(*store.Store) error) error {
	dir, err := e.home()
	if err != nil {
		return err
	}
	options := store.Options{Keyring: true, Attended: e.attended}
	if e.flags.PassphraseFile != "" {
		b, err := os.ReadFile(e.flags.PassphraseFile)
		if err != nil {
			return fmt.Errorf("the passphrase file cannot be read: %w", err)
		}
		options.Passphrase = secret.Own(trimNewline(b))
	}
	s, err := store.Open(dir, options)
	if err != nil {
		return err
	}
	defer s.Close()
	return f(s)
}

// home is where everything lasting lies: --home, else the XDG data folder.
func (e *env) home() (string, error) {
	if e.flags.Home != "" {
		return e.flags.Home, nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "karat"), nil
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", hinted{fmt.Errorf("there is no home folder: %w", err), "name one with --home"}
	}
	return filepath.Join(dir, ".local", "share", "karat"), nil
}

// checkTarget refuses what cannot be called before anything is opened.
func checkTarget(target string) error {
	if err := sip.CheckTarget(target); err != nil {
		return hinted{usageError{err}, "an address looks like sip:bob@example.org, or sip:bob@192.0.2.7:5060 for a direct call"}
	}
	return nil
}

// checkDevices refuses names that no device can have.
func checkDevices(mic, speaker string) error {
	for _, d := range []struct {
		name string
		mic  bool
	}{{mic, true}, {speaker, false}} {
		if d.name == "" {
			continue
		}
		if _, err := device.ParseName(d.mic, d.name); err != nil {
			return hinted{usageError{err}, "\"karat doctor\" lists the devices; null, tone:440 and file:x.wav always work"}
		}
	}
	return nil
}

// isNetwork tells errors that come from the network or the provider.
func isNetwork(err error) bool {
	return errors.Is(err, sip.ErrUnreachable) || errors.Is(err, sip.ErrAuth) || errors.Is(err, sip.ErrCertificate) || errors.Is(err, sip.ErrPin)
}

// interrupted calls f at the next interrupt, until stopped.
func interrupted(f func()) (stop func()) {
	ch := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(ch, os.Interrupt)
	go func() {
		select {
		case <-ch:
			f()
		case <-done:
		}
	}()
	return func() { signal.Stop(ch); close(done) }
}
