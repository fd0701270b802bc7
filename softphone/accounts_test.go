package softphone_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/internal/simnet"
	"karat/media/path"
	"karat/sip/registrar"
	"karat/softphone"
	"karat/softphone/store"
	"karat/zrtp/wire"
)

const employerAddr = "10.0.0.6"

// employer starts a second provider, work.example, which has nothing to do with the
// first.
func (w *world) employer(f func()) {
	w.t.Helper()
	host := w.net.Host(employerAddr)
	server := registrar.New(registrar.Config{Domain: "work.example", Users: map[string]secret.Bytes{
		"al": secret.Copy([]byte("al-pw")), "bo": secret.Copy([]byte("bo-pw")), "carol": secret.Copy([]byte("carol-pw")),
	}})
	conn, err := host.ListenPacket(w.t.Context(), "udp", employerAddr+":5060")
	if err != nil {
		w.t.Fatal(err)
	}
	streams, err := host.Listen(w.t.Context(), "tcp", employerAddr+":5060")
	if err != nil {
		w.t.Fatal(err)
	}
	go server.ServeUDP(conn) // Close waits for both
	go server.ServeTCP(streams)
	defer server.Close()
	defer w.stopAll()
	f()
}

// works gives a user an account at work.example beside the one they have.
func (u *user) works(name string) {
	u.w.t.Helper()
	err := u.store.SetAccount(store.Account{
		AOR: "sip:" + name + "@work.example", Registrar: "sip:" + employerAddr + ":5060;transport=tcp",
		Password: secret.Copy([]byte(name + "-pw")),
	})
	if err != nil {
		u.w.t.Fatal(err)
	}
}

// employee is somebody who is only at work.example.
func (w *world) employee(name, addr string) *user {
	u := w.nobody(name, addr)
	u.works(name)
	return u
}

// dialFrom begins a call from one of a user's accounts.
func (u *user) dialFrom(from, target string) {
	u.w.t.Helper()
	id, err := u.phone.CallFrom(from, target)
	if err != nil {
		u.w.t.Fatal(err)
	}
	u.call = id
}

// securely waits until both ends of a call talk.
func securely(from, to *user) (a, b softphone.Secure) {
	b = expect[softphone.Secure](to)
	a = expect[softphone.Secure](from)
	expect[softphone.Talking](to)
	expect[softphone.Talking](from)
	return a, b
}

// zidsIn are the ZIDs of the Hellos among packets.
func zidsIn(t *testing.T, packets []simnet.Packet) (zids [][12]byte) {
	t.Helper()
	for _, p := range packets {
		if path.Classify(p.Data) != path.ZRTP {
			continue
		}
		packet, err := wire.ParsePacket(p.Data)
		if err != nil {
			t.Fatal(err)
		}
		// RFC 6189, Section 5.2: the ZID follows H3 in a Hello.
		if m := packet.Message; string(m[4:12]) == "Hello   " {
			zids = append(zids, [12]byte(m[12+4+16+32:]))
		}
	}
	return slices.Compact(zids)
}

const (
	private = "sip:alice@example.org"
	work    = "sip:al@work.example"
)

// A phone with two accounts is called at both, says which one is called, and shows
// to those who see one of them nothing that is seen of the other.
func TestAccounts_Two(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.employer(func() {
			alice, bob, carol := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2"), w.employee("carol", "10.0.0.3")
			alice.works("al")
			alice.start(auto)
			bob.start(auto)
			carol.start(auto)
			if got := alice.phone.Accounts(); !slices.Equal(got, []string{private, work}) {
				t.Errorf("registered as %q", got)
			}
			seen, others := map[string][]simnet.Packet{}, [][]simnet.Packet{}
			for from, caller := range map[string]*user{private: bob, work: carol} {
				before := len(w.sentBy(caller.addr))
				seen[from] = w.sentDuring([]string{alice.addr}, func() {
					caller.dialFrom("", from)
					if in := expect[softphone.Incoming](alice); in.Account != from {
						t.Errorf("called at %s, it says %q", from, in.Account)
					}
					if a, b := securely(caller, alice); a.SAS != b.SAS {
						t.Errorf("agreed on %+v and %+v", a, b)
					}
					hangUp(caller, alice)
					target := map[string]string{private: "sip:bob@example.org", work: "sip:carol@work.example"}[from]
					alice.dialFrom(from, target)
					if d := expect[softphone.Dialing](alice); d.Account != from {
						t.Errorf("calling from %s, it says %q", from, d.Account)
					}
					securely(alice, caller)
					hangUp(alice, caller)
				})
				others = append(others, w.sentBy(caller.addr)[before:])
			}
			apart(t, alice, seen, others)
		})
	})
}

