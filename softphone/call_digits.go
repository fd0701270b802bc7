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
	ErrNoDigits = errors.New("keys cannot be sent in this call: the other phone takes none in its voice stream, so they would have to go in the signalling, where everybody on the way reads them, and --dtmf-info was not given")
)

// sendDigits sends keys of a telephone: inside the encrypted voice (RFC 4733). In
// the signalling they go only where the user asked for it: a menu's keys are account numbers and codes, too.
func (c *call) sendDigits(keys string) {
	switch {
	case !c.up():
		c.emit(Notice{Head: c.head(), Text: "Keys can be sent in a call that is up."})
	case keys == "" || strings.Trim(keys, telephoneKeys) != "":
		c.emit(Notice{Head: c.head(), Text: sentence(ErrDigits)})
	case !c.phone.cfg.DigitsInSignalling && c.voice == voiceOpen && c.stream.PressKeys(keyCodes(keys)) == nil:
		// inside the encrypted voice
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

// keyCodes are the events of keys (RFC 4733, Section 3.2).
func keyCodes(keys string) (codes []byte) {
	for _, k := range keys {
		codes = append(codes, byte(strings.IndexRune(telephoneKeys, k)))
	}
	return codes
}

// hearKey tells of a key that the other end pressed.
func (c *call) hearKey(code byte) {
	if int(code) < len(telephoneKeys) {
		c.emit(Notice{Head: c.head(), Text: "The other end pressed " + telephoneKeys[code:code+1] + "."})
	}
}

// rejected: the peer does not take what was sent within the call.
func (c *call) rejected(ev sip.Rejected) {
	if !c.over && ev.Method == "INFO" {
		c.emit(Notice{Head: c.head(), Text: "The other end does not take keys in the signalling."})
	}
}
