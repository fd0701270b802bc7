package store

import (
	"errors"
	"io/fs"
	"syscall"
)

// What callers may act on. Each comes wrapped into a sentence that says what
// happened and, where there is something, what can be done.
var (
	// ErrLocked: one process per home.
	ErrLocked = errors.New("another Karat uses this home")
	// ErrWrongPassphrase: nothing was changed; ask again.
	ErrWrongPassphrase = errors.New("the passphrase is wrong")
	// ErrNoPassphrase: the store is sealed with one, and none was given.
	ErrNoPassphrase = errors.New("the store is sealed with a passphrase")
	// ErrWrongSealing: a passphrase was given, or the keyring forbidden, for a
	// store that is sealed another way.
	ErrWrongSealing = errors.New("the store is sealed another way")
	// ErrNoKey: the keyring or the file that holds the key is out of reach, or
	// holds another key.
	ErrNoKey = errors.New("the store's key cannot be had")
	// ErrCorrupt: the file was damaged. It is kept, under another name.
	ErrCorrupt = errors.New("the store is damaged")
	// ErrNewer: a newer Karat wrote the file. It is left as it is.
	ErrNewer = errors.New("the store was written by a newer Karat")
	// ErrNotSaved: nothing was changed, neither on disk nor in memory.
	ErrNotSaved = errors.New("the change was not saved")
	// ErrNotDurable: the change was made, and may be lost if the power fails
	// now.
	ErrNotDurable = errors.New("the change was saved, but the disk did not confirm it")
	// ErrHome: the home's folder cannot be used.
	ErrHome = errors.New("this home cannot be used")
	// ErrInvalid: what was to be stored makes no sense.
	ErrInvalid = errors.New("this cannot be stored")
	// ErrUnknown: there is no such account, contact or device.
	ErrUnknown = errors.New("not in the store")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// reason says in a few words why the system refused.
func reason(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full"
	case errors.Is(err, syscall.EDQUOT):
		return "the disk quota is used up"
	case errors.Is(err, syscall.EROFS):
		return "the disk is read-only"
	case errors.Is(err, syscall.EIO):
		return "the disk reports a fault"
	case errors.Is(err, fs.ErrPermission):
		return "permission was denied"
	case errors.Is(err, fs.ErrNotExist):
		return "it is not there"
	}
	return err.Error()
}
