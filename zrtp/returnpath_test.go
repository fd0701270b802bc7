package zrtp

import (
	"errors"
	"slices"
	"testing"
	"time"

	"karat/zrtp/wire"
)

func TestNoKeyWorkWithoutReturnPath(t *testing.T) {
	for name, tc := range map[string]struct {
		bound, stun, committed bool
	}{
		"nothing known": {},
		"signalled":     {bound: true, committed: true},
		"STUN":          {stun: true, committed: true},
	} {
		a, b := configs()
		a.ReturnPath = tc.stun
		l := newLink(t, a, b)
		if tc.bound {
			l.a.ExpectHello([]string{l.b.HelloHash()})
		}
		l.a.Start(l.now)
		l.drain(l.a)
		for i := range 5 { // a flood of Hellos, and HelloACKs of another's
			l.inject(l.a, packet(b.SSRC, raw(l.b.hello)), time.Duration(i)*ms)
			l.inject(l.a, packet(b.SSRC+1, wire.HelloACK{}), time.Duration(i)*ms)
		}
		l.run(20 * ms)
		if got := slices.Contains(l.a.types(), wire.TypeCommit); got != tc.committed || (l.a.x.ka != nil) != tc.committed {
			t.Errorf("%s: committed is %v, want %v: %s", name, got, tc.committed, l.a.story())
		}
		l.inject(l.a, packet(b.SSRC, wire.HelloACK{}), 0)
		l.run(0)
		if !slices.Contains(l.a.types(), wire.TypeCommit) || l.a.state != stateCommit {
			t.Errorf("%s: no Commit after HelloACK: %s", name, l.a.story())
		}
	}
}

func TestNeverAcknowledged(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.a.Start(l.now)
	l.drain(l.a)
	l.inject(l.a, packet(b.SSRC, raw(l.b.hello)), 0)
	l.run(12_349 * ms)
	if count[Failed](l.a) > 0 || slices.Contains(l.a.types(), wire.TypeCommit) {
		t.Errorf("too early: %s", l.a.story())
	}
	l.run(ms)
	f := l.wantFailed(l.a)
	wantCode(t, f, wire.CodeTimeout)
	if !errors.Is(f.Err, ErrTimeout) {
		t.Errorf("failed with %v", f.Err)
	}
}

func TestCommitAcknowledges(t *testing.T) {
	a, b := configs()
	b.ReturnPath = true
	l := newLink(t, a, b)
	l.filter = func(_ *end, _ int, pkt []byte) []arrival {
		if messageType(pkt) == wire.TypeHelloACK {
			return nil
		}
		return []arrival{{pkt: pkt}}
	}
	l.start()
	l.run(time.Second)
	if sa, _ := l.wantSecure(); sa.Role != Responder || slices.Contains(l.a.types(), wire.TypeCommit) {
		t.Errorf("a is %v: %s", sa.Role, l.a.story())
	}
}

func TestPresharedCommitAcknowledges(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.a.Start(l.now)
	l.drain(l.a)
	l.inject(l.a, packet(b.SSRC, raw(l.b.hello)), 0)
	c := wire.Commit{
		H2: l.b.chain.h2, ZID: b.ZID, KeyAgreement: wire.Prsh,
		Hash: wire.S384, Cipher: wire.AES3, AuthTag: wire.HS80, SAS: wire.B256,
	}
	stranger := c
	stranger.H2[0] ^= 1
	l.inject(l.a, packet(b.SSRC, stranger), ms)
	l.run(2 * ms)
	if l.a.state != stateHelloACK {
		t.Errorf("after a stranger's Commit: %s", l.a.story())
	}
	l.inject(l.a, packet(b.SSRC, c), ms)
	l.run(2 * ms)
	if l.a.state != stateCommit || !slices.Contains(l.a.types(), wire.TypeCommit) {
		t.Errorf("after the peer's Commit: %s", l.a.story())
	}
}

func TestKEMBudget(t *testing.T) {
	a, b := configs()
	l := newLink(t, a, b)
	l.a.kemSpent, l.b.kemSpent = kemBudget, kemBudget
	l.start()
	l.run(5 * time.Second)
	for _, e := range []*end{l.a, l.b} {
		wantCode(t, l.wantFailed(e), wire.CodeServiceUnavailable)
	}
	l = newLink(t, a, b)
	l.filter = func(_ *end, _ int, pkt []byte) []arrival {
		return []arrival{{pkt: pkt}, {pkt: pkt}, {pkt, 30 * ms}}
	}
	l.start()
	l.run(5 * time.Second)
	l.wantSecure()
	if n := l.a.kemSpent + l.b.kemSpent; n != 1 {
		t.Errorf("%d encapsulations in one call", n)
	}
}

// An acknowledgement that overtakes the Hello counts; another's does not.
func TestAcknowledgedBeforeHello(t *testing.T) {
	for ssrc, want := range map[uint32]bool{0xbbbbbbbb: true, 0x666: false} {
		a, b := configs()
		l := newLink(t, a, b)
		l.a.Start(l.now)
		l.drain(l.a)
		l.inject(l.a, packet(ssrc, wire.HelloACK{}), 0)
		l.inject(l.a, packet(b.SSRC, raw(l.b.hello)), ms)
		l.run(2 * ms)
		if got := slices.Contains(l.a.types(), wire.TypeCommit); got != want {
			t.Errorf("acknowledged by %#x: committed is %v", ssrc, got)
		}
	}
}
