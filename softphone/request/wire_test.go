package request_test

import (
	"encoding/binary"
	"testing"
	"time"

	"karat/internal/secret"
	"karat/softphone/request"
	"karat/zrtp"
	"karat/zrtp/wire"
)

// phone is one end of calls between two Karats, with what it keeps of the other.
type phone struct {
	zid    zrtp.ZID // the constant one, for who is not recognised
	memory request.Memory
	sent   request.Stamp
}

// template is the one Hello that all of them have.
func template(t *testing.T) request.Template {
	t.Helper()
	hello, err := zrtp.NewHelloTemplate(zrtp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return request.Template{Name: 1, Hash: func(h0 [32]byte, zid [request.ZIDLen]byte) [32]byte {
		return hello.Hash(h0, zid)
	}}
}

// retained is what the engine may know, with keys for one-time ids of an hour.
func (p *phone) retained(t *testing.T, h request.Hour) zrtp.Retained {
	t.Helper()
	rs1, rs2, unproven := p.memory.Expected()
	r := zrtp.Retained{RS1: rs1.Secret, RS2: rs2.Secret, Unproven: unproven}
	for _, e := range []struct {
		entry request.Entry
		id    *secret.Bytes
	}{{rs1, &r.ID1}, {rs2, &r.ID2}} {
		if !e.entry.Present() {
			continue
		}
		k, ok := e.entry.Key.Advance(h)
		if !ok {
			t.Fatal("no key for this hour")
		}
		*e.id = k.IDKey()
	}
	return r
}

// learn keeps what a call left; the other's voice was heard.
func (p *phone) learn(s zrtp.Secure, before zrtp.Retained, now time.Time) {
	matched := secret.Bytes{}
	if s.Continuity { // what matched is now rs2
		matched = s.Remember.RS2
	}
	key, _ := request.NewKey(s.Remember.RequestKey).Advance(request.Kept(now))
	p.memory = p.memory.Update(request.Entry{Secret: s.Remember.RS1, Key: key, Initiator: s.Role == zrtp.Initiator}, matched)
	p.memory.Proven = true
}

// callOnce lets a call b, one-time as soon as they have spoken, or plain for ever,
// and returns all ZRTP messages.
func callOnce(t *testing.T, now time.Time, a, b *phone, plain bool) (messages [][]byte) {
	t.Helper()
	var hour request.Hour
	ca := zrtp.Config{ZID: a.zid, SSRC: 1, Expiry: zrtp.ExpiryNever}
	cb := zrtp.Config{ZID: b.zid, SSRC: 2, Expiry: zrtp.ExpiryNever}
	known := a.memory.Newest.Present()
	oneTime := known && !plain
	var ra, rb zrtp.Retained
	var caller request.Identity
	if oneTime {
		stamp, ok := request.Next(now, a.sent)
		if !ok {
			t.Fatal("no stamp")
		}
		a.sent, hour = stamp, stamp.Hour()
		e := a.memory.Sending()
		key, ok := e.Key.Advance(hour)
		if !ok {
			t.Fatal("no key")
		}
		caller = key.Identity(stamp, e.Initiator, 1)
		ca.ZID, ca.H0 = caller.ZID, secret.Copy(caller.H0[:])
	}
	if known {
		if !oneTime {
			hour = request.HourOf(now)
		}
		ra, rb = a.retained(t, hour), b.retained(t, hour)
		if !oneTime {
			ra.ID1, ra.ID2, rb.ID1, rb.ID2 = secret.Bytes{}, secret.Bytes{}, secret.Bytes{}, secret.Bytes{}
		}
	}
	ca.Retained = func(zrtp.ZID) (zrtp.Retained, bool) { return ra, known }
	sa, err := zrtp.NewSession(ca)
	if err != nil {
		t.Fatal(err)
	}
	hello, _ := zrtp.ParseHelloHash(sa.HelloHash())
	if oneTime {
		m, ok := b.lookup(t, now, hello)
		if !ok {
			t.Fatal("the callee does not recognise the request")
		}
		cb.ZID = m.Identity.AnswerZID(hello)
		if cb.ZID != zrtp.ZID(caller.AnswerZID(hello)) {
			t.Fatal("the caller would not recognise the callee")
		}
	}
	cb.Retained = func(zrtp.ZID) (zrtp.Retained, bool) { return rb, known }
	sb, err := zrtp.NewSession(cb)
	if err != nil {
		t.Fatal(err)
	}
	secureA, secureB, messages := converse(t, now, sa, sb)
	if secureA.Mismatched || secureB.Mismatched || secureA.Continuity != known || secureA.SAS != secureB.SAS {
		t.Fatalf("known %v: %+v", known, secureA)
	}
	a.learn(secureA, ra, now)
	b.learn(secureB, rb, now)
	return messages
}

// lookup asks a table made of what is kept.
func (p *phone) lookup(t *testing.T, now time.Time, hello [32]byte) (request.Match, bool) {
	t.Helper()
	peer := request.Peer{}
	for _, e := range p.memory.Accepting() {
		peer.Keys = append(peer.Keys, request.PeerKey{Key: e.Key, Initiator: !e.Initiator})
	}
	return request.NewTable([]request.Peer{peer}, []request.Template{template(t)}).Lookup(now, hello)
}

// converse lets two sessions exchange packets until both are secure.
func converse(t *testing.T, now time.Time, a, b *zrtp.Session) (sa, sb zrtp.Secure, messages [][]byte) {
	t.Helper()
	a.Start(now)
	b.Start(now)
	ends := [2]*zrtp.Session{a, b}
	secure := [2]*zrtp.Secure{&sa, &sb}
	for moved := true; moved; {
		moved = false
		for i, e := range ends {
			for pkt, ok := e.NextPacket(); ok; pkt, ok = e.NextPacket() {
				moved = true
				p, err := wire.ParsePacket(pkt)
				if err != nil {
					t.Fatal(err)
				}
				messages = append(messages, p.Message)
				ends[1-i].Receive(now, pkt)
			}
			for ev, ok := e.NextEvent(); ok; ev, ok = e.NextEvent() {
				if s, is := ev.(zrtp.Secure); is {
					*secure[i] = s
				}
			}
		}
	}
	if sa.SAS == "" || sb.SAS == "" {
		t.Fatal("not secure")
	}
	return sa, sb, messages
}

// values are all octets of messages, eight at a time, at every word.
func values(messages [][]byte) map[uint64]bool {
	all := map[uint64]bool{}
	for _, m := range messages {
		for at := 0; at+8 <= len(m); at += 4 {
			all[binary.BigEndian.Uint64(m[at:])] = true
		}
	}
	return all
}

// linked counts the values that come in more than one of ten calls of a pair, and
// in no call of another pair: what is in those is common to all.
func linked(t *testing.T, plain bool) (n int) {
	t.Helper()
	now := request.Epoch.Add(time.Hour - 5*time.Minute) // over a full hour
	pair := func(n byte) (a, b *phone) { return &phone{zid: zrtp.ZID{n, 'a'}}, &phone{zid: zrtp.ZID{n, 'b'}} }
	common := map[uint64]bool{}
	a, b := pair(1)
	for call := range 3 {
		for v := range values(callOnce(t, now.Add(time.Duration(call)*time.Minute), a, b, false)) {
			common[v] = true
		}
	}
	a, b = pair(2)
	callOnce(t, now, a, b, plain) // the first contact
	seen := map[uint64]bool{}
	for call := range 10 {
		if call%3 == 2 {
			a, b = b, a
		}
		for v := range values(callOnce(t, now.Add(time.Duration(call+1)*time.Minute), a, b, plain)) {
			if seen[v] && !common[v] {
				n++
			}
			seen[v] = true
		}
	}
	return n
}

// Ten calls of two Karats, after their first, have no value in common on the wire
// but what all calls of all have. Without one-time values they have.
func TestTenCallsAreUnlinked(t *testing.T) {
	if n := linked(t, false); n > 0 {
		t.Errorf("%d values come again", n)
	}
	if n := linked(t, true); n < 10 {
		t.Errorf("only %d values come again in plain calls: this test sees nothing", n)
	}
}
