package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is what a write needs of the file system; tests make it fail.
type disk interface {
	// create makes a new file of mode 0600; an existing one is an error.
	create(name string) (file, error)
	rename(from, to string) error
	// remove removes a file; one that is not there is no error.
	remove(name string) error
	// syncDir makes what happened in a folder last.
	syncDir(name string) error
}

type file interface {
	io.Writer
	Sync() error
	Close() error
}

// osDisk is the real one.
type osDisk struct{}

var _ disk = osDisk{}

func (osDisk) create(name string) (file, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) remove(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (osDisk) syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// replace writes a file whole or not at all: a new one beside it takes its
// place once it is on the disk. With replaced and an error, the new contents
// are in place, and not yet known to last.
func replace(d disk, name string, data []byte) (replaced bool, err error) {
	fresh := name + ".new"
	if err := d.remove(fresh); err != nil {
		return false, err
	}
	if err := writeFile(d, fresh, data); err != nil {
		_ = d.remove(fresh) // or the next write does
		return false, err
	}
	if err := d.rename(fresh, name); err != nil {
		_ = d.remove(fresh)
		return false, err
	}
	return true, d.syncDir(filepath.Dir(name))
}

func writeFile(d disk, name string, data []byte) error {
	f, err := d.create(name)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

var errTooBig = errors.New("it is too big")

// readFile reads a plain file of a bounded size: nothing planted in its place
// may hang or exhaust us.
func readFile(name string, most int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a plain file", name)
	}
	if info.Size() > most {
		return nil, errTooBig
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}
