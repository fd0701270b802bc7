package store

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// mark is one written state of the sealed file.
type mark struct {
	Generation uint64 `json:"generation"`
	Digest     []byte `json:"digest,omitempty"` // SHA-256 of the whole file
}

func markOf(generation uint64, sealed []byte) mark {
	digest := sha256.Sum256(sealed)
	return mark{generation, digest[:]}
}

func (m mark) is(other mark) bool { return len(m.Digest) > 0 && bytes.Equal(m.Digest, other.Digest) }

// testimony is what the witness knows. Before a write it learns of the new
// state, after it forgets the old one: so there is no moment at which a crash
// would look like a rollback, or a rollback like a crash.
type testimony struct {
	Version int    `json:"version"`
	Store   []byte `json:"store"` // the store's id
	// Machine is keyed with the store's id: it is no use to anyone else.
	Machine   []byte `json:"machine,omitempty"`
	Committed mark   `json:"committed"`
	Pending   mark   `json:"pending"`
	MAC       []byte `json:"mac"`
}

const (
	testimonyVersion = 1
	maxTestimony     = 4 << 10 // one is some 400 bytes
)

// mac binds a testimony to whoever has the store's key.
func (t testimony) mac(k keys) []byte {
	t.MAC = nil
	b, err := json.Marshal(t)
	if err != nil { // it has no part that could fail
		return nil
	}
	h := hmac.New(sha256.New, k.witness.Expose())
	h.Write(b)
	return h.Sum(nil)
}

// witness keeps the testimony outside of the home.
type witness struct {
	disk    disk
	path    string // empty: there is no place for one
	machine string
}

// newWitness finds the witness of a home: by the home's path, so that it is
// found when the store is gone.
func newWitness(d disk, stateDir, home, machine string) witness {
	if stateDir == "" {
		return witness{}
	}
	name := sha256.Sum256([]byte(home))
	return witness{d, filepath.Join(stateDir, hex.EncodeToString(name[:16])), machine}
}

// defaultStateDir is where witnesses lie unless told otherwise.
func defaultStateDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "karat", "witness")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", "karat", "witness")
}

var errNoWitness = errors.New("there is no place for a witness")

// read returns fs.ErrNotExist where there is none yet.
func (w witness) read() (testimony, error) {
	if w.path == "" {
		return testimony{}, errNoWitness
	}
	b, err := readFile(w.path, maxTestimony)
	if err != nil {
		return testimony{}, err
	}
	var t testimony
	if err := json.Unmarshal(b, &t); err != nil || t.Version != testimonyVersion {
		return testimony{}, nil // fits no store: said as altered
	}
	return t, nil
}

func (w witness) write(id [idBytes]byte, k keys, committed, pending mark) error {
	if w.path == "" {
		return errNoWitness
	}
	t := testimony{
		Version: testimonyVersion, Store: id[:], Machine: w.machineFor(id),
		Committed: committed, Pending: pending,
	}
	t.MAC = t.mac(k)
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(w.path), 0o700); err != nil {
		return err
	}
	_, err = replace(w.disk, w.path, append(b, '\n'))
	return err
}

func (w witness) machineFor(id [idBytes]byte) []byte {
	if w.machine == "" {
		return nil
	}
	h := hmac.New(sha256.New, id[:])
	h.Write([]byte("karat machine " + w.machine))
	return h.Sum(nil)
}

// machineID is the system's own, empty where it has none.
func machineID() string {
	for _, name := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if b, err := readFile(name, 64); err == nil && len(bytes.TrimSpace(b)) > 0 {
			return string(bytes.TrimSpace(b))
		}
	}
	return ""
}

// What follows for the user is the same whenever the store is not the one that
// was last used here.
const consequence = "what was agreed with people in the meantime is missing from it, so calls with them may raise an alarm: compare the code again"

// examine compares a store with what the witness knows, and returns what has to
// be said; nothing when all is well. The other result is the highest generation
// known of.
func (w witness) examine(id [idBytes]byte, k keys, now mark) (notice string, highest uint64) {
	t, err := w.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "This store was not used in this place before: it was moved or copied here, or the record of its last use was lost. Do not use two copies of it: calls made with one raise alarms in calls with the other.", now.Generation
	case err != nil:
		return fmt.Sprintf("Karat could not notice if this store were rolled back or copied, because the record of its last use cannot be read: %s.", reason(err)), now.Generation
	case t.Store != nil && !bytes.Equal(t.Store, id[:]):
		return "Another store lies here than the one last used: somebody put it in its place.", now.Generation
	case !hmac.Equal(t.MAC, t.mac(k)):
		return "The record of this store's last use was altered, so Karat cannot tell whether the store was rolled back or copied.", now.Generation
	}
	highest = max(now.Generation, t.Committed.Generation)
	machine := w.machineFor(id)
	switch {
	case len(machine) > 0 && len(t.Machine) > 0 && !bytes.Equal(machine, t.Machine):
		return "This home was copied from another machine. Do not use both: calls made with one raise alarms in calls with the other.", highest
	case now.is(t.Committed) || now.is(t.Pending):
		return "", highest
	case now.Generation < t.Committed.Generation:
		return fmt.Sprintf("This store is older than the one last used here (by %s): %s.", changes(t.Committed.Generation-now.Generation), consequence), highest
	}
	return "This store was changed elsewhere since it was last used here, so there may be two copies of it; " + consequence + ".", highest
}

func changes(n uint64) string {
	if n == 1 {
		return "one change"
	}
	return fmt.Sprintf("%d changes", n)
}