// apart fails if the packets of one account, to its provider or to those called from
// it, hold anything of the other that others do not send too.
func apart(t *testing.T, u *user, seen map[string][]simnet.Packet, others [][]simnet.Packet) {
	t.Helper()
	ours := map[string][12]byte{}
	for _, a := range u.store.Accounts() {
		ours[a.AOR] = a.ZID
	}
	for mine, packets := range seen {
		for aor, zid := range ours {
			shown := slices.Contains(zidsIn(t, packets), zid)
			if shown != (aor == mine) {
				t.Errorf("calls of %s show the ZID of %s: %v", mine, aor, shown)
			}
		}
	}
	for _, p := range u.w.sentBy(u.addr) {
		for provider, word := range map[string]string{employerAddr: "example.org", providerAddr: "work.example"} {
			if p.To.Addr().String() == provider && bytes.Contains(p.Data, []byte(word)) {
				t.Errorf("%s was told of %s", provider, word)
			}
		}
	}
	all := map[string]int{}
	for _, packets := range seen {
		for word := range shown(t, packets) {
			all[word]++
		}
	}
	for _, packets := range others {
		for word := range shown(t, packets) {
			delete(all, word) // every phone shows it
		}
	}
	for word, n := range all {
		if n > 1 && !isType(word) {
			t.Errorf("both accounts show %q", word)
		}
	}
}

// isType: most of the word is the type of a ZRTP message, which only the initiator
// sends, or only the other.
func isType(word string) bool {
	b, err := hex.DecodeString(word)
	readable := 0
	for _, c := range b {
		if c >= ' ' && c <= '~' {
			readable++
		}
	}
	return err == nil && len(b) == 8 && readable >= 6
}

// An account that cannot register does not keep the others from being called.
func TestAccounts_OneWithAWrongPassword(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.employer(func() {
			alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
			alice.works("al")
			a, _ := alice.store.Account(work)
			a.Password = secret.Copy([]byte("wrong"))
			if err := alice.store.SetAccount(a); err != nil {
				t.Fatal(err)
			}
			alice.switchOn(auto)
			lost := expect[softphone.RegistrationLost](alice)
			if lost.Account != work || lost.Retry != 0 {
				t.Errorf("lost: %+v", lost)
			}
			if !saw[softphone.Registered](alice) {
				expect[softphone.Registered](alice)
			}
			bob.start()
			talk(bob, alice)
			hangUp(bob, alice)
			alice.dialFrom(work, "sip:carol@work.example")
			if e := expect[softphone.Ended](alice); e.Outcome != softphone.Unreachable {
				t.Errorf("a call from the account that is not registered ended as %+v", e)
			}
		})
	})
}

// Which account a call goes out from is never guessed.
func TestAccounts_WhichOneCalls(t *testing.T) {
	inWorldAt(t, someday, func(t *testing.T, w *world) {
		w.employer(func() {
			alice, carol := w.user("alice", "10.0.0.1"), w.employee("carol", "10.0.0.3")
			alice.works("al")
			alice.start(auto)
			carol.start(auto)
			const target = "sip:carol@work.example"
			if _, err := alice.phone.Call(target); !errors.Is(err, softphone.ErrManyAccount) {
				t.Errorf("a stranger is called: %v", err)
			}
			if _, err := alice.phone.CallFrom("sip:nobody@example.org", target); !errors.Is(err, softphone.ErrNoAccount) {
				t.Errorf("from an account that does not exist: %v", err)
			}
			if err := alice.store.SetContact(store.Contact{Name: "carol", URIs: []string{target}}); err != nil {
				t.Fatal(err)
			}
			if _, err := softphone.AccountFor(alice.store, target); !errors.Is(err, softphone.ErrManyAccount) {
				t.Errorf("a contact that was never met is called: %v", err)
			}
			alice.dialFrom(work, target)
			securely(alice, carol)
			hangUp(alice, carol)
			if aor, err := softphone.AccountFor(alice.store, target); aor != work || err != nil {
				t.Errorf("who knows the work account is called from %q, %v", aor, err)
			}
			alice.dialFrom("", target)
			if d := expect[softphone.Dialing](alice); d.Account != work {
				t.Errorf("who knows the work account is called from %q", d.Account)
			}
			if a, _ := securely(alice, carol); !a.Continuity {
				t.Errorf("and does not know it: %+v", a)
			}
			hangUp(alice, carol)
			// A second phone of the contact knows the other account.
			private, _ := alice.store.Account(private)
			other := store.Peer{OwnZID: private.ZID, ZID: [12]byte{1}}
			if err := alice.store.SetContact(store.Contact{Name: "carol", URIs: []string{target}, Peers: []store.Peer{other}}); err != nil {
				t.Fatal(err)
			}
			if _, err := alice.phone.Call(target); !errors.Is(err, softphone.ErrManyAccount) {
				t.Errorf("a contact that knows both is called: %v", err)
			}
		})
	})
}

