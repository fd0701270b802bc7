package main

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"karat/zrtp"
)

// compareKeys runs every combination in both roles and prints a line for each.
func compareKeys(p *peer, out io.Writer) error {
	different := 0
	for _, s := range suites() {
		for _, role := range []zrtp.Role{zrtp.Initiator, zrtp.Responder} {
			verdict := "equal"
			if err := compareInRole(p, s, role); err != nil {
				verdict = err.Error()
				different++
			}
			fmt.Fprintf(out, "%v, Karat %v: %s\n", s, role, verdict)
		}
	}
	if different > 0 {
		return fmt.Errorf("%d of %d combinations differ", different, 2*len(suites()))
	}
	fmt.Fprintf(out, "the SRTP keys, salts and SAS of all %d combinations are equal\n", 2*len(suites()))
	return nil
}

// roleTries bounds how often contention may give the other role.
const roleTries = 40

// compareInRole agrees on keys until Karat has the role, and compares.
func compareInRole(p *peer, s suite, role zrtp.Role) error {
	for range roleTries {
		ours, theirs, err := agree(p, s)
		if errors.Is(err, errNever) && ours.wrapped {
			continue // its own fault, and known: contrib/zrtpspec/PEERS.md, 5/6
		}
		if err != nil {
			return err
		}
		if ours.role == role {
			return ours.compare(theirs)
		}
	}
	return fmt.Errorf("contention never made Karat %v in %d key agreements", role, roleTries)
}

// outcome is what an end came to, in hexadecimal, seen from that end.
type outcome struct {
	role                                 zrtp.Role
	sas                                  string
	selfKey, selfSalt, peerKey, peerSalt string
	tagBits                              int
	algorithms                           suite

	// last is the sequence number of the last packet, and wrapped tells that one
	// began anew at 0, after which libbzrtp drops all that comes.
	last    uint16
	wrapped bool
}

// compare sets ours beside libbzrtp's.
func (o outcome) compare(theirs outcome) error {
	switch {
	case o.selfKey != theirs.peerKey || o.peerKey != theirs.selfKey:
		return errors.New("the SRTP keys differ")
	case o.selfSalt != theirs.peerSalt || o.peerSalt != theirs.selfSalt:
		return errors.New("the SRTP salts differ")
	case o.sas != theirs.sas:
		return fmt.Errorf("the SAS differ: %q and %q", o.sas, theirs.sas)
	case o.selfKey == "" || o.selfSalt == "":
		return errors.New("there are no keys")
	}
	return nil
}

var errNever = errors.New("the two never agreed")

// patience is longer than both ends' schedules for messages that nobody loses.
const patience = 5 * time.Second

// agree runs one key agreement between Karat and libbzrtp, in a time of its own.
func agree(p *peer, s suite) (ours, theirs outcome, err error) {
	began := time.Unix(0, 0)
	session, err := zrtp.NewSession(zrtp.Config{ZID: zrtp.ZID{1}, SSRC: 1, Algorithms: s.algorithms()})
	if err != nil {
		return ours, theirs, err
	}
	defer session.Close()
	answers, err := p.ask("start %d %s", 2, s.codes())
	if err != nil {
		return ours, theirs, err
	}
	session.Start(began)
	for now := began; now.Sub(began) < patience; now = now.Add(10 * time.Millisecond) {
		session.Advance(now)
		more, err := p.ask("time %d", now.Sub(began).Milliseconds())
		if err != nil {
			return ours, theirs, err
		}
		answers = append(answers, more...)
		for quiet := false; !quiet; {
			theirs.hear(now, session, answers)
			answers, quiet, err = ours.speak(p, session)
			if err != nil {
				return ours, theirs, err
			}
		}
		if ours.sas != "" && theirs.sas != "" {
			return ours, theirs, ours.suited(s)
		}
	}
	return ours, theirs, errNever
}

// hear takes libbzrtp's lines.
func (o *outcome) hear(now time.Time, session *zrtp.Session, answers []answer) {
	for _, a := range answers {
		switch a.word {
		case "packet":
			if pkt, err := hex.DecodeString(a.rest); err == nil {
				session.Receive(now, pkt)
			}
		case "selfkey":
			o.selfKey = a.rest
		case "selfsalt":
			o.selfSalt = a.rest
		case "peerkey":
			o.peerKey = a.rest
		case "peersalt":
			o.peerSalt = a.rest
		case "secure":
			o.sas = strings.ReplaceAll(a.rest, ":", " ") // between two words it puts a colon
		}
	}
}

// speak takes Karat's events and packets, and brings libbzrtp's answers.
func (o *outcome) speak(p *peer, session *zrtp.Session) (answers []answer, quiet bool, err error) {
	quiet = true
	for event, ok := session.NextEvent(); ok; event, ok = session.NextEvent() {
		if err := o.note(event); err != nil {
			return nil, true, err
		}
	}
	for pkt, ok := session.NextPacket(); ok; pkt, ok = session.NextPacket() {
		quiet = false
		o.count(pkt)
		more, err := p.ask("packet %x", pkt)
		if err != nil {
			return nil, true, err
		}
		answers = append(answers, more...)
	}
	return answers, quiet, nil
}

// count follows the sequence numbers of Karat's packets (RFC 6189, Section 5).
func (o *outcome) count(pkt []byte) {
	n := binary.BigEndian.Uint16(pkt[2:])
	o.wrapped = o.wrapped || n < o.last
	o.last = n
}

func (o *outcome) note(event zrtp.Event) error {
	switch e := event.(type) {
	case zrtp.Failed:
		return e.Err
	case zrtp.KeysAgreed:
		o.tagBits = e.Keys.TagBits
		o.selfKey, o.selfSalt = spell(e.Keys.Send)
		o.peerKey, o.peerSalt = spell(e.Keys.Receive)
	case zrtp.Secure:
		o.role, o.sas = e.Role, e.SAS
		o.algorithms = suite{e.KeyAgreement, e.Hash, e.Cipher, e.AuthTag, e.SASType}
	}
	return nil
}

func spell(d zrtp.Direction) (key, salt string) {
	return hex.EncodeToString(d.Key.Expose()), hex.EncodeToString(d.Salt.Expose())
}

// suited checks that what was agreed on is what was asked for: else the two
// would be equal in something else.
func (o outcome) suited(s suite) error {
	wantBits := map[string]int{"HS32": 32, "HS80": 80}[s.authTag]
	if o.algorithms != s || o.tagBits != wantBits {
		return fmt.Errorf("agreed on %v with a tag of %d bits", o.algorithms, o.tagBits)
	}
	return nil
}
