package softphone

// goClear goes on without encryption, where the user allowed that of this one call
// (--allow clear) and the other phone knows no ZRTP. It is the only way to a voice in
// the clear.
func (c *call) goClear() {
	if !c.phone.cfg.Policy.MayClear(c.facts) {
		return
	}
	c.session.Close()
	c.session = nil
	if err := c.stream.ArmClear(c.parameters()); err != nil {
		c.fail(err)
		return
	}
	c.facts.InClear = true
	c.emit(Notice{Head: c.head(), Text: "WARNING: the other phone knows no encryption, and you allowed a call without: everyone on the way can hear and record what both of you say."})
}

// callForHelp makes an emergency call of one that was not begun: the other end has to
// know who calls, and nobody waits for keys that do not come.
func (c *call) callForHelp() {
	c.help, c.anonymous, c.facts.Anonymous = true, false, false
	c.emit(Notice{Head: c.head(), Text: emergencyWords})
}

// speakAtOnce: no key agreement is tried.
func (c *call) speakAtOnce() {
	c.started, c.early, c.facts.NoHello = true, nil, true
	c.facts.HashSignalled = false // whatever it announces, help comes first
	c.goClear()
	c.decideVoice()
}
