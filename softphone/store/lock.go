package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockHome holds a home for this process until the file is closed. The system
// lets go of the lock when the process ends, however it ends; the file stays.
func lockHome(home string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(home, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w (%s): %s", ErrHome, home, reason(err))
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder := lockHolder(f)
		f.Close()
		return nil, fmt.Errorf("%w (%s%s): close it first, or give this one another --home", ErrLocked, home, holder)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%w (%s): it cannot be locked: %w", ErrHome, home, err)
	}
	// Who holds it is a courtesy: a full disk must not keep the phone from
	// starting.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// lockHolder names the process that holds the lock, as far as it is known.
func lockHolder(f *os.File) string {
	const maxDigits = 20
	b, _ := io.ReadAll(io.LimitReader(f, maxDigits))
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(", process %d", pid)
}
