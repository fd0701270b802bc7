package cli

import (
	"cmp"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"karat/softphone/store"
)

type contactsCommand struct {
	List   contactsList   `cmd:"" default:"1" help:"List the people you know, and phones not named yet."`
	Add    contactsAdd    `cmd:"" help:"Add a person, or another address of theirs."`
	Remove contactsRemove `cmd:"" help:"Forget a person and their phones."`
	Name   contactsName   `cmd:"" help:"Say whose phone it is that you talked to."`
	Anew   contactsAnew   `cmd:"" name:"reintroduce" help:"Pair a person's phone anew, who lost what it knew of yours."`
}

type contactsList struct{}

// Run lists contacts and nameless peers.
func (contactsList) Run(e *env) error {
	return e.withStore(func(s *store.Store) error {
		met := metAt(s)
		for _, c := range s.Contacts() {
			e.showContact(c, met)
		}
		for _, p := range s.Unnamed() {
			e.showPeer("", p, met[p.OwnZID])
		}
		return nil
	})
}

// metAt are the accounts by the ZIDs that phones know them by; empty: there is one
// at most, and nothing to be said.
func metAt(s *store.Store) map[[12]byte]string {
	accounts := s.Accounts()
	if len(accounts) < 2 {
		return nil
	}
	met := map[[12]byte]string{s.DirectZID(): "direct calls"}
	for _, a := range accounts {
		met[a.ZID] = a.AOR
	}
	return met
}

func (e *env) showContact(c store.Contact, met map[[12]byte]string) {
	if e.flags.JSON {
		e.object(map[string]any{"contact": c.Name, "uris": c.URIs, "phones": len(c.Peers)})
	} else {
		e.say("%s  %s", c.Name, strings.Join(c.URIs, " "))
	}
	for _, p := range c.Peers {
		e.showPeer(c.Name, p, met[p.OwnZID])
	}
	if c.AnewUntil.After(time.Now()) && !e.flags.JSON {
		e.say("  the phone that answers your next call, until %s, is taken for theirs", clock(c.AnewUntil))
	}
}

// showPeer shows one phone; at is the account that it knows, empty: the only one.
func (e *env) showPeer(name string, p store.Peer, at string) {
	if e.flags.JSON {
		shown := map[string]any{
			"phone": peerID(p), "contact": name, "verified": p.Verified,
			"verified_name": p.VerifiedName, "reintroduced": p.Reintroduced, "key_agreement": p.BestKeyAgreement,
		}
		if at != "" {
			shown["account"] = at
		}
		e.object(shown)
		return
	}
	state := "code not compared yet"
	if p.Verified {
		state = "code compared"
		if p.VerifiedName != "" {
			state += ", as " + p.VerifiedName
		}
	}
	if p.Reintroduced {
		state = "re-introduced, " + state
	}
	if at != "" {
		state += ", known to " + at
	}
	if name == "" {
		name = "not named"
	}
	e.say("  phone %s  (%s)  %s", peerID(p), name, state)
}

// peerID is how a phone is named on the command line: enough of its ZID to tell it
// from the others that one knows, and of ours, since one phone may know two accounts.
func peerID(p store.Peer) string {
	id := make([]byte, 4)
	subtle.XORBytes(id, p.ZID[:len(id)], p.OwnZID[:len(id)])
	return hex.EncodeToString(id)
}

type contactsAdd struct {
	Name string `arg:"" help:"The person's name."`
	URI  string `arg:"" name:"uri" help:"Their address: sip:bob@example.org."`
}

// Run adds an address to a contact, and the contact when it is new.
func (c *contactsAdd) Run(e *env) error {
	if err := checkTarget(c.URI); err != nil {
		return err
	}
	return e.withStore(func(s *store.Store) error {
		contact := store.Contact{Name: c.Name}
		if known, ok := findContact(s, c.Name); ok {
			contact = known
		}
		contact.URIs = append(contact.URIs, c.URI)
		if err := s.SetContact(contact); err != nil {
			return err
		}
		e.say("%s is in your contacts", c.Name)
		return nil
	})
}

type contactsRemove struct {
	Name string `arg:"" help:"The person's name."`
}

// Run removes a contact.
func (c *contactsRemove) Run(e *env) error {
	return e.withStore(func(s *store.Store) error {
		if err := s.RemoveContact(c.Name); err != nil {
			return err
		}
		e.say("%s is removed; the next call with that phone is a first contact", c.Name)
		return nil
	})
}

type contactsName struct {
	Phone string `arg:"" help:"The phone, as \"karat contacts\" lists it."`
	Name  string `arg:"" help:"Whose it is."`
}

