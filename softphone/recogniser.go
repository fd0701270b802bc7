package softphone

import (
	"errors"
	"sync"
	"time"

	"karat/internal/secret"
	"karat/softphone/request"
	"karat/softphone/store"
	"karat/zrtp"
)

// helloVersion numbers what is fixed in the Hello of a call's first stream
// (keyAgreement). Who changes that gives it another number, and accepts the one
// before beside it, so that an older Karat is still recognised
// (TestHelloTemplateIsFixed).
const helloVersion = 1

// keyAgreement is what the key agreement of every call has in common.
func keyAgreement() zrtp.Config { return zrtp.Config{Expiry: zrtp.ExpiryNever} }

// recogniser knows whose phone a request to talk comes from, if that phone was
// talked to before: it holds the hashes of all Hellos that those phones would
// announce now. It also moves the keys of that from hour to hour.
//
// Each of our ZIDs has a table of its own: who knows one account learns nothing from
// another.
type recogniser struct {
	store    *store.Store
	own      [][12]byte
	template request.Template
	say      func(string)
	stale    chan struct{} // something was learned of a peer

	mu       sync.Mutex // guards: expected, failed
	expected map[[12]byte]expected
	failed   bool // it was said that the keys stay as they are
}

// expected are the requests that may come now from those who know one of our ZIDs.
type expected struct {
	table *request.Table
	known []store.Known // the table's peers
}

func newRecogniser(s *store.Store, own [][12]byte, say func(string)) (*recogniser, error) {
	hello, err := zrtp.NewHelloTemplate(keyAgreement())
	if err != nil {
		return nil, err
	}
	hash := func(h0 [32]byte, zid [request.ZIDLen]byte) [32]byte { return hello.Hash(h0, zid) }
	return &recogniser{
		store: s, own: own, say: say,
		template: request.Template{Name: helloVersion, Hash: hash},
		stale:    make(chan struct{}, 1),
	}, nil
}

// run keeps the table and the keys up to date, so that no call has to wait for
// either.
func (r *recogniser) run(done <-chan struct{}) {
	defer r.forget()
	for {
		r.ratchet(time.Now())
		r.expect(time.Now())
		select {
		case <-r.stale:
		case <-r.nextStep():
		case <-done:
			return
		}
	}
}

// nextStep is when other requests than now will be expected; never, if there is
// nobody to expect them of.
func (r *recogniser) nextStep() <-chan time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	nobody := true
	for _, e := range r.expected {
		nobody = nobody && len(e.known) == 0
	}
	if nobody {
		return nil
	}
	now := time.Now()
	return time.After(now.Truncate(request.StepTime).Add(request.StepTime).Sub(now))
}

// learned tells that what is remembered of a peer has changed.
func (r *recogniser) learned() {
	r.mu.Lock()
	r.drop()
	r.mu.Unlock()
	select {
	case r.stale <- struct{}{}:
	default: // it knows
	}
}

// ratchet takes away the keys of hours that have passed: with them whoever gets
// hold of the store would find the contact's requests in what was recorded then.
func (r *recogniser) ratchet(now time.Time) {
	kept := request.Kept(now)
	err := r.store.EditPeers(func(p *store.Peer) (changed bool) {
		for i, k := range p.Requests.Keys {
			if request.Hour(k.Hour) >= kept {
				continue
			}
			if at, ok := request.KeyAt(k.Key, request.Hour(k.Hour)).Advance(kept); ok {
				p.Requests.Keys[i].Key, p.Requests.Keys[i].Hour = at.Secret(), uint64(at.Hour())
				changed = true
			}
		}
		return changed
	})
	if errors.Is(err, store.ErrClosed) {
		return
	}
	r.mu.Lock()
	said := r.failed
	r.failed = err != nil
	r.mu.Unlock()
	if err != nil && !said {
		r.say("The keys by which your contacts' phones recognise yours could not be renewed: " + sentence(err) + ". Karat tries again.")
	}
}

// expect computes the hashes that may come now.
func (r *recogniser) expect(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fill()
	for _, e := range r.expected {
		e.table.Advance(now)
	}
}

