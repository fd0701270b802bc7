package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// ourFiles are what a home of ours may hold; see also damagedName.
var ourFiles = []string{"store", "store.new", "store.key", "store.key.new", "lock"}

// prepareHome makes the folder, private to the user, and returns its true path
// and what has to be said about it.
func prepareHome(dir string) (home, notice string, err error) {
	if dir == "" {
		return "", "", fmt.Errorf("%w: it has no name", ErrHome)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", fmt.Errorf("%w (%s): %s", ErrHome, dir, reason(err))
	}
	home, err = filepath.Abs(dir)
	if err == nil {
		home, err = filepath.EvalSymlinks(home)
	}
	if err != nil {
		return "", "", fmt.Errorf("%w (%s): %s", ErrHome, dir, reason(err))
	}
	return home, narrow(home), nil
}

// narrow closes a folder of ours to others. One that holds other things, too,
// is left alone, and said.
func narrow(home string) string {
	info, err := os.Stat(home)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	if onlyOurs(home) && os.Chmod(home, 0o700) == nil {
		return ""
	}
	return fmt.Sprintf("Other users of this machine can look into %s, or even change what lies there: give Karat a folder of its own with mode 0700.", home)
}

func onlyOurs(home string) bool {
	entries, err := os.ReadDir(home)
	return err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return !slices.Contains(ourFiles, e.Name())
	})
}

// setAside gives a damaged store another name, so that nothing overwrites it,
// and returns the sentence for it.
func (s *Store) setAside(cause error) error {
	aside := s.damagedName()
	err := s.sys.disk.rename(s.path("store"), aside)
	if err == nil {
		err = s.sys.disk.syncDir(s.home)
	}
	if err != nil {
		return fmt.Errorf("%w (%s: %w), and could not be set aside: %s", ErrCorrupt, s.path("store"), cause, reason(err))
	}
	return fmt.Errorf("%w (%w): it is kept as %s; put a backup in its place, or start again without your accounts and contacts", ErrCorrupt, cause, aside)
}

// damagedName is one that is free.
func (s *Store) damagedName() string {
	name := s.path("store.damaged-" + s.sys.now().UTC().Format("20060102T150405Z"))
	for n, free := 2, name; ; n++ {
		if _, err := os.Lstat(free); errors.Is(err, os.ErrNotExist) {
			return free
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

func (s *Store) path(name string) string { return filepath.Join(s.home, name) }
