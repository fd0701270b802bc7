package store

import "fmt"

// change makes a change, all of it or none: to a clone of the state, which is
// written and then takes the state's place.
func (s *Store) change(edit func(*state) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	next, err := s.cloned()
	if err != nil {
		return err
	}
	if err = edit(next); err == nil {
		err = next.check()
	}
	if err != nil {
		next.wipe()
		return err
	}
	return s.save(next)
}

func (s *Store) cloned() (*state, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	return s.state.clone(), nil
}

// save writes a state as the next generation, and puts it in place. The caller
// holds writing (or is alone, in Open).
func (s *Store) save(next *state) error {
	next.generation++
	inside, err := encode(next)
	if err != nil {
		next.wipe()
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	sealed, err := seal(s.header, s.keys, inside)
	if err != nil {
		next.wipe()
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	return s.write(next, sealed)
}

// write tells the witness, replaces the file, and tells the witness again. A
// witness that cannot be told is no reason to lose a change: it is said.
func (s *Store) write(next *state, sealed []byte) error {
	mark := markOf(next.generation, sealed)
	deaf := s.witness.write(s.header.id, s.keys, s.last, mark)
	replaced, err := replace(s.sys.disk, s.path("store"), sealed)
	if !replaced {
		next.wipe()
		return fmt.Errorf("%w (%s): %w; everything is as it was before", ErrNotSaved, s.path("store"), inWords(err))
	}
	s.last = mark
	s.put(next)
	if err != nil {
		return fmt.Errorf("%w (%s): %w", ErrNotDurable, s.path("store"), inWords(err))
	}
	if again := s.witness.write(s.header.id, s.keys, mark, mark); deaf == nil {
		deaf = again
	}
	if deaf != nil {
		s.sayDeaf(deaf)
	}
	return nil
}

// put replaces the state in memory. What was in the old one nobody else holds.
func (s *Store) put(next *state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != nil {
		s.state.wipe()
	}
	s.state = next
}

// sayDeaf says once that the witness could not be told.
func (s *Store) sayDeaf(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deaf {
		return
	}
	s.deaf = true
	s.notices = append(s.notices, fmt.Sprintf("Karat cannot record the last use of this store (%s), so it would not notice if the store were rolled back or copied.", reason(err)))
}

// inWords gives a system error our words.
func inWords(err error) error { return sysError{err} }