// A contact that knows one account is a stranger to the other, even with a request
// that is good: it must not learn from being recognised whose that is.
func TestAccounts_NotRecognisedByAnother(t *testing.T) {
	inWorldAt(t, someday, func(t *testing.T, w *world) {
		alice, bob := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2")
		const other = "sip:mallory@example.org" // alice's second name there
		err := alice.store.SetAccount(store.Account{AOR: other, Registrar: "sip:" + providerAddr + ":5060;transport=tcp", Password: secret.Copy([]byte("m-pw"))})
		if err != nil {
			t.Fatal(err)
		}
		alice.start(auto)
		bob.start(auto)
		if err := alice.store.SetContact(store.Contact{Name: "bob", URIs: []string{"sip:bob@example.org"}}); err != nil {
			t.Fatal(err)
		}
		// To bob both are one person's, and what he asks of one he would ask of the other.
		if err := bob.store.SetContact(store.Contact{Name: "alice", URIs: []string{private, other}}); err != nil {
			t.Fatal(err)
		}
		alice.dialFrom(private, "sip:bob@example.org")
		securely(alice, bob)
		time.Sleep(time.Second)
		hangUp(alice, bob)
		for _, to := range []string{private, private, other} {
			bob.dialFrom("", to)
			in := expect[softphone.Incoming](alice)
			a, b := securely(bob, alice)
			time.Sleep(time.Second)
			hangUp(bob, alice)
			switch {
			case in.Account != to:
				t.Errorf("called at %s, it says %q", to, in.Account)
			case to == private && (!a.Continuity || !b.Continuity):
				t.Errorf("at the account it knows: %+v, %+v", a, b)
			case to == other && (in.Probably != "" || a.Continuity || b.Continuity):
				t.Errorf("the accounts are found to be one's: %+v, %+v, %+v", in, a, b)
			case to == private:
				continue
			}
			bob.dialFrom("", private)
			if in := expect[softphone.Incoming](alice); in.Probably != "bob" {
				t.Errorf("bob is not recognised where it has to be: %+v", in)
			}
			securely(bob, alice)
			hangUp(bob, alice)
		}
	})
}

// What goes through a proxy and what does not are two phones, to all who look.
func TestAccounts_OneThroughSOCKS(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.relay()
		proxy := w.socks()
		w.employer(func() {
			alice, bob, carol := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2"), w.employee("carol", "10.0.0.3")
			alice.useSOCKS("sip:sip.example.org;transport=tls")
			alice.works("al")
			alice.start(auto)
			bob.start(auto)
			carol.start(auto)
			packets := w.sentDuring([]string{alice.addr}, func() {
				talk(bob, alice)
				time.Sleep(time.Second)
				hangUp(bob, alice)
			})
			for _, p := range packets {
				if to := p.To.String(); to != socksHost+":9050" && p.To.Addr().String() != employerAddr {
					t.Fatalf("the account behind the proxy sent %v to %s", path.Classify(p.Data), to)
				}
			}
			asked := len(proxy.Asked())
			talkFrom(carol, alice, work)
			time.Sleep(time.Second)
			hangUp(carol, alice)
			if n := len(proxy.Asked()); n != asked {
				t.Errorf("the other account asked the proxy for %q", proxy.Asked()[asked:])
			}
			for _, p := range w.sentBy(alice.addr) {
				if p.To.Addr().String() == providerAddr {
					t.Fatal("something went to the provider around the proxy")
				}
			}
		})
	})
}

