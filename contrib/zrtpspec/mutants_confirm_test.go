package main

// confirmMutants are about Confirm1 and Confirm2.
var confirmMutants = []mutant{
	{
		rule:  "the MAC of DHPart",
		file:  "zrtp/confirm.go",
		old:   "if !s.provesEarlier(h0) {",
		new:   "if false {",
		cases: []string{"8.1.1/4", "8.1.1/5"},
	},
	{
		rule:  "a stranger's Confirm is doubted",
		file:  "zrtp/confirm.go",
		old:   "return wire.Confirmed{}, doubtful{protocolError(wire.CodeBadConfirmMAC, nil)}",
		new:   "return wire.Confirmed{}, protocolError(wire.CodeBadConfirmMAC, nil)",
		cases: []string{"9/5", "9/6"},
	},
	{
		rule:  "the MAC of Confirm",
		file:  "zrtp/confirm.go",
		old:   "mac := s.confirmMAC(peer.mac, c.Encrypted)",
		new:   "mac := c.MAC",
		cases: []string{"4.6/2", "4.6/3"},
	},
	{
		rule: "SRTP counts as Conf2ACK",
		file: "zrtp/confirm.go",
		old: `func (s *Session) ReceivedSRTP(time.Time) {
	if s.state == stateConfirm2 {`,
		new: `func (s *Session) ReceivedSRTP(time.Time) {
	if false {`,
		cases: []string{"4.6/1"},
	},
	{
		rule: "the initiator waits for Conf2ACK",
		file: "zrtp/confirm.go",
		old: `s.request(now, confirm2)
	return stateConfirm2, nil`,
		new: `s.request(now, confirm2)
	s.secure()
	return stateSecure, nil`,
		cases: []string{"4/4", "4.6.1/2"},
	},
	{
		rule: "the alarm for a mismatch",
		file: "zrtp/confirm.go",
		old: `if s.x.mismatched {
		s.emit(Mismatch{})`,
		new: `if false {
		s.emit(Mismatch{})`,
		cases: []string{"4.3.2/1", "4.3.2/2"},
	},
	{
		rule:  "the lesser interval counts",
		file:  "zrtp/confirm.go",
		old:   "min(interval(s.cfg.Expiry), s.x.confirmed.Expiry)",
		new:   "max(interval(s.cfg.Expiry), s.x.confirmed.Expiry)",
		cases: []string{"4.9/2", "4.9/3"},
	},
	{
		rule:  "a mismatch delays the update",
		file:  "zrtp/confirm.go",
		old:   "Mismatched:   s.x.mismatched,",
		new:   "",
		cases: []string{"4.6.1.1/1", "4.6.1.1/2"},
	},
	{
		rule:  "unused bits of Confirm, sent",
		file:  "zrtp/confirm.go",
		old:   "H0:         s.chain.h0,",
		new:   "H0:         s.chain.h0, Unused: 1,",
		cases: []string{"5.7/2"},
	},
	{
		rule: "unused bits of Confirm, received",
		file: "zrtp/confirm.go",
		old: `s.x.confirmed = confirmed
	s.keysAgreed(now)
	s.respond`,
		new: `if confirmed.Unused != 0 {
		return s.state, errUnused
	}
	s.x.confirmed = confirmed
	s.keysAgreed(now)
	s.respond`,
		cases: []string{"5.7/1"},
	},
	{
		rule:  "the D flag is shown",
		file:  "zrtp/confirm.go",
		old:   "Disclosed:    s.x.confirmed.Disclosure,",
		new:   "",
		cases: []string{"11/2"},
	},
	{
		rule:  "the D flag is not set",
		file:  "zrtp/confirm.go",
		old:   "H0:         s.chain.h0,",
		new:   "H0:         s.chain.h0, Disclosure: true,",
		cases: []string{"11/1"},
	},
	{
		rule:  "verified by both",
		file:  "zrtp/confirm.go",
		old:   "Verified:     s.verified() && s.x.confirmed.Verified,",
		new:   "Verified:     s.x.confirmed.Verified,",
		cases: []string{"7.1/1"},
	},
	{
		rule:  "the V flag",
		file:  "zrtp/confirm.go",
		old:   "Verified:   s.verified(),",
		new:   "Verified:   true,",
		cases: []string{"7.1/2"},
	},
	{
		rule:  "no signature",
		file:  "zrtp/confirm.go",
		old:   "H0:         s.chain.h0,",
		new:   "H0:         s.chain.h0, Signature: make([]byte, 4),",
		cases: []string{"7.2/1"},
	},
	{
		rule:  "a fresh IV",
		file:  "zrtp/confirm.go",
		old:   "io.ReadFull(s.cfg.Rand, c.IV[:])",
		new:   "io.ReadFull(s.cfg.Rand, make([]byte, len(c.IV)))",
		cases: []string{"4.8/1"},
	},
	{
		rule:  "the signature length",
		file:  "zrtp/wire/confirm.go",
		old:   "if len(r.b) != 4*words {",
		new:   "if false {",
		cases: []string{"5.7/3"},
	},
	{
		rule: "Conf2ACK is not for the responder",
		file: "zrtp/confirm.go",
		old: `if wire.TypeOf(msg) != wire.TypeConfirm2 {
		return s.state, errUnused`,
		new: `if wire.TypeOf(msg) != wire.TypeConfirm2 {
		s.keysAgreed(now)
		s.secure()
		return stateSecure, nil`,
		cases: []string{"4.6/6"},
	},
}