// fill makes the tables, if need be. The caller holds mu.
func (r *recogniser) fill() {
	if r.expected != nil {
		return
	}
	r.expected = make(map[[12]byte]expected, len(r.own))
	for _, own := range r.own {
		r.expected[own] = r.expectedOf(own)
	}
}

func (r *recogniser) expectedOf(own [12]byte) (e expected) {
	var peers []request.Peer
	for _, k := range r.store.Known(own) {
		keys := acceptedKeys(k.Peer)
		if len(keys) == 0 {
			k.Wipe()
			continue
		}
		e.known = append(e.known, k)
		peers = append(peers, request.Peer{Keys: keys, Accepted: request.Stamp(k.Requests.Accepted)})
	}
	e.table = request.NewTable(peers, []request.Template{r.template})
	return e
}

// acceptedKeys are those that a peer may make its next request with.
func acceptedKeys(p store.Peer) (keys []request.PeerKey) {
	for _, e := range memoryOf(p).Accepting() {
		if e.Key.Present() {
			keys = append(keys, request.PeerKey{Key: e.Key, Initiator: !e.Initiator})
		}
	}
	return keys
}

// drop forgets the tables and their keys. The caller holds mu.
func (r *recogniser) drop() {
	for _, e := range r.expected {
		for _, k := range e.known {
			k.Wipe()
		}
	}
	r.expected = nil
}

func (r *recogniser) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop()
}

// acquaintance is a phone that we have talked with, and a request between it and
// us: the one it made, or the one made for it.
type acquaintance struct {
	zid      [12]byte // by which the store has it
	contact  string   // whose phone it is; empty: nobody has said so
	unmet    bool     // it would not know our ZID
	identity request.Identity
	// hello is the hash of the caller's Hello, announced what its offer says of that.
	hello     [32]byte
	announced string
	// retained is what the key agreement may know of it, for a call in which both ends
	// show one-time values; plain the same for one in which they do not.
	retained, plain zrtp.Retained
}

func (a *acquaintance) wipe() {
	if a == nil {
		return
	}
	a.identity.Wipe()
	for _, s := range []secret.Bytes{a.retained.RS1, a.retained.RS2, a.retained.ID1, a.retained.ID2} {
		s.Wipe() // plain's, too
	}
}

// errUsed: the request was accepted before, or what it was recognised by is gone.
var errUsed = errors.New("the request is not good any more")

// recognise tells whose request has a Hello with this hash, of those who know us by
// our ZID own; nil: nobody's that we know. It is found once: that it came is written before anything is done about it.
func (r *recogniser) recognise(now time.Time, own [12]byte, hello [32]byte) *acquaintance {
	m, zid, ok := r.lookup(now, own, hello)
	if !ok {
		return nil
	}
	a := &acquaintance{zid: zid, identity: m.Identity, hello: hello}
	err := r.store.UpdatePeer(own, zid, func(p *store.Peer) error {
		if !memoryOf(*p).Newest.Present() || uint64(m.Stamp) <= p.Requests.Accepted {
			return errUsed
		}
		p.Requests.Accepted = uint64(m.Stamp)
		return a.remember(*p, m.Stamp.Hour())
	})
	if err != nil {
		a.wipe()
		return nil
	}
	_, a.contact, _ = r.store.Peer(own, zid)
	return a
}

func (r *recogniser) lookup(now time.Time, own [12]byte, hello [32]byte) (m request.Match, zid [12]byte, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fill()
	e, ok := r.expected[own]
	if !ok {
		return m, zid, false
	}
	if m, ok = e.table.Lookup(now, hello); ok {
		zid = e.known[m.Peer].ZID
	}
	return m, zid, ok
}

// remember takes over what is remembered of the phone, for a request of an hour.
func (a *acquaintance) remember(p store.Peer, hour request.Hour) error {
	a.unmet = p.Requests.Unmet
	a.plain = retainedOf(p)
	a.retained = a.plain
	for _, e := range []struct {
		entry request.Entry
		id    *secret.Bytes
	}{{memoryOf(p).Newest, &a.retained.ID1}, {memoryOf(p).Matched, &a.retained.ID2}} {
		if !e.entry.Key.Present() {
			continue
		}
		at, ok := e.entry.Key.Advance(hour)
		if !ok {
			return errUsed
		}
		*e.id = at.IDKey()
		at.Wipe()
	}
	return nil
}