// talkFrom lets from call to's account at.
func talkFrom(from, to *user, at string) {
	from.dialFrom("", at)
	securely(from, to)
}

// hearEachOther fails unless nearly all of two seconds is heard at both ends of the
// call that each of them is in.
func hearEachOther(users ...*user) {
	for _, u := range users {
		u.w.t.Helper()
		start := time.Now()
		figures := func() softphone.Media {
			for {
				if m := expect[softphone.Media](u); m.Call == u.call && m.Time.After(start) {
					return m
				}
			}
		}
		before := figures()
		figures()
		if n := figures().Received - before.Received; n < 90 {
			u.w.t.Errorf("%s hears %d packets in 2 s", u.name, n)
		}
	}
}

// After a change of the network all accounts register within five seconds, and a call
// of each goes on.
func TestAccounts_FollowTheNetwork(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.employer(func() {
			alice, bob, carol := w.user("alice", "10.0.0.1"), w.user("bob", "10.0.0.2"), w.employee("carol", "10.0.0.3")
			alice.overTCP()
			alice.works("al")
			alice.start()
			bob.start(auto)
			carol.start(auto)
			alice.dialFrom(private, "sip:bob@example.org")
			first := alice.call
			securely(alice, bob)
			alice.dialFrom(work, "sip:carol@work.example")
			securely(alice, carol)
			w.mu.Lock()
			w.sent = map[netip.Addr][]simnet.Packet{}
			w.mu.Unlock()
			alice.goTo("10.1.0.7")
			time.Sleep(5 * time.Second)
			for _, provider := range []string{providerAddr, employerAddr} {
				if !slices.ContainsFunc(w.sentBy("10.1.0.7"), func(p simnet.Packet) bool {
					return p.To.Addr().String() == provider && bytes.HasPrefix(p.Data, []byte("REGISTER "))
				}) {
					t.Errorf("%s has not heard of the new address after 5 s", provider)
				}
			}
			hearEachOther(alice, carol)
			alice.phone.Hangup(alice.call)
			expect[softphone.Ended](carol)
			alice.call = first
			alice.phone.Resume(first)
			time.Sleep(2 * time.Second)
			hearEachOther(alice, bob)
		})
	})
}

// Direct calls beside an account have an identifier of their own.
func TestAccounts_DirectCallsAreApart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alice, dora := w.user("alice", "10.0.0.1"), w.nobody("dora", "10.0.0.4")
		alice.start(auto, func(c *softphone.Config) { c.Listen = []string{"udp:10.0.0.1:5070"} })
		dora.start(func(c *softphone.Config) { c.Listen = []string{"udp:10.0.0.4:5070"} })
		packets := w.sentDuring([]string{alice.addr}, func() {
			dora.dialFrom("", "sip:alice@10.0.0.1:5070")
			in := expect[softphone.Incoming](alice)
			if in.Account != "" || !slices.ContainsFunc(in.Known, func(s string) bool { return strings.Contains(s, "without a provider") }) {
				t.Errorf("a direct call rings as %+v", in)
			}
			securely(dora, alice)
			hangUp(dora, alice)
		})
		if zids := zidsIn(t, packets); !slices.Contains(zids, alice.store.DirectZID()) || slices.Contains(zids, alice.store.Accounts()[0].ZID) {
			t.Errorf("a direct call shows %x", zids)
		}
	})
}

// Whom the other end of a call sends us on to is called from the account of that call.
func TestAccounts_TransferStaysWithItsAccount(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.employer(func() {
			alice, carol := w.user("alice", "10.0.0.1"), w.employee("carol", "10.0.0.3")
			bob := w.employee("bo", "10.0.0.2")
			alice.works("al")
			alice.start()
			carol.start(auto)
			bob.start(auto)
			alice.dialFrom(work, "sip:carol@work.example")
			securely(alice, carol)
			carol.phone.Transfer(carol.call, "sip:bo@work.example")
			alice.phone.Consent(expect[softphone.TransferAsked](alice).Call, true)
			if d := expect[softphone.Dialing](alice); d.Account != work {
				t.Errorf("the transfer is followed from %q", d.Account)
			}
			expect[softphone.Secure](bob)
		})
	})
}
