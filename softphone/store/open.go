package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"karat/internal/secret"
)

// Options say how to open a store.
type Options struct {
	// Passphrase, when present, seals a new store, and opens one that is sealed
	// with a passphrase. An existing store that is sealed another way is an
	// error, so that nobody believes a passphrase guards what it does not.
	Passphrase secret.Bytes
	// Keyring allows the desktop keyring to seal a new store, and to open one
	// that it sealed.
	Keyring bool
	// Attended: somebody is there to unlock the keyring when it asks. Otherwise
	// nothing prompts, and a keyring that is locked counts as absent.
	Attended bool
	// StateDir is where the witness lies; empty: $XDG_STATE_HOME/karat/witness,
	// else ~/.local/state/karat/witness. It must not lie in the home. Give short-lived
	// homes one of their own.
	StateDir string
}

// Store is an open store. It is safe for concurrent use. What it returns is the
// caller's own copy.
type Store struct {
	home    string
	sys     system
	lock    *os.File
	witness witness
	header  header
	keys    keys

	writing sync.Mutex // one change at a time; guards: last
	last    mark       // what lies on the disk

	mu      sync.Mutex // guards: the rest; never held while writing
	state   *state
	notices []string
	closed  bool
	deaf    bool // it was said that the witness cannot be told
}

// system is the world outside, as far as the store needs it.
type system struct {
	disk    disk
	ring    ring
	now     func() time.Time
	machine string
	kdf     kdf
}

// Open opens the store in a home, and makes both where there are none. The
// home is locked for other processes until Close. Read Notices afterwards.
func Open(dir string, o Options) (*Store, error) {
	return open(dir, o, system{
		disk: osDisk{}, ring: newDesktopRing(o.Attended), now: time.Now, machine: machineID(), kdf: defaultKDF,
	})
}

