package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"karat/internal/secret"
	"karat/softphone/store"
)

// A phone opens its store, tells the user what there is to be told, and changes
// what is remembered of a device in one step.
func Example() {
	dir, err := os.MkdirTemp("", "karat")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	s, err := store.Open(filepath.Join(dir, "home"), store.Options{
		Passphrase: secret.Own([]byte("correct horse battery staple")),
		StateDir:   filepath.Join(dir, "state"),
	})
	switch {
	case errors.Is(err, store.ErrLocked), errors.Is(err, store.ErrWrongPassphrase):
		fmt.Println(err) // one clear sentence each
		return
	case err != nil:
		fmt.Println(err)
		return
	}
	defer s.Close()
	for _, sentence := range s.Notices() {
		fmt.Println(sentence)
	}
	fmt.Println("sealed with", s.Sealing())

	peer := [12]byte{1, 2, 3}
	err = s.UpdatePeer(s.DirectZID(), peer, func(p *store.Peer) error {
		p.RS2, p.RS1 = p.RS1, secret.Own([]byte("what the last call agreed on"))
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Verify(s.DirectZID(), peer, "alice"); err != nil {
		fmt.Println(err)
		return
	}
	p, contact, _ := s.Peer(s.DirectZID(), peer)
	fmt.Println(contact, p.Verified, p.RS1)
	// Output:
	// sealed with a passphrase
	// alice true [secret 28 bytes]
}
