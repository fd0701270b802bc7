package softphone

import (
	"errors"
	"fmt"

	"karat/internal/socks"
	"karat/media/path"
	"karat/sip"
	"karat/softphone/store"
)

// What does not go together with a SOCKS proxy: all that would go around it.
var (
	errVoice  = errors.New("with a SOCKS proxy the voice has to go through it, too, and needs a relay that takes it over TCP or TLS: name one with --relay 'turn:host:port?transport=tls'")
	errSTUN   = errors.New("a STUN server is asked over UDP, which goes around the SOCKS proxy: leave --stun out")
	errListen = errors.New("direct calls (--listen) would go around the account's SOCKS proxy: take them without that account")
)

// throughProxy tells whether everything of an account goes through a SOCKS proxy.
func throughProxy(a *store.Account) bool { return a != nil && a.SOCKS.Address != "" }

// CheckProxy tells whether an account with a SOCKS proxy has a way for everything
// through it, and none around it.
func CheckProxy(a *store.Account) error {
	if !throughProxy(a) {
		return nil
	}
	if _, err := socks.ParseAddress(a.SOCKS.Address); err != nil {
		return err
	}
	switch {
	case a.STUN != "":
		return errSTUN
	case a.Relay.URL == "" || !a.Relay.Only || path.CheckStreamRelay(a.Relay.URL) != nil:
		return errVoice
	}
	return nil
}

// networkOf is the network that an account goes by: through its SOCKS proxy, if it
// has one.
func networkOf(a *store.Account, below sip.Network) (sip.Network, error) {
	if !throughProxy(a) {
		return below, nil
	}
	if below == nil {
		below = sip.Machine()
	}
	address, err := socks.ParseAddress(a.SOCKS.Address)
	if err != nil {
		return nil, err
	}
	n, err := socks.New(socks.Proxy{Address: address, User: a.SOCKS.User, Password: a.SOCKS.Password}, below)
	if err != nil {
		return nil, fmt.Errorf("the account's proxy: %w", err)
	}
	return n, nil
}
