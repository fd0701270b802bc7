package softphone

import (
	"karat/softphone/assay"
)

// assess computes the assay anew and says so when it changed.
func (c *call) assess() {
	report := assay.Assess(c.facts)
	if c.report != nil && sameReport(*c.report, report) {
		return
	}
	c.report = &report
	c.emit(Assayed{Head: c.head(), Report: report})
}

func sameReport(a, b assay.Report) bool {
	if a.Private != b.Private || len(a.Findings) != len(b.Findings) {
		return false
	}
	for i := range a.Findings {
		if a.Findings[i] != b.Findings[i] {
			return false
		}
	}
	return true
}

// decide asks the policy.
func (c *call) decide() assay.Decision { return c.phone.cfg.Policy.Check(c.facts) }

// decideVoice lets the microphone do what the facts allow: the assay first, so
// that the reason is known when it happens.
func (c *call) decideVoice() {
	d := c.decide()
	if d.Action == assay.Refuse {
		c.refuse(d.Why)
		return
	}
	c.assess()
	if d.Action == assay.Allow {
		c.openVoice()
		c.reportTransfer(transferDone)
		return
	}
	c.cut(voiceClosed)
}