// Run puts a phone under a person's name.
func (c *contactsName) Run(e *env) error {
	return e.withStore(func(s *store.Store) error {
		p, _, err := findPeer(s, c.Phone)
		if err != nil {
			return err
		}
		contact, _ := findContact(s, c.Name)
		contact.Name, contact.Peers = c.Name, []store.Peer{p}
		if err := s.SetContact(contact); err != nil {
			return err
		}
		e.say("phone %s is %s's", peerID(p), c.Name)
		return nil
	})
}

type contactsAnew struct {
	Name string        `arg:"" help:"The person's name."`
	For  time.Duration `default:"1h" help:"For how long, a day at most; 0 withdraws it." placeholder:"1h"`
}

// maxAnew bounds how long a phone may be taken for a contact's unseen: who asked for
// it has forgotten it by the next day.
const maxAnew = 24 * time.Hour

// clock is a time within a day as a person reads it.
func clock(t time.Time) string { return t.Local().Format("15:04 on Monday") }

// Help says what it means.
func (contactsAnew) Help() string {
	return `For a person whose phone is new, or has lost what it knew of yours. Then call
them: the phone that answers your call within this time becomes theirs, and the
ones known before are forgotten, their verification too. Whoever answers becomes
it, so compare the code in that call, by voice.`
}

// Run notes until when.
func (c *contactsAnew) Run(e *env) error {
	if c.For < 0 || c.For > maxAnew {
		return usageError{errors.New("--for takes a time of a day at most, such as 30m")}
	}
	return e.withStore(func(s *store.Store) error {
		contact, ok := findContact(s, c.Name)
		if !ok {
			return hinted{usageError{fmt.Errorf("no contact is known as %q", c.Name)}, "\"karat contacts\" lists them"}
		}
		var until time.Time
		if c.For > 0 {
			until = time.Now().Add(c.For)
		}
		if err := s.Reintroduce(contact.Name, until); err != nil {
			return err
		}
		if c.For == 0 {
			e.say("%s keeps the phones that are known", contact.Name)
			return nil
		}
		e.say("call %s until %s, and compare the code: the phone that answers becomes theirs, and those known before are forgotten", contact.Name, clock(until))
		return nil
	})
}

type verifyCommand struct {
	Phone    string `arg:"" optional:"" help:"The phone or the contact whose code you compared."`
	As       string `help:"Whose phone it is; binds the name." placeholder:"NAME"`
	Withdraw bool   `help:"It is not verified after all."`
}

// Help says what verifying means.
func (verifyCommand) Help() string {
	return `Without a name: lists whose code was compared.

With one: notes that, in your last call with that phone, you and the other person
saw the same code. Compare it by voice, with a person whose voice you know;
pressing y during the call does the same. It does not prove anything by itself:
it is your word. From then on, unbroken continuity names the other end, and a
phone that loses it raises an alarm.`
}

// Run notes or withdraws a comparison.
func (c *verifyCommand) Run(e *env) error {
	if c.Phone == "" {
		return contactsList{}.Run(e)
	}
	return e.withStore(func(s *store.Store) error {
		p, name, err := findPeer(s, c.Phone)
		if err != nil {
			return err
		}
		switch as := cmp.Or(c.As, name); {
		case c.Withdraw:
			err = s.Unverify(p.OwnZID, p.ZID)
		case as != "":
			err = s.Verify(p.OwnZID, p.ZID, as)
		default: // the next call with it binds the name
			err = s.UpdatePeer(p.OwnZID, p.ZID, func(p *store.Peer) error {
				p.Verified, p.VerifiedName = true, ""
				return nil
			})
		}
		if err != nil {
			return err
		}
		p, name, _ = s.Peer(p.OwnZID, p.ZID)
		e.showPeer(name, p, metAt(s)[p.OwnZID])
		return nil
	})
}

func findContact(s *store.Store, name string) (store.Contact, bool) {
	for _, c := range s.Contacts() {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return store.Contact{}, false
}

// contactURI is what to call for what was typed: a contact's first address, or
// the text itself.
func contactURI(s *store.Store, typed string) string {
	if c, ok := findContact(s, typed); ok && len(c.URIs) > 0 {
		return c.URIs[0]
	}
	return typed
}

// findPeer finds one phone by its id or by the name of a contact that has only
// one.
func findPeer(s *store.Store, typed string) (store.Peer, string, error) {
	var found []store.Peer
	var name string
	for _, c := range s.Contacts() {
		for _, p := range c.Peers {
			if strings.EqualFold(c.Name, typed) || peerID(p) == typed {
				found, name = append(found, p), c.Name
			}
		}
	}
	for _, p := range s.Unnamed() {
		if peerID(p) == typed {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 1:
		return found[0], name, nil
	case 0:
		return store.Peer{}, "", hinted{usageError{fmt.Errorf("no phone or contact is known as %q", typed)}, "\"karat contacts\" lists them"}
	}
	return store.Peer{}, "", hinted{usageError{errors.New("that name has several phones")}, "name the phone itself, as \"karat contacts\" lists it"}
}
