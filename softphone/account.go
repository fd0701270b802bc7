package softphone

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"karat/media/path"
	"karat/sip"
	"karat/softphone/assay"
	"karat/softphone/store"
)

// account is one way to call and to be called: a user at a provider, or, without
// settings, direct calls. Each has a SIP agent of its own, and all its calls go by
// it. Nothing that others see is shared by two of them: no connection, no identifier,
// no way through proxies or relays.
type account struct {
	settings *store.Account // nil: direct calls
	network  sip.Network    // nil: the machine's
	agent    *sip.Agent
	zid      [12]byte // shown in key agreements
}

// Errors about which account is meant.
var (
	ErrNoAccount   = errors.New("there is no such account: \"karat account list\" shows them, \"karat account add\" adds one")
	ErrManyAccount = errors.New("there are several accounts, and whom you call does not know you by exactly one of them: name the one to call from (--account ADDRESS, or \"call ADDRESS from ADDRESS\" while the phone runs)")
)

// openAccounts makes the accounts of a phone, one after the other as they are
// stored. Direct calls have one of their own, so that who calls here directly learns
// nothing that ties it to an account.
func (p *Phone) openAccounts() error {
	chosen, err := chosenAccounts(p.cfg.Store, p.cfg.Account)
	if err != nil {
		return err
	}
	for i := range chosen {
		if throughProxy(&chosen[i]) && len(p.cfg.Listen) > 0 {
			return errListen
		}
		if err := p.openAccount(&chosen[i], nil); err != nil {
			return err
		}
	}
	if len(chosen) == 0 || len(p.cfg.Listen) > 0 {
		return p.openAccount(nil, p.cfg.Listen)
	}
	return nil
}

// chosenAccounts are the stored ones, or the one of that address.
func chosenAccounts(s *store.Store, aor string) ([]store.Account, error) {
	if aor == "" {
		return s.Accounts(), nil
	}
	a, found := s.Account(aor)
	if !found {
		return nil, ErrNoAccount
	}
	return []store.Account{a}, nil
}

func (p *Phone) openAccount(settings *store.Account, listen []string) error {
	a := &account{settings: settings, zid: p.cfg.Store.DirectZID()}
	if settings != nil {
		a.zid = settings.ZID
	}
	signalling, err := signallingAccount(settings)
	if err != nil {
		return err
	}
	if a.network, err = networkOf(settings, p.cfg.Network); err != nil {
		return err
	}
	a.agent, err = sip.NewAgent(sip.Config{Account: signalling, Listen: listen, Logger: p.log, Network: a.network})
	if err != nil {
		return err
	}
	p.accounts = append(p.accounts, a)
	return nil
}

// signallingAccount is the stored account as the SIP agent wants it.
func signallingAccount(a *store.Account) (*sip.Account, error) {
	if a == nil {
		return nil, nil
	}
	out := &sip.Account{
		AOR: a.AOR, Registrar: a.Registrar, AuthUser: a.AuthUser,
		Password: a.Password, ContactUser: a.ContactUser, WeakDigest: a.WeakDigest, UserAgent: a.UserAgent,
		Instance: a.Instance, NoUDP: throughProxy(a),
	}
	if a.TLS.Pinned {
		out.Pin = &sip.Pin{Key: a.TLS.Pin}
	}
	if len(a.TLS.Certificate) > 0 {
		own, err := tls.X509KeyPair(a.TLS.Certificate, a.TLS.Key.Expose())
		if err != nil {
			return nil, fmt.Errorf("the certificate stored with %s is not usable, add the account again with --cert and --key: %w", a.AOR, err)
		}
		out.Certificate = &own
	}
	var err error
	out.Roots, err = rootsOf(a)
	return out, err
}

// rootsOf are the authorities to trust for an account; nil: the system's.
func rootsOf(a *store.Account) (*x509.CertPool, error) {
	if len(a.CA) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(a.CA) {
		return nil, fmt.Errorf("the certificate authority stored with %s is not readable: add the account again with --ca", a.AOR)
	}
	return pool, nil
}

