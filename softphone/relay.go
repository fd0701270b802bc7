package softphone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"karat/media/path"
	"karat/sip/offer"
	"karat/softphone/store"
)

// CheckServers tells whether these name a relay and a STUN server; empty ones
// are right.
func CheckServers(relay, stun string) error {
	if relay != "" {
		if err := path.CheckRelay(relay); err != nil {
			return err
		}
	}
	if stun != "" {
		return path.CheckSTUN(stun)
	}
	return nil
}

// usesICE tells whether the account has servers that ICE needs. Without them it
// is off, and not one STUN packet is sent.
func usesICE(a *store.Account) bool { return a != nil && (a.Relay.URL != "" || a.STUN != "") }

// iceConfig is an account's settings as media/path wants them.
func iceConfig(a *store.Account, local netip.Addr) (path.ICEConfig, error) {
	roots, err := rootsOf(a)
	if err != nil {
		return path.ICEConfig{}, err
	}
	r := path.Relay{URL: a.Relay.URL, User: a.Relay.User, Password: a.Relay.Password, Roots: roots}
	if r.User == "" {
		r.User = cmp.Or(a.AuthUser, userOf(a.AOR))
	}
	if r.Password.Len() == 0 {
		r.Password = a.Password
	}
	return path.ICEConfig{Local: local, Relay: r, RelayOnly: a.Relay.Only, STUN: a.STUN}, nil
}

// userOf is the user part of an address of record.
func userOf(aor string) string {
	_, rest, _ := strings.Cut(aor, ":")
	user, _, _ := strings.Cut(rest, "@")
	return user
}

// RelayReport is what a relay and a STUN server answered.
type RelayReport struct {
	Relay  string // the address at the relay; empty: none
	Public string // how the STUN server sees us; empty: not asked
	Only   bool   // relay-only
	Proxy  bool   // through a SOCKS proxy
}

// TestRelay asks an account's relay for an address, and its STUN server how it
// sees us, as a call would. An account that does not exist has neither.
func TestRelay(ctx context.Context, s *store.Store, aor string) (RelayReport, error) {
	a := accountOf(s, aor)
	if !usesICE(a) {
		return RelayReport{}, nil
	}
	report := RelayReport{Only: a.Relay.Only, Proxy: throughProxy(a)}
	cfg, err := iceConfig(a, netip.IPv4Unspecified())
	if err != nil {
		return report, err
	}
	if err := CheckProxy(a); err != nil {
		return report, err
	}
	if cfg.Network, err = networkOf(a, nil); err != nil {
		return report, err
	}
	p, err := path.OpenICE(ctx, cfg)
	if err != nil {
		return report, err
	}
	defer p.Close()
	for _, c := range p.Describe().Candidates {
		switch f := strings.Fields(c); f[7] {
		case "relay":
			report.Relay = f[4]
		case "srflx":
			report.Public = f[4]
		}
	}
	if a.Relay.URL != "" && report.Relay == "" {
		return report, path.ErrRelay
	}
	if a.STUN != "" && !a.Relay.Only && report.Public == "" {
		return report, path.ErrSTUN
	}
	return report, nil
}

// accountOf is the account of that address, or the only one.
func accountOf(s *store.Store, aor string) *store.Account {
	all := s.Accounts()
	for i := range all {
		if all[i].AOR == aor || aor == "" && len(all) == 1 {
			return &all[i]
		}
	}
	return nil
}

// openWay opens the media path of a call, and says so when servers are slow.
func (c *call) openWay(local netip.Addr) (path.Path, error) {
	told := make(chan struct{})
	slow := time.AfterFunc(slowAfter, func() {
		defer close(told)
		c.emit(Notice{Head: c.head(), Text: "asking the relay for a way for the voice ..."})
	})
	p, err := c.account.openPath(context.Background(), local, c.phone.cfg.OpenPath)
	if !slow.Stop() {
		<-told
	}
	switch {
	case errors.Is(err, path.ErrRelay):
		return nil, fmt.Errorf("%w: try \"karat doctor\", or change it with \"karat account add\"", err)
	case err != nil:
		return nil, fmt.Errorf("no port for the voice could be opened: %w", err)
	}
	return p, nil
}

// slowAfter is when waiting wants an explanation.
const slowAfter = time.Second

// ownICE is what our next offer or answer says of ICE; nil: it is off.
func (c *call) ownICE() *offer.ICE {
	ice, on := path.AsICE(c.path)
	if !on {
		return nil
	}
	d := ice.Describe()
	return &offer.ICE{Ufrag: d.Ufrag, Pwd: d.Pwd, Candidates: d.Candidates}
}

// checkWay begins connectivity checks, if both ends speak ICE. Keys are agreed
// on when a way is found: c.way tells.
func (c *call) checkWay() (checking bool) {
	ice, on := path.AsICE(c.path)
	if !on || c.agreed.ICE == nil {
		return false
	}
	r := c.agreed.ICE
	way, err := ice.Check(c.fork, c.outgoing, path.Description{Ufrag: r.Ufrag, Pwd: r.Pwd, Candidates: r.Candidates, Lite: r.Lite})
	if err != nil {
		c.log.Debug("the other end's ICE makes no sense; going on without")
		return false
	}
	c.way = way
	return true
}

// restarts tells whether a new description restarts ICE, as a phone does after
// its network changed.
//
// RFC 8839, Section 4.4.1.1.1: new ice-ufrag and ice-pwd mean a restart.
func restarts(before, after *offer.ICE) bool {
	return after != nil && (before == nil || before.Ufrag != after.Ufrag || before.Pwd != after.Pwd)
}

// renewWay prepares our answer to a peer that restarts ICE, or no longer has it.
// The keys stay as they are: what changes is where packets go, and those that
// are not genuine are nothing.
func (c *call) renewWay(d offer.Description) {
	ice, on := path.AsICE(c.path)
	switch {
	case !on:
		return
	case d.ICE == nil:
		ice.Abandon()
		return
	case !restarts(c.offered.ICE, d.ICE):
		return
	}
	if err := ice.Renew(); err != nil {
		c.log.Debug("ICE could not be renewed")
		return
	}
	c.local.ICE = c.ownICE()
}
