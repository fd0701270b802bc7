package sip

import "net/netip"

// CheckTarget tells whether an address can be called, without asking anybody.
func CheckTarget(target string) error {
	_, err := parseHop(target)
	return err
}

// CheckAccount tells whether an account's addresses make sense.
func CheckAccount(acc Account) error {
	_, err := newLine(nil, &acc)
	return err
}

// Secure tells whether all signalling goes to the account's server over TLS.
func (a *Agent) Secure() bool { return a.line != nil && a.line.hop.kind.secure() }

// MediaAddr is our address toward whom the call's media goes: what a c= line
// names. Calls of the account go by its server; a direct one goes to where it
// came from.
func (c *Call) MediaAddr() (netip.Addr, error) {
	if c.account || !c.source.IsValid() {
		return c.agent.MediaAddr(c.peer)
	}
	return c.agent.network.LocalFor(c.source.Addr())
}
