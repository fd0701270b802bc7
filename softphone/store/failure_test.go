package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSentences has each failure, the error that callers see, and words that
// the user must read.
func TestSentences(t *testing.T) {
	edit := func(change func(file []byte) []byte) func(*bench) {
		return func(b *bench) {
			file, err := os.ReadFile(b.path("store"))
			must(b.t, err)
			must(b.t, os.WriteFile(b.path("store"), change(file), 0o600))
		}
	}
	tests := []struct {
		name    string
		sealing Sealing
		harm    func(*bench)
		want    error
		says    []string
	}{
		{
			"wrong passphrase", Passphrase, func(b *bench) { b.opts.Passphrase = sec("open barley") },
			ErrWrongPassphrase,
			[]string{"passphrase is wrong", "nothing was changed"},
		},
		{
			"no passphrase", Passphrase, func(b *bench) { b.opts = Options{StateDir: b.opts.StateDir} },
			ErrNoPassphrase,
			[]string{"--passphrase-file"},
		},
		{
			"passphrase for a key file", KeyFile, func(b *bench) { b.opts.Passphrase = sec("x") },
			ErrWrongSealing,
			[]string{"a key file", "leave --passphrase-file away"},
		},
		{
			"passphrase for a keyring", Keyring, func(b *bench) { b.opts.Passphrase = sec("x") },
			ErrWrongSealing,
			[]string{"the desktop keyring", "leave --passphrase-file away"},
		},
		{
			"keyring forbidden", Keyring, func(b *bench) { b.opts.Keyring = false },
			ErrWrongSealing,
			[]string{"the desktop keyring"},
		},
		{
			"keyring out of reach", Keyring, func(b *bench) { b.sys.ring = &memoryRing{broken: errRingSilent} },
			ErrNoKey,
			[]string{"does not answer", "desktop's session"},
		},
		{
			"keyring locked", Keyring, func(b *bench) { b.sys.ring = &memoryRing{broken: errRingLocked} },
			ErrNoKey,
			[]string{"locked"},
		},
		{
			"keyring emptied", Keyring, func(b *bench) { clear(b.sys.ring.(*memoryRing).items) },
			ErrNoKey,
			[]string{"keyring does not have it"},
		},
		{"keyring item spoilt", Keyring, func(b *bench) {
			for k := range b.sys.ring.(*memoryRing).items {
				b.sys.ring.(*memoryRing).items[k] = "spoilt"
			}
		}, ErrNoKey, []string{"not a key"}},
		{
			"key file gone", KeyFile, func(b *bench) { must(b.t, os.Remove(b.path("store.key"))) },
			ErrNoKey,
			[]string{"store.key", "not there"},
		},
		{
			"key file spoilt", KeyFile, func(b *bench) { must(b.t, os.WriteFile(b.path("store.key"), []byte("x\n"), 0o600)) },
			ErrNoKey,
			[]string{"does not hold a key"},
		},
		{"another key file", KeyFile, func(b *bench) {
			must(b.t, os.WriteFile(b.path("store.key"), bytes.Repeat([]byte("ab"), keyBytes), 0o600))
		}, ErrNoKey, []string{"another store", "nothing was changed"}},
		{
			"newer file", KeyFile, edit(func(f []byte) []byte { f[8] = 2; return f }),
			ErrNewer,
			[]string{"update Karat"},
		},
		{
			"cut short", KeyFile, edit(func(f []byte) []byte { return f[:50] }),
			ErrCorrupt,
			[]string{"cut short", "store.damaged-20260102T030405Z"},
		},
		{
			"emptied", KeyFile, edit(func([]byte) []byte { return nil }),
			ErrCorrupt,
			[]string{"store.damaged-"},
		},
		{
			"other file", KeyFile, edit(func(f []byte) []byte { return bytes.Repeat([]byte("?"), 5000) }),
			ErrCorrupt,
			[]string{"no Karat store"},
		},
		{
			"flipped bit inside", KeyFile, edit(func(f []byte) []byte { f[headerBytes+100] ^= 1; return f }),
			ErrCorrupt,
			[]string{"altered or damaged", "backup"},
		},
		{
			"flipped bit in the nonce", KeyFile, edit(func(f []byte) []byte { f[70] ^= 1; return f }),
			ErrCorrupt,
			[]string{"altered or damaged"},
		},
		{
			"other sealing claimed", Passphrase, edit(func(f []byte) []byte { f[9] = 99; return f }),
			ErrCorrupt,
			[]string{"altered or damaged"},
		},
		{"argon2 beyond bounds", Passphrase, edit(func(f []byte) []byte {
			binary.BigEndian.PutUint32(f[30:], maxMemoryKiB+1)
			return f
		}), ErrCorrupt, []string{"altered or damaged"}},
		{"folder in its place", KeyFile, func(b *bench) {
			must(b.t, os.Remove(b.path("store")))
			must(b.t, os.Mkdir(b.path("store"), 0o700))
		}, nil, []string{"not a plain file"}},
		{"pipe in its place", KeyFile, func(b *bench) {
			must(b.t, os.Remove(b.path("store")))
			must(b.t, syscall.Mkfifo(b.path("store"), 0o600))
		}, nil, []string{"not a plain file"}},
		{
			"too big", KeyFile, func(b *bench) { must(b.t, os.Truncate(b.path("store"), maxStoreBytes+1)) },
			errTooBig,
			[]string{"too big"},
		},
		{
			"home is a file", KeyFile, func(b *bench) { b.home = b.path("store") },
			ErrHome,
			[]string{"cannot be used"},
		},
		{
			"home without a name", KeyFile, func(b *bench) { b.home = "" },
			ErrHome,
			[]string{"no name"},
		},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.opts.Keyring = c.sealing == Keyring
			if c.sealing == Passphrase {
				b.opts.Passphrase = sec("open sesame")
			}
			b.use(func(s *Store) { must(t, s.SetContact(Contact{Name: "alice"})) })
			home := b.home
			c.harm(b)
			before := contents(t, home)
			s, err := open(b.home, b.opts, b.sys)
			if err == nil {
				s.Close()
				t.Fatal("it opened")
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			wantSentence(t, err.Error(), c.says...)
			if after := contents(t, home); !bytes.Equal(before, after) {
				t.Error("the store's bytes are no longer there")
			}
		})
	}
}

