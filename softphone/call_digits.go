package softphone

import (
	"errors"
	"strings"

	"karat/sip"
)

// telephoneKeys are the keys that can be sent.
const telephoneKeys = "0123456789*#"

// Errors of Phone.Digits.
var (
	ErrDigits   = errors.New("a telephone has the keys 0 to 9, * and #")
	ErrNoDigits = errors.New("keys cannot be sent in this call: they would have to go in the signalling, where everybody on the way reads them, and --dtmf-info was not given")
)

// sendDigits sends keys of a telephone. In the signalling they go only where the
// user asked for it: a menu's keys are account numbers and codes, too.
func (c *call) sendDigits(keys string) {
	switch {
	case !c.up():
		c.emit(Notice{Head: c.head(), Text: "Keys can be sent in a call that is up."})
	case keys == "" || strings.Trim(keys, telephoneKeys) != "":
		c.emit(Notice{Head: c.head(), Text: sentence(ErrDigits)})
	case !c.phone.cfg.DigitsInSignalling:
		c.emit(Notice{Head: c.head(), Text: sentence(ErrNoDigits)})
	default:
		for _, key := range keys {
			if err := c.sip.Digit(key); err != nil {
				c.emit(Notice{Head: c.head(), Text: sentence(err)})
				return
			}
		}
	}
}

// rejected: the peer does not take what was sent within the call.
func (c *call) rejected(ev sip.Rejected) {
	if !c.over && ev.Method == "INFO" {
		c.emit(Notice{Head: c.head(), Text: "The other end does not take keys in the signalling."})
	}
}
