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