// contents returns the store's bytes, wherever they were put aside.
func contents(t *testing.T, home string) []byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(home, "store*"))
	must(t, err)
	for _, name := range names {
		info, err := os.Stat(name)
		if err == nil && info.Mode().IsRegular() && !strings.HasSuffix(name, ".key") && info.Size() < maxStoreBytes {
			b, err := os.ReadFile(name)
			must(t, err)
			return b
		}
	}
	return nil
}

func wantSentence(t *testing.T, sentence string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(sentence, part) {
			t.Errorf("%q does not say %q", sentence, part)
		}
	}
	if strings.Contains(sentence, "\n") || len(sentence) > 500 {
		t.Errorf("not one clear sentence: %q", sentence)
	}
}

func TestSecondProcess(t *testing.T) {
	b := newBench(t)
	s := b.open()
	_, err := open(b.home, b.opts, b.sys)
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("got %v", err)
	}
	wantSentence(t, err.Error(), "another Karat uses this home", "process", "--home")
	must(t, s.Close())
	b.open()
}

func TestDamagedIsKeptAndANewStoreSaysSo(t *testing.T) {
	b := newBench(t)
	b.use(func(s *Store) { must(t, s.SetContact(Contact{Name: "alice"})) })
	for range 2 {
		must(t, os.WriteFile(b.path("store"), []byte("noise"), 0o600))
		if _, err := open(b.home, b.opts, b.sys); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("got %v", err)
		}
	}
	for _, name := range []string{"store.damaged-20260102T030405Z", "store.damaged-20260102T030405Z-2"} {
		if got, err := os.ReadFile(b.path(name)); err != nil || string(got) != "noise" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	wantNotice(t, b.open(), "is gone", "compare the code")
}