func open(dir string, o Options, sys system) (*Store, error) {
	home, notice, err := prepareHome(dir)
	if err != nil {
		return nil, err
	}
	lock, err := lockHome(home)
	if err != nil {
		return nil, err
	}
	if o.StateDir == "" {
		o.StateDir = defaultStateDir()
	}
	s := &Store{home: home, sys: sys, lock: lock, witness: newWitness(sys.disk, o.StateDir, home, sys.machine)}
	s.notice(notice)
	if err := s.load(o); err != nil {
		s.keys.wipe()
		lock.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) load(o Options) error {
	sealed, err := readFile(s.path("store"), maxStoreBytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.create(o)
	case err != nil:
		return fmt.Errorf("the store %s cannot be read: %w", s.path("store"), plain(err))
	}
	return s.open(o, sealed)
}

// create makes a new store.
func (s *Store) create(o Options) error {
	_, err := s.witness.read()
	if err == nil {
		s.notice("The store that was here is gone, so this is a new and empty one: people you talked with before will get an alarm, and have to compare the code with you again.")
	}
	key, err := s.newSealing(o)
	if err != nil {
		return err
	}
	defer key.Wipe()
	if s.keys, err = expand(key, s.header); err != nil {
		return err
	}
	fresh := &state{}
	rand.Read(fresh.directZID[:])
	return s.save(fresh)
}

// newSealing chooses how a new store is sealed: by the passphrase that was
// given, else the keyring, else a key file.
func (s *Store) newSealing(o Options) (secret.Bytes, error) {
	if o.Passphrase.Present() {
		s.header = newHeader(Passphrase, s.sys.kdf)
		return s.header.stretch(o.Passphrase), nil
	}
	why := "the desktop keyring was not to be used"
	if o.Keyring {
		s.header = newHeader(Keyring, s.sys.kdf)
		key, err := makeRingKey(s.sys.ring, s.header)
		if err == nil {
			return key, nil
		}
		why = fmt.Sprintf("the desktop keyring cannot be used: %v", err)
	}
	s.header = newHeader(KeyFile, s.sys.kdf)
	s.notice(fmt.Sprintf("The store's key lies in a file beside it (%s), because %s. Who copies both can read your contacts and secrets; --passphrase-file seals a new store better.", s.path("store.key"), why))
	return makeKeyFile(s.sys.disk, s.path("store.key"))
}

// open opens an existing store.
func (s *Store) open(o Options, sealed []byte) error {
	h, err := parseHeader(sealed)
	if err != nil {
		return s.unreadable(err)
	}
	s.header = h
	key, err := s.existingKey(o)
	if err != nil {
		return err
	}
	defer key.Wipe()
	if s.keys, err = expand(key, h); err != nil {
		return err
	}
	inside, err := unseal(h, s.keys, sealed)
	if err != nil {
		return s.unreadable(err)
	}
	defer clear(inside)
	if s.state, err = decode(inside); err != nil {
		return s.unreadable(err)
	}
	s.last = markOf(s.state.generation, sealed)
	s.hearWitness()
	return nil
}

// existingKey gets the key that the header asks for.
func (s *Store) existingKey(o Options) (secret.Bytes, error) {
	sealing := s.header.sealing
	switch {
	case sealing == Passphrase && !o.Passphrase.Present():
		return secret.Bytes{}, fmt.Errorf("%w: give it with --passphrase-file", ErrNoPassphrase)
	case sealing == Passphrase:
		return s.header.stretch(o.Passphrase), nil
	case o.Passphrase.Present():
		return secret.Bytes{}, fmt.Errorf("%w: by %v, not with a passphrase; leave --passphrase-file away", ErrWrongSealing, sealing)
	case sealing == Keyring && !o.Keyring:
		return secret.Bytes{}, fmt.Errorf("%w: by %v, which was not to be used", ErrWrongSealing, sealing)
	case sealing == Keyring:
		return readRingKey(s.sys.ring, s.header)
	}
	key, wide, err := readKeyFile(s.path("store.key"))
	if wide {
		s.notice(fmt.Sprintf("Other users of this machine could read the store's key (%s): it was closed to them now.", s.path("store.key")))
	}
	return key, err
}

// unreadable makes the sentence for a file that cannot be opened, and sets a
// damaged one aside. One that a key does not fit stays where it is: the key may
// be the wrong one.
func (s *Store) unreadable(cause error) error {
	switch {
	case errors.Is(cause, errNewer):
		return fmt.Errorf("%w: update Karat; nothing was changed", ErrNewer)
	case errors.Is(cause, errWrongKey) && s.header.sealing == Passphrase:
		return fmt.Errorf("%w, or the first bytes of %s were damaged; nothing was changed", ErrWrongPassphrase, s.path("store"))
	case errors.Is(cause, errWrongKey):
		return fmt.Errorf("%w: the one in %v belongs to another store, or the first bytes of %s were damaged; nothing was changed", ErrNoKey, s.header.sealing, s.path("store"))
	}
	return s.setAside(cause)
}

// hearWitness says what the witness has to say, and makes this store the one it
// knows. The generation moves past all that is known of, so that the other copy
// is noticed, too, should it come back.
func (s *Store) hearWitness() {
	notice, highest := s.witness.examine(s.header.id, s.keys, s.last)
	if notice == "" {
		return
	}
	s.notice(notice)
	next := s.state.clone()
	next.generation = highest
	if err := s.save(next); err != nil {
		s.notice("It could not be written anew: " + err.Error() + ".")
	}
}

func (s *Store) notice(sentence string) {
	if sentence == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notices = append(s.notices, sentence)
}

// Notices returns what the user should know about the store, a sentence each:
// what Open found, and what went wrong since. Each is returned once.
func (s *Store) Notices() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := s.notices
	s.notices = nil
	return said
}

// Sealing tells what holds the key: a line in the assay.
func (s *Store) Sealing() Sealing { return s.header.sealing }

// Close lets go of the home and wipes the secrets in memory. Everything is
// saved already.
func (s *Store) Close() error {
	s.writing.Lock() // waits for a change in progress
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.state.wipe()
	s.state = &state{}
	s.keys.wipe()
	return s.lock.Close()
}
