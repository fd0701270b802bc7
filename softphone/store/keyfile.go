package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"karat/internal/secret"
)

// The key file is one line: 64 hexadecimal digits.

// readKeyFile reads the key, and closes its file to others where it was open to
// them: wide tells that it was.
func readKeyFile(name string) (key secret.Bytes, wide bool, err error) {
	const most = 2*keyBytes + 2
	b, err := readFile(name, most)
	if err != nil {
		return key, false, fmt.Errorf("%w: its key file %s: %w", ErrNoKey, name, plain(err))
	}
	defer clear(b)
	raw, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(raw) != keyBytes {
		return key, false, fmt.Errorf("%w: its key file %s does not hold a key", ErrNoKey, name)
	}
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
		wide = true
		_ = os.Chmod(name, 0o600) // said either way
	}
	return secret.Own(raw), wide, nil
}

// plain keeps the path out of a file error: the sentence names it already.
func plain(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return sysError{pathErr.Err}
	}
	return err
}

// sysError is a system error with our words for it.
type sysError struct{ err error }

func (e sysError) Error() string { return reason(e.err) }
func (e sysError) Unwrap() error { return e.err }

// makeKeyFile returns the key of a new store: the one that lies there already
// (of a store that is gone, and may come back), or a fresh one.
func makeKeyFile(d disk, name string) (secret.Bytes, error) {
	key, _, err := readKeyFile(name)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = newKey()
	line := append(hex.AppendEncode(nil, key.Expose()), '\n')
	defer clear(line)
	if _, err := replace(d, name, line); err != nil {
		return secret.Bytes{}, fmt.Errorf("%w: its key file: %w", ErrNotSaved, plain(err))
	}
	return key, nil
}

func newKey() secret.Bytes {
	b := make([]byte, keyBytes)
	rand.Read(b)
	return secret.Own(b)
}
