package softphone

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"karat/media/path"
	"karat/softphone/netwatch"
)

const (
	// A move that could not be told to the other end is told again after moveAfter,
	// then after twice that, and so on, maxMoves times in all: about two minutes.
	moveAfter = time.Second
	maxMoves  = 8
)

// What is said while a call moves.
const (
	movingNow = "The network changed: the call is being moved to the new one. Its keys stay."
	noNetwork = "There is no network at the moment: the call goes on as soon as there is one."
)

// move is what goes on after the network changed under a call. Its keys, and what
// its packets look like, stay as they are: only where they come from is another
// place. So nothing gets less private by it, and a peer that is told nothing yet
// follows the first packet that proves genuine.
type move struct {
	owed  bool // the other end has to hear where we are
	told  bool // the user knows that the call moves
	tries int

	gathered <-chan error // ICE has found addresses, or has not; nil: nothing asked
	cancel   context.CancelFunc
}

// end waits for what was begun.
func (m *move) end() {
	if m.gathered != nil {
		m.cancel()
		for range m.gathered { // until it is closed
		}
	}
	*m = move{}
}

// watchNetwork has the phone follow changes of the network.
func (p *Phone) watchNetwork() {
	watch := p.cfg.Watch
	if watch == nil && p.cfg.Network == nil {
		watch = netwatch.Run
	}
	if watch == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.hearing.Go(func() {
		defer cancel()
		<-p.done
	})
	p.hearing.Go(func() {
		watch(ctx, func(ch netwatch.Change) {
			for _, a := range p.accounts {
				a.agent.NetworkChanged(ch.Slept)
				p.moveCalls(a, a.direct()) // with a provider when we are registered again
			}
		})
	})
}

// moveCalls tells the calls of an account that the network changed; again: so did
// the connection over which they are signalled.
func (p *Phone) moveCalls(a *account, again bool) {
	p.mu.Lock()
	calls := make([]*call, 0, len(p.calls))
	for _, c := range p.calls {
		if c.account == a {
			calls = append(calls, c)
		}
	}
	p.mu.Unlock()
	for _, c := range calls {
		c.post(moved{again})
	}
}

// follow takes the call to where we are now.
func (c *call) follow(again bool) {
	if !c.up() || c.path == nil {
		return // it names its address when it is answered
	}
	local, err := c.sip.MediaAddr()
	if err != nil {
		c.tellMove(noNetwork)
		return
	}
	c.move.owed = c.move.owed || again
	if here := c.mediaHost(); here.IsValid() && here != local {
		c.tellMove(movingNow)
		if err := c.leaveFor(local); err != nil {
			c.stay(err)
			return
		}
	}
	if again {
		c.reconcile()
	}
}

// mediaHost is the address that our media leaves from.
func (c *call) mediaHost() netip.Addr {
	if ice, on := path.AsICE(c.path); on {
		return ice.Host()
	}
	return c.path.Local().Addr()
}

// leaveFor moves the media. Where ICE is on, the old way goes on to be used until
// the checks have found a new one.
func (c *call) leaveFor(local netip.Addr) error {
	c.move.owed = true
	if ice, on := path.AsICE(c.path); on {
		c.gather(ice, local)
		return nil
	}
	old, plain := path.AsUDP(c.path)
	if !plain {
		return nil
	}
	next, err := c.phone.cfg.OpenPath(local)
	if err != nil {
		return err
	}
	if p, plain := path.AsUDP(next); plain {
		return old.Adopt(p)
	}
	return nil
}

// stay gives a move up: there is no port in the new network.
func (c *call) stay(err error) {
	c.move.owed, c.move.told = false, false
	c.emit(Moving{Head: c.head(), Done: true, Why: "No port could be opened in the new network (" + sentence(err) + "), so nothing is heard any more: hang up, and call again."})
}

// gather asks relays and STUN servers from the new address, which may take
// seconds: the call goes on meanwhile.
func (c *call) gather(ice *path.ICE, local netip.Addr) {
	if c.move.gathered != nil { // the network changed once more
		c.move.cancel()
		for range c.move.gathered { // until it is closed
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	c.move.gathered, c.move.cancel = done, cancel
	go func() { // end waits for it
		defer close(done)
		done <- ice.Restart(ctx, local)
	}()
}

// hearGathered: the new addresses are known.
func (c *call) hearGathered(err error) {
	c.move.cancel()
	c.move.gathered = nil
	switch {
	case c.over:
	case err != nil:
		c.moveAgain(err)
	default:
		c.reconcile()
	}
}

// tellMove says what goes on, unless it was said.
func (c *call) tellMove(why string) {
	if !c.move.told {
		c.move.told = true
		c.emit(Moving{Head: c.head(), Why: why})
	}
}

// arrived: the other end knows where we are.
func (c *call) arrived() {
	c.move.owed, c.move.tries = false, 0
	if c.move.told {
		c.move.told = false
		c.emit(Moving{Head: c.head(), Done: true})
	}
}

// moveAgain tells the other end later. One that does not agree keeps the call, and
// may still follow our packets.
func (c *call) moveAgain(err error) {
	if c.move.tries++; c.move.tries < maxMoves {
		c.changes.again = time.After(moveAfter << (c.move.tries - 1))
		return
	}
	c.move.owed, c.move.tries, c.move.told = false, 0, false
	c.emit(Moving{Head: c.head(), Done: true, Why: "The other phone could not be told where you are now (" + sentence(err) + "): if nothing is heard, call again."})
	if c.changes.hold != c.changes.told.Ours {
		c.changeRefused(errors.New("it does not answer"))
	}
}