// direct: it has no provider.
func (a *account) direct() bool { return a.settings == nil }

// address is its address of record; empty for direct calls.
func (a *account) address() string {
	if a.direct() {
		return ""
	}
	return a.settings.AOR
}

// facts are what the assay of a call has to know of its account.
func (a *account) facts() assay.Facts {
	f := assay.Facts{Direct: a.direct(), SignallingTLS: a.agent.Secure()}
	if s := a.settings; s != nil {
		f.ContactUser, f.UserAgent = s.ContactUser != "", s.UserAgent != ""
		f.WeakDigest, f.Relay, f.Proxy = s.WeakDigest, s.Relay.Only, throughProxy(s)
	}
	return f
}

// openPath opens the way of the media: through NATs and relays where the account
// has servers for that, else a plain one.
func (a *account) openPath(ctx context.Context, local netip.Addr, plain func(netip.Addr) (path.Path, error)) (path.Path, error) {
	if err := CheckProxy(a.settings); err != nil {
		return nil, err
	}
	if !usesICE(a.settings) {
		return plain(local)
	}
	cfg, err := iceConfig(a.settings, local)
	if err != nil {
		return nil, err
	}
	cfg.Network = a.network
	return path.OpenICE(ctx, cfg)
}

// calling is the account that a call to target goes out from: the one named, or the
// one that AccountFor would choose.
func (p *Phone) calling(from, target string) (*account, error) {
	var stored []store.Account
	for _, a := range p.accounts {
		if !a.direct() {
			stored = append(stored, *a.settings)
		}
	}
	if from == "" {
		var err error
		if from, err = choose(p.cfg.Store, stored, target); err != nil {
			return nil, err
		}
	}
	i := slices.IndexFunc(p.accounts, func(a *account) bool { return a.address() == from })
	if i < 0 {
		return nil, ErrNoAccount
	}
	return p.accounts[i], nil
}

// AccountFor is the stored account that a call to target goes out from where the
// user names none; empty: there is no account.
func AccountFor(s *store.Store, target string) (aor string, err error) {
	return choose(s, s.Accounts(), target)
}

// choose is the only account there is, or else the one that the contact's phones
// know us by: to them it tells nothing new. Who knows none of several, or more than
// one, is not called from one by guess.
func choose(s *store.Store, among []store.Account, target string) (aor string, err error) {
	if len(among) == 0 {
		return "", nil
	}
	if len(among) > 1 {
		met := knownBy(s, target)
		among = slices.DeleteFunc(slices.Clone(among), func(a store.Account) bool { return !slices.Contains(met, a.ZID) })
	}
	if len(among) != 1 {
		return "", ErrManyAccount
	}
	return among[0].AOR, nil
}

// knownBy are our ZIDs that the phones of the contact at target have met, each once.
func knownBy(s *store.Store, target string) (zids [][12]byte) {
	name, found := contactAt(s, target)
	if !found {
		return nil
	}
	c, _ := s.Contact(name)
	for _, peer := range c.Peers {
		if !slices.Contains(zids, peer.OwnZID) {
			zids = append(zids, peer.OwnZID)
		}
		peer.Wipe()
	}
	return zids
}

// named is an account's address where it has to be said which one is meant; empty:
// there is only one, or the call is direct.
func (p *Phone) named(a *account) string {
	if len(p.accounts) == 1 {
		return ""
	}
	return a.address()
}

// pinned keeps the key by which the account's server is known from now on, and
// shows it.
func (p *Phone) pinned(aor string, ev sip.Pinned) {
	a, found := p.cfg.Store.Account(aor)
	if !found {
		return
	}
	a.TLS.Pin = ev.Key
	text := "The server of " + aor + " is known by this key from now on: " + sip.WriteFingerprint(ev.Key) + ". Compare it with what your provider publishes"
	if !ev.Vouched {
		text += "; no authority vouches for it, so only that shows whose it is"
	}
	if err := p.cfg.Store.SetAccount(a); err != nil {
		text += ". It could not be stored: " + sentence(err)
	}
	p.emit(Notice{Head: p.head(""), Text: text + "."})
}
