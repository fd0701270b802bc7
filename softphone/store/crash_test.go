package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// faultyDisk fails at one step of many, with or without dying of it.
type faultyDisk struct {
	disk
	steps  int
	failAt int   // the step that fails; 0: none
	err    error // how
	crash  bool  // and everything after it, as when the power is gone
	torn   bool  // a write that fails has written half
}

func (d *faultyDisk) step() error {
	d.steps++
	if d.failAt > 0 && (d.steps == d.failAt || d.crash && d.steps > d.failAt) {
		return d.err
	}
	return nil
}

func (d *faultyDisk) create(name string) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.disk.create(name)
	return faultyFile{f, d}, err
}

func (d *faultyDisk) rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.disk.rename(from, to)
}

func (d *faultyDisk) remove(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.disk.remove(name)
}

func (d *faultyDisk) syncDir(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.disk.syncDir(name)
}

type faultyFile struct {
	file
	d *faultyDisk
}

func (f faultyFile) Write(b []byte) (int, error) {
	if err := f.d.step(); err != nil {
		if f.d.torn {
			f.file.Write(b[:len(b)/2])
		}
		return 0, err
	}
	return f.file.Write(b)
}

func (f faultyFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f faultyFile) Close() error {
	err := f.d.step()
	return errors.Join(err, f.file.Close())
}

// countSteps counts the steps of one change.
func countSteps(t *testing.T) int {
	b := newBench(t)
	d := &faultyDisk{disk: osDisk{}}
	b.sys.disk = d
	s := b.open()
	d.steps = 0
	must(t, s.SetContact(Contact{Name: "bob"}))
	return d.steps
}

// TestEachStepFails fails, and crashes, at each step of a change: the store that
// is opened afterwards is the old one or the new one, never anything else; it is
// what memory said; and nobody cries rollback.
func TestEachStepFails(t *testing.T) {
	steps := countSteps(t)
	if steps < 3*6 {
		t.Fatalf("a change has only %d steps", steps)
	}
	for _, crash := range []bool{false, true} {
		for at := 1; at <= steps; at++ {
			t.Run(fmt.Sprintf("step %d, crash %v", at, crash), func(t *testing.T) {
				failAt(t, at, crash)
			})
		}
	}
}

func failAt(t *testing.T, at int, crash bool) {
	b := newBench(t)
	d := &faultyDisk{disk: osDisk{}, err: syscall.ENOSPC, crash: crash, torn: true}
	b.sys.disk = d
	s := b.open()
	must(t, s.SetContact(Contact{Name: "alice", Peers: []Peer{somePeer(1, 2)}}))
	s.Notices()
	before := snapshot(s)

	d.steps, d.failAt = 0, at
	err := s.SetContact(Contact{Name: "bob"})
	inMemory := snapshot(s)
	switch {
	case errors.Is(err, ErrNotSaved):
		if d := cmp.Diff(before, inMemory, equal); d != "" {
			t.Errorf("not saved, and yet in memory: %s", d)
		}
	case err != nil && !errors.Is(err, ErrNotDurable):
		t.Errorf("an error of no kind: %v", err)
	case len(s.Contacts()) != 2:
		t.Error("saved, and not in memory")
	}
	if err != nil {
		wantSentence(t, err.Error(), "the disk is full")
	}
	must(t, s.Close())

	d.failAt = 0
	again := b.open()
	if d := cmp.Diff(inMemory, snapshot(again), equal); d != "" {
		t.Errorf("memory and disk differ: %s", d)
	}
	if n := again.Notices(); len(n) != 0 {
		t.Errorf("after a failure it says %q", n)
	}
	must(t, again.SetContact(Contact{Name: "carol"})) // nothing left behind is in the way
}

// TestEachStepOfTheFirstStartFails: a home that could not be made is made at the
// next start.
func TestEachStepOfTheFirstStartFails(t *testing.T) {
	counted := newBench(t)
	d := &faultyDisk{disk: osDisk{}}
	counted.sys.disk = d
	counted.open()
	for at := 1; at <= d.steps; at++ {
		b := newBench(t)
		broken := &faultyDisk{disk: osDisk{}, failAt: at, err: syscall.EROFS, crash: true}
		b.sys.disk = broken
		if s, err := open(b.home, b.opts, b.sys); err == nil {
			s.Close()
		} else {
			wantSentence(t, err.Error(), "read-only")
		}
		broken.failAt = 0
		b.use(func(s *Store) { must(t, s.SetContact(Contact{Name: "alice"})) })
	}
}

// TestAfterAFailureTheNextChangeHoldsBoth: a change that failed does not come
// back with the next one.
func TestAfterAFailureTheNextChangeHoldsOnlyItself(t *testing.T) {
	b := newBench(t)
	d := &faultyDisk{disk: osDisk{}, err: syscall.EDQUOT, crash: true}
	b.sys.disk = d
	s := b.open()
	d.steps, d.failAt = 0, 1
	err := s.SetContact(Contact{Name: "alice"})
	wantSentence(t, err.Error(), "not saved", "quota", "as it was before")
	d.failAt = 0
	must(t, s.SetContact(Contact{Name: "bob"}))
	if c := s.Contacts(); len(c) != 1 || c[0].Name != "bob" {
		t.Errorf("contacts are %v", c)
	}
}

// TestFullDisk fills a real one.
func TestFullDisk(t *testing.T) {
	b := newBench(t)
	must(t, os.MkdirAll(b.home, 0o700))
	if err := syscall.Mount("tmpfs", b.home, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Skipf("mounting a small disk needs root: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(b.home, syscall.MNT_DETACH) })
	s := b.open()
	var full error
	kept := 0
	for i := 0; full == nil && i < 1000; i++ {
		uri := fmt.Sprintf("sip:%01000d@example.org", i)
		if full = s.SetContact(Contact{Name: fmt.Sprint("contact ", i), URIs: []string{uri}}); full == nil {
			kept++
		}
	}
	if !errors.Is(full, ErrNotSaved) {
		t.Fatalf("after %d contacts: %v", kept, full)
	}
	wantSentence(t, full.Error(), "the disk is full")
	if got := len(s.Contacts()); got != kept {
		t.Errorf("%d contacts in memory, want %d", got, kept)
	}
	must(t, s.Close())
	s = b.open()
	if got := len(s.Contacts()); got != kept {
		t.Errorf("%d contacts on disk, want %d", got, kept)
	}
	must(t, s.RemoveContact("contact 0"))
	must(t, s.Close()) // or the cleanup could not unmount
}

// TestReadOnlyDisk mounts a real one.
func TestReadOnlyDisk(t *testing.T) {
	b := newBench(t)
	must(t, os.MkdirAll(b.home, 0o700))
	if err := syscall.Mount("tmpfs", b.home, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Skipf("mounting a small disk needs root: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(b.home, syscall.MNT_DETACH) })
	b.use(func(s *Store) { must(t, s.SetContact(Contact{Name: "alice"})) })
	must(t, syscall.Mount("", b.home, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	_, err := open(b.home, b.opts, b.sys)
	if !errors.Is(err, ErrHome) {
		t.Fatalf("got %v", err)
	}
	wantSentence(t, err.Error(), "read-only")
}