func wantNotice(t *testing.T, s *Store, parts ...string) {
	t.Helper()
	wantSentence(t, strings.Join(s.Notices(), " "), parts...)
}

func TestHowANewStoreIsSealed(t *testing.T) {
	tests := []struct {
		name   string
		opts   Options
		ring   *memoryRing
		want   Sealing
		notice string
	}{
		{"passphrase wins", Options{Passphrase: sec("x"), Keyring: true}, &memoryRing{items: map[string]string{}}, Passphrase, ""},
		{"keyring", Options{Keyring: true}, &memoryRing{items: map[string]string{}}, Keyring, ""},
		{"keyring absent", Options{Keyring: true}, &memoryRing{broken: errors.New("there is no desktop keyring")}, KeyFile, "there is no desktop keyring"},
		{"keyring that forgets", Options{Keyring: true}, &memoryRing{}, KeyFile, "does not give back"},
		{"neither", Options{}, &memoryRing{}, KeyFile, "not to be used"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			c.opts.StateDir = b.opts.StateDir
			b.opts = c.opts
			if c.ring.items == nil && c.ring.broken == nil {
				b.sys.ring = forgetful{}
			} else {
				b.sys.ring = c.ring
			}
			s := b.open()
			notices := s.Notices()
			if s.Sealing() != c.want {
				t.Errorf("sealed by %v", s.Sealing())
			}
			if c.notice == "" && len(notices) != 0 || c.notice != "" && (len(notices) != 1 || !strings.Contains(notices[0], c.notice)) {
				t.Errorf("says %q", notices)
			}
			_, err := os.Stat(b.path("store.key"))
			if keyFile := err == nil; keyFile != (c.want == KeyFile) {
				t.Errorf("there is a key file: %v", keyFile)
			}
		})
	}
}

// forgetful takes everything and keeps nothing.
type forgetful struct{}

func (forgetful) get(string) (string, error) { return "", errors.New("never heard of it") }
func (forgetful) set(string, string) error   { return nil }

func TestModes(t *testing.T) {
	b := newBench(t)
	b.open()
	for name, want := range map[string]fs.FileMode{".": 0o700, "store": 0o600, "store.key": 0o600, "lock": 0o600} {
		info, err := os.Stat(b.path(name))
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
}

func TestWideModesAreClosedOrSaid(t *testing.T) {
	t.Run("folder of ours", func(t *testing.T) {
		b := newBench(t)
		b.use(func(*Store) {})
		must(t, os.Chmod(b.home, 0o755))
		if got := b.open().Notices(); len(got) != 0 {
			t.Errorf("says %q", got)
		}
		if info, _ := os.Stat(b.home); info.Mode().Perm() != 0o700 {
			t.Errorf("mode %v", info.Mode().Perm())
		}
	})
	t.Run("folder of others", func(t *testing.T) {
		b := newBench(t)
		must(t, os.MkdirAll(b.home, 0o755))
		must(t, os.WriteFile(b.path("letter"), nil, 0o644))
		wantNotice(t, b.open(), "Other users", "0700")
		if info, _ := os.Stat(b.home); info.Mode().Perm() != 0o755 {
			t.Error("a folder that is not only ours was changed")
		}
	})
	t.Run("key file", func(t *testing.T) {
		b := newBench(t)
		b.use(func(*Store) {})
		must(t, os.Chmod(b.path("store.key"), 0o644))
		wantNotice(t, b.open(), "could read the store's key")
		if info, _ := os.Stat(b.path("store.key")); info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode().Perm())
		}
	})
}
