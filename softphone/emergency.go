package softphone

import (
	"errors"
	"slices"
	"strings"
)

// ErrEmergency: emergency services take plain calls only, and need to know where
// the caller is; Karat makes private calls, and hides that. Who wants it all the same
// says so of the account, and again of the call.
var ErrEmergency = errors.New("emergency services cannot be called privately, and Karat cannot tell them where you are: use any other phone, now (an account added with --emergency clear calls them with --allow clear, so that everyone on the way hears it)")

// emergencyWords are for whoever calls for help.
const emergencyWords = "You call for help, without encryption and under your own name. Say where you are: this phone does not tell it."

// callingHelp is the account to call for help from: the one named, or the first for
// which the user allowed it; and they have to say of this one call that it may go in
// the clear.
func (p *Phone) callingHelp(from string) (*account, error) {
	for _, a := range p.accounts {
		if p.cfg.Policy.AllowClear && !a.direct() && a.settings.EmergencyClear && (from == "" || from == a.address()) {
			return a, nil
		}
	}
	return nil, ErrEmergency
}

// emergencyNumbers are those of the services that most countries have.
var emergencyNumbers = []string{"112", "911", "999", "000", "110", "111", "113", "114", "115", "117", "118", "119", "122", "123", "190", "192", "193", "997", "998"}

// emergency tells whether somebody dials for help: a number alone before the @,
// or urn:service:sos (RFC 5031). A provider may have given such a number to
// somebody else; then the sentence costs a call, and nobody's life.
func emergency(target string) bool {
	uri := bareURI(target)
	if strings.HasPrefix(uri, "urn:service:sos") {
		return true
	}
	_, rest, found := strings.Cut(uri, ":")
	if !found {
		rest = uri
	}
	user, _, _ := strings.Cut(rest, "@")
	return slices.Contains(emergencyNumbers, user)
}
