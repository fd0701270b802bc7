package request

import "time"

// Template computes the SHA-256 of the Hello that a session with this H0 and ZID
// sends, the rest of it being fixed (zrtp.HelloTemplate).
type Template struct {
	Name byte
	Hash func(h0 [32]byte, zid [ZIDLen]byte) [32]byte
}

// Peer is one whose requests are expected.
type Peer struct {
	Keys []PeerKey
	// Accepted is the highest stamp that was accepted of it, under any key.
	Accepted Stamp
}

// PeerKey is one of the keys that a peer may use.
type PeerKey struct {
	Key Key
	// Initiator: the peer was the ZRTP initiator of the exchange that made it.
	Initiator bool
}

// Match is what a Hello's hash tells.
type Match struct {
	Peer, Key int // indices in what NewTable was given
	Stamp     Stamp
	Identity  Identity // the caller's, for AnswerZID
}

// entry is a Match before it is needed.
type entry struct {
	peer, key int
	stamp     Stamp
	template  byte
}

// Table holds the hashes of all Hellos that may come now. It is computed once for
// each step, and each step only once.
type Table struct {
	peers     []Peer
	templates []Template
	entries   map[[32]byte]entry
	steps     map[uint64][][32]byte
}

// NewTable makes a table. It takes the peers over.
func NewTable(peers []Peer, templates []Template) *Table {
	return &Table{peers, templates, map[[32]byte]entry{}, map[uint64][][32]byte{}}
}

// Lookup finds whose request a Hello belongs to. Each is found once, and none that
// is older than one found: the caller writes the stamp durably as the Peer's
// Accepted before it acts on it.
func (t *Table) Lookup(now time.Time, hello [32]byte) (Match, bool) {
	t.Advance(now)
	e, ok := t.entries[hello]
	if !ok || e.stamp <= t.peers[e.peer].Accepted {
		return Match{}, false
	}
	k := t.peers[e.peer].Keys[e.key]
	at, ok := k.Key.Advance(e.stamp.Hour())
	if !ok {
		return Match{}, false
	}
	defer at.Wipe()
	t.peers[e.peer].Accepted = e.stamp
	return Match{e.peer, e.key, e.stamp, at.Identity(e.stamp, k.Initiator, e.template)}, true
}

// Advance computes what is new in the window, and drops what has left it. Lookup does
// so itself, and is quick if this was done before.
func (t *Table) Advance(now time.Time) {
	step := stepOf(now)
	first, last := step-min(step, behind), step+ahead
	for s, hashes := range t.steps {
		if s < first || s > last {
			for _, h := range hashes {
				delete(t.entries, h)
			}
			delete(t.steps, s)
		}
	}
	for s := first; s <= last; s++ {
		if _, done := t.steps[s]; !done {
			t.steps[s] = t.expect(s)
		}
	}
}

// expect computes the hashes of one step.
func (t *Table) expect(step uint64) (hashes [][32]byte) {
	hour := newStamp(step, 0).Hour()
	for p, peer := range t.peers {
		for i, k := range peer.Keys {
			at, ok := k.Key.Advance(hour)
			if !ok {
				continue
			}
			from := direction(at, k.Initiator)
			at.Wipe()
			for counter := range uint8(Counters) {
				hashes = t.add(hashes, from, entry{peer: p, key: i, stamp: newStamp(step, counter)})
			}
			from.key.Wipe()
		}
	}
	return hashes
}

func (t *Table) add(hashes [][32]byte, from sender, e entry) [][32]byte {
	zid := from.zid(e.stamp)
	for _, template := range t.templates {
		e.template = template.Name
		hash := template.Hash(from.h0(e.stamp, template.Name), zid)
		t.entries[hash] = e
		hashes = append(hashes, hash)
	}
	return hashes
}
